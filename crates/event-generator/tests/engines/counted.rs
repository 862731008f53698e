//! Alerts that say when and who, and engines that count what they lose.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use action::Prepared;
use event_generator::load::Task;

use super::http::{Poster, over_http};
use super::{Fixture, NAMES, RULES};

/// An alert of the first rule, of an event that happened `age` ago.
fn aged(age: Duration, fields: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() - age;
    let time = jiff::Timestamp::from_nanosecond(since.as_nanos() as i128).unwrap();
    let rule = RULES[0];
    format!(r#"{{"rule":"{rule}","source":"syscall","time":"{time}","output_fields":{fields}}}"#)
}

/// A benchmark of one action that posts these alerts, each time; what is measured.
fn posting(alerts: impl Fn() -> Vec<String> + Clone + Send + Sync + 'static) -> serde_json::Value {
    let (mut fixture, ear) = Fixture::new(over_http);
    let dir = tempfile::tempdir().unwrap();
    let json = dir.path().join("result.json");
    fixture.plan.json_result = Some(json.clone());
    fixture.plan.rounds = Some(2);
    let address = ear.address().to_owned();
    fixture.tasks.push(Task::new(NAMES[0], move || {
        let (mut poster, alerts) = (Poster::to(&address), alerts.clone());
        Ok(Prepared::new(move || {
            for alert in alerts() {
                assert_eq!(poster.send("POST", &alert), 200);
            }
            Ok(())
        }))
    }));
    fixture.measure(&ear).unwrap();
    serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap()
}

#[test]
fn latency_is_from_the_event_to_the_alert() {
    let age = Duration::from_millis(50);
    let result = posting(move || {
        // Now, in this round; the alert follows when it is so old.
        let happened = Instant::now();
        while happened.elapsed() < age {
            std::thread::sleep(Duration::from_millis(1));
        }
        vec![aged(happened.elapsed(), "{}")]
    });
    let round = &result["rounds"][0];
    let latency = &round["latency"];
    assert!(round["actual"].as_u64().unwrap() > 0, "{result}");
    assert_eq!(latency["count"], round["actual"]);
    assert!(latency["p50"].as_u64().unwrap() >= 49_000_000, "{result}");
}

#[test]
fn alerts_of_earlier_events_and_other_processes_do_not_count() {
    let result = posting(|| {
        let other = format!(r#"{{"proc.pid":{}}}"#, u32::MAX);
        vec![
            aged(Duration::ZERO, "{}"),
            aged(Duration::from_secs(3600), "{}"),
            aged(Duration::ZERO, &other),
        ]
    });
    let rounds = result["rounds"].as_array().unwrap();
    for round in rounds {
        // Each act raised three alerts, and one of them counts.
        assert_eq!(
            (&round["lost"], &round["dirty"]),
            (&0.0.into(), &false.into())
        );
        // Engines call us by our number only where it is the machine's.
        let machine = std::fs::read_link("/proc/self/ns/pid").unwrap();
        if machine.as_os_str() == "pid:[4026531836]" {
            assert_eq!(round["foreign"], round["actual"], "{result}");
        }
    }
    // What came in the second round for earlier ones is set down to the first.
    let belated = &rounds[0]["actions"][0]["belated"];
    assert_eq!(belated, &rounds[1]["actual"], "{result}");
}

/// Runs a benchmark against an engine that notices every second action and, if it is honest, counts
/// the others as dropped.
fn lossy(honest: bool) -> (serde_json::Value, String) {
    let (mut fixture, ear) = Fixture::new(over_http);
    let dir = tempfile::tempdir().unwrap();
    let (json, stats): (PathBuf, PathBuf) = (dir.path().join("json"), dir.path().join("stats"));
    std::fs::write(&stats, "").unwrap();
    fixture.plan.json_result = Some(json.clone());
    fixture.plan.rounds = Some(1);
    fixture.plan.sources.files = vec![stats.clone()];
    let dropped = Arc::new(AtomicU64::new(0));
    let (address, counter) = (ear.address().to_owned(), Arc::clone(&dropped));
    fixture.tasks.push(Task::new(NAMES[0], move || {
        let (mut poster, counter) = (Poster::to(&address), Arc::clone(&counter));
        let mut turn = 0_u64;
        Ok(Prepared::new(move || {
            turn += 1;
            if turn % 2 == 1 {
                assert_eq!(poster.send("POST", &aged(Duration::ZERO, "{}")), 200);
            } else {
                counter.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        }))
    }));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // The engine's statistics, more often than a real one would.
        scope.spawn(|| {
            let mut sample = 0;
            while !over.load(Ordering::Relaxed) {
                sample += 1;
                let drops = if honest {
                    dropped.load(Ordering::Relaxed)
                } else {
                    0
                };
                let counts =
                    format!(r#"{{"events": 1000, "drops": {drops}, "preemptions": 0}}"#);
                let line = format!(
                    "{{\"sample\": {sample}, \"cur\": {counts}, \"delta\": {counts}, \"drop_pct\": 0}},\n"
                );
                let mut file = OpenOptions::new().append(true).open(&stats).unwrap();
                file.write_all(line.as_bytes()).unwrap();
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let measured = fixture.measure(&ear);
        over.store(true, Ordering::Relaxed);
        measured.unwrap();
    });
    let json = serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
    (json, fixture.lines())
}

#[test]
fn counters_explain_what_is_lost() {
    let (result, lines) = lossy(true);
    let counters = &result["rounds"][0]["counters"];
    let lost = counters["lost"].as_u64().unwrap();
    assert!(lost > 0, "{result}");
    assert_eq!(counters["counters"]["kernel_drops"], lost);
    assert_eq!(counters["unexplained"], 0);
    assert!(lines.contains("INFO counters "), "{lines}");
    assert!(!lines.contains("WARN"), "{lines}");
}

#[test]
fn what_is_lost_in_silence_is_said() {
    let (result, lines) = lossy(false);
    let counters = &result["rounds"][0]["counters"];
    assert!(counters["lost"].as_u64().unwrap() > 0, "{result}");
    assert_eq!(counters["unexplained"], counters["lost"]);
    let warning = "WARN alerts are missing that no counter of the engine explains";
    assert!(lines.contains(warning), "{lines}");
}
