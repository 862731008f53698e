//! The statistics file, against published samples and against its own parser.

use std::path::Path;

use metrics::{
    KernelCounts, StatisticsWriter, extras_from, parse_statistics, parse_statistics_line,
};
use proptest::prelude::*;

fn counts(events: u64, drops: u64) -> KernelCounts {
    KernelCounts {
        events,
        drops,
        preemptions: 0,
    }
}

fn lines(extras: &[(&str, &str)], counts: &[KernelCounts]) -> String {
    let mut out = Vec::new();
    let extras = extras
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let mut writer = StatisticsWriter::new(&mut out, extras);
    for &counts in counts {
        writer.write(counts).expect("a vector takes all");
    }
    String::from_utf8(out).expect("text")
}

#[test]
fn lines_of_a_run() {
    assert_eq!(
        lines(
            &[],
            &[
                counts(1_000, 0),
                counts(3_000, 1),
                counts(3_000, 1),
                counts(10_003_000, 2)
            ]
        ),
        "{\"sample\": 1, \"cur\": {\"events\": 1000, \"drops\": 0, \"preemptions\": 0}, \
         \"delta\": {\"events\": 1000, \"drops\": 0, \"preemptions\": 0}, \"drop_pct\": 0},\n\
         {\"sample\": 2, \"cur\": {\"events\": 3000, \"drops\": 1, \"preemptions\": 0}, \
         \"delta\": {\"events\": 2000, \"drops\": 1, \"preemptions\": 0}, \"drop_pct\": 0.05},\n\
         {\"sample\": 3, \"cur\": {\"events\": 3000, \"drops\": 1, \"preemptions\": 0}, \
         \"delta\": {\"events\": 0, \"drops\": 0, \"preemptions\": 0}, \"drop_pct\": 0},\n\
         {\"sample\": 4, \"cur\": {\"events\": 10003000, \"drops\": 2, \"preemptions\": 0}, \
         \"delta\": {\"events\": 10000000, \"drops\": 1, \"preemptions\": 0}, \"drop_pct\": 1e-05},\n"
    );
}

#[test]
fn extras_follow_the_sample() {
    let environment = [
        ("PATH", "/bin"),
        ("FALCO_STATS_EXTRA_run", "7"),
        ("FALCO_STATS_EXTRA_", "no key"),
        ("FALCO_STATS_EXTRA_host", "n1"),
    ];
    let extras = extras_from(environment.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!(
        extras,
        [
            ("run".to_owned(), "7".to_owned()),
            ("host".to_owned(), "n1".to_owned())
        ]
    );
    let line = lines(&[("run", "7"), ("host", "n1")], &[counts(1, 0)]);
    assert!(
        line.starts_with(
            "{\"sample\": 1, \"run\": \"7\", \"host\": \"n1\", \"cur\": {\"events\": 1,"
        ),
        "{line}"
    );
    let sample = parse_statistics_line(&line).expect("a sample");
    assert_eq!(sample.extras["host"], "n1");
}

#[test]
fn files_are_appended_to_and_series_start_again() {
    let path = std::env::temp_dir().join(format!("statistics-{}.txt", std::process::id()));
    for _ in 0..2 {
        let mut writer = StatisticsWriter::open(&path).expect("a temporary file");
        writer.write(counts(5, 0)).expect("written");
        writer.write(counts(9, 0)).expect("written");
    }
    let text = std::fs::read_to_string(&path).expect("readable");
    std::fs::remove_file(&path).expect("removable");
    let samples = parse_statistics(&text).expect("samples");
    assert_eq!(
        samples
            .iter()
            .map(|sample| sample.sample)
            .collect::<Vec<_>>(),
        [1, 2, 1, 2]
    );
    assert_eq!(samples[2].delta.events, 5);
}

/// Every published line follows from the counts alone, byte for byte.
#[test]
fn published_samples_are_reproduced() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/conformance/capacity/statistics.txt");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is absent", path.display());
        return;
    };
    let samples = parse_statistics(&text).expect("samples");
    assert!(samples.len() > 5, "only {} samples", samples.len());
    // The first line's predecessor is known from its own delta.
    let first = &samples[0];
    let before = KernelCounts {
        events: first.cur.events - first.delta.events,
        drops: first.cur.drops - first.delta.drops,
        preemptions: first.cur.preemptions - first.delta.preemptions,
    };
    let mut run = vec![before; usize::try_from(first.sample - 1).expect("a small number")];
    run.extend(samples.iter().map(|sample| sample.cur));
    let written = lines(&[], &run);
    let written: Vec<_> = written.lines().skip(run.len() - samples.len()).collect();
    assert_eq!(written, text.lines().collect::<Vec<_>>());
}

#[test]
fn lines_that_are_no_samples_are_named() {
    let good = lines(&[], &[counts(1, 0)]);
    let error = parse_statistics(&format!("{good}\n{{\"sample\": 2}},\n")).unwrap_err();
    assert_eq!(error.line, 3);
    assert!(error.to_string().contains("line 3"), "{error}");
    for line in [
        "",
        "[",
        "{}",
        "null",
        "{\"sample\": -1}",
        &"{".repeat(100_000),
    ] {
        assert!(parse_statistics_line(line).is_err(), "{line:.20}");
    }
}

proptest! {
    /// What is written is read back, whatever the counts do.
    #[test]
    fn round_trip(run in proptest::collection::vec((any::<u64>(), any::<u64>(), any::<u64>()), 1..20)) {
        let run: Vec<_> = run
            .into_iter()
            .map(|(events, drops, preemptions)| KernelCounts { events, drops, preemptions })
            .collect();
        let samples = parse_statistics(&lines(&[], &run)).expect("samples");
        prop_assert_eq!(samples.len(), run.len());
        for (index, (sample, counts)) in samples.iter().zip(&run).enumerate() {
            prop_assert_eq!(sample.sample, index as u64 + 1);
            prop_assert_eq!(sample.cur, *counts);
            let exact = sample.delta.drop_pct();
            prop_assert!((sample.drop_pct - exact).abs() <= exact * 1e-5);
        }
    }
}
