//! The article's own lines, through the whole of the analysis.

use std::fs;
use std::path::PathBuf;

use capacity::article::{Analysis, Chosen, analyze};
use capacity::read::{bench_log, statistics};

/// The text of a file of conformance data, or `None` with a line that says so.
#[expect(clippy::print_stderr, reason = "this is how a test says that it skips")]
fn given(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/conformance/capacity")
        .join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(_) => {
            eprintln!("skipped: {} is absent", path.display());
            None
        }
    }
}

fn analysis(statistics_file: Option<&str>, log: &str) -> Option<Analysis> {
    let samples = match statistics_file {
        Some(name) => statistics(&given(name)?).expect("the article's lines are valid"),
        None => Vec::new(),
    };
    let rounds = bench_log(&given(log)?).expect("the article's lines are valid");
    Some(analyze(&samples, &rounds, 1.0))
}

#[test]
fn the_first_example() {
    let Some(found) = analysis(Some("statistics.txt"), "bench-rounds-14-15.txt") else {
        return;
    };
    let syscalls = found.syscalls.expect("there are samples");
    assert_eq!(syscalls.per_second.floor(), 365_098.0);
    assert_eq!(syscalls.used, [2963, 2964, 2965, 2966]);
    assert_eq!(syscalls.rests, [2961, 2969, 2970, 2971]);
    assert_eq!(syscalls.edges, [2962, 2968]);
    assert_eq!(syscalls.first_drop, Some(2967));
    assert_eq!(syscalls.drops, 15_983 + 28_509);
    let alerts = found.alerts.expect("there are rounds");
    assert_eq!((alerts.round, alerts.eps), (14, 8674.2));
    assert_eq!(alerts.chosen, Chosen::BeforeDrops);
    assert_eq!(alerts.saturation, None);
}

#[test]
fn the_second_example_is_a_saturated_load() {
    let Some(found) = analysis(None, "bench-saturated.txt") else {
        return;
    };
    let saturation = found
        .alerts
        .expect("there are rounds")
        .saturation
        .expect("the load is the limit");
    assert_eq!(saturation.rounds, [12, 13, 14]);
    assert_eq!(saturation.eps, 1072.2);
    let micros = saturation.per_action.as_micros();
    assert!((850..1000).contains(&micros), "{micros} µs an action");
}
