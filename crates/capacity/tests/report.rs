//! A report of a run against an engine of known capacity, in every form.

use capacity::diagnosis::{Baseline, Limits, explain};
use capacity::report::{
    Engine, Machine, Method, Report, Run, TimedSample, VERSION, html, markdown, text,
};
use capacity::round::{Criterion, Latency, Round};
use capacity::search::{Plan, Search, Step, Verdict};

/// What an engine that holds `capacity` alerts a second gives.
fn run(cpus: f64, capacity: f64) -> Run {
    let mut search = Search::new(Plan {
        start: 1000.0,
        most: 1e6,
        least: 10.0,
        precision: 0.05,
        attempts: 1,
    });
    let (mut rounds, mut samples) = (Vec::new(), Vec::new());
    let outcome = loop {
        let (phase, rate) = match search.next() {
            Step::Done(outcome) => break outcome,
            Step::Offer { phase, rate } => (phase, rate),
        };
        let number = rounds.len() as u32 + 1;
        let held = rate.min(capacity);
        let begin = f64::from(number - 1) * 8.0;
        for second in 0..8 {
            let loaded = second < 5;
            let on = if loaded { 1.0 } else { 0.0 };
            samples.push(TimedSample {
                at: begin + f64::from(second + 1),
                seconds: 1.0,
                round: number,
                loaded,
                events: Some((40.0 * rate * on) as u64),
                kernel_drops: Some((40.0 * (rate - held) * on) as u64),
                queue_drops: Some(0),
                done: (rate * on) as u64,
                alerts: (held * on) as u64,
                engine_cpus: Some(cpus * held / capacity * on),
                load_cpus: 0.3 * on,
                latency_p99: loaded.then_some(3.0),
            });
        }
        rounds.push(Round {
            number,
            phase,
            seconds: 5.0,
            offered: Some(rate),
            achieved: rate,
            pause: None,
            events_per_second: Some(40.0 * rate),
            load_syscalls: None,
            expected: (5.0 * rate) as u64,
            actual: (5.0 * held) as u64,
            kernel_drops: Some((200.0 * (rate - held)) as u64),
            queue_drops: Some(0),
            engine_cpus: Some(cpus * held / capacity),
            throttled: Some(if rate > held { 0.8 } else { 0.0 }),
            resident: Some(25_000_000),
            load_cpus: 0.3,
            other_cpus: 0.01,
            stolen_cpus: 0.0,
            speed: Some(1.0),
            catch_up: Some(0.2),
            latency: Some(Latency {
                p50: 1.0,
                p99: 3.0,
                max: 9.0,
            }),
            actions: Vec::new(),
        });
        search.record(Verdict {
            achieved: rate,
            is_clean: rate <= capacity,
            is_disturbed: false,
        });
    };
    let limits = Limits {
        cpus: Some(cpus),
        memory: Some(512 << 20),
    };
    let baseline = Baseline {
        seconds: 3.0,
        events_per_second: Some(120.0),
        kernel_drops: Some(0),
        engine_cpus: Some(0.01),
        other_cpus: 0.02,
    };
    let findings = explain(
        &rounds,
        outcome,
        Criterion::Strict,
        Some(&baseline),
        limits,
        2.0,
    );
    let mut run = Run {
        limits,
        baseline: Some(baseline),
        syscalls_per_second: None,
        eps: None,
        rounds,
        samples,
        outcome,
        findings,
    };
    let limit = run.limit_round(Criterion::Strict).cloned();
    run.syscalls_per_second = limit.as_ref().and_then(|round| round.events_per_second);
    run.eps = limit.map(|round| round.achieved);
    run
}

fn report(name: &str, scale: f64) -> Report {
    Report {
        version: VERSION,
        began: "2021-01-12T10:00:00Z".to_owned(),
        seconds: 240.0,
        engine: Engine {
            name: name.to_owned(),
            command: "engine -c '<config>' & more".to_owned(),
            version: None,
        },
        machine: Machine {
            cpus: 2,
            model: "a CPU".to_owned(),
            kernel: "6.1".to_owned(),
            memory: 8 << 30,
            speed: Some(1e6),
        },
        method: Method {
            load: vec!["ReadSensitiveFileUntrusted".to_owned()],
            raises_alerts: true,
            workers: 2,
            open_loop: true,
            criterion: Criterion::Strict,
            precision: 0.05,
            pinned: true,
            in_memory: true,
            alerts: "gRPC".to_owned(),
        },
        runs: vec![run(0.5, 7000.0 * scale), run(1.0, 13_000.0 * scale)],
    }
}

#[test]
fn tables_have_a_row_for_each_size() {
    let report = report("peregrine", 1.0);
    for table in [text(&report), markdown(&report)] {
        for cell in ["0.5", "512Mi", "limit found", "throttled in 80 %"] {
            assert!(table.contains(cell), "{cell} is missing:\n{table}");
        }
    }
    let eps: Vec<f64> = report.runs.iter().filter_map(|run| run.eps).collect();
    assert!((6650.0..=7000.0).contains(&eps[0]), "{eps:?}");
    assert!((12_350.0..=13_000.0).contains(&eps[1]), "{eps:?}");
}

#[test]
fn json_comes_back_as_it_was() {
    let report = report("peregrine", 1.0);
    let text = serde_json::to_string(&report).expect("a report is JSON");
    assert_eq!(
        serde_json::from_str::<Report>(&text).expect("valid"),
        report
    );
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let page = html(&[report("peregrine", 1.0), report("<other> & co", 0.5)]);
    if let Some(path) = std::env::var_os("CAPACITY_PAGE") {
        std::fs::write(path, &page).expect("the page is written");
    }
    assert!(page.contains("&lt;other&gt; &amp; co"));
    assert!(!page.contains("<other>"));
    for outside in ["http:", "https:", "src=", "<script", "url(", "@import"] {
        let found = page.matches(outside).count();
        // The name space of SVG is a name, nobody asks for it.
        let names = page.matches("xmlns=\"http:").count();
        let allowed = if outside == "http:" { names } else { 0 };
        assert_eq!(found, allowed, "{outside}");
    }
    // Two plots over sizes and rates, four for each of four runs.
    assert_eq!(page.matches("<svg").count(), 2 + 4 * 4);
    assert_eq!(page.matches("<tr").count(), page.matches("</tr>").count());
}
