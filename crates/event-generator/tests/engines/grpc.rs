//! Over gRPC.

use std::sync::Arc;
use std::time::Duration;

use action::{Failure, Prepared};
use event_generator::Error;
use event_generator::alerts::{self, Ear, Tally};
use event_generator::load::Task;
use event_generator::log::Log;

use super::engine::{Habit, start_engine};
use super::{Fixture, NAMES, RULES, alert_flags};

fn over_grpc(path: &std::path::Path) -> impl FnOnce(Arc<Tally>, &Log) -> Ear {
    let socket = format!("--grpc-unix-socket=unix://{}", path.display());
    move |tally, log| {
        let flags = alert_flags(&[&socket]);
        alerts::listen(&flags, Duration::from_millis(2), tally, log).unwrap()
    }
}

fn nothing_is_lost_over_grpc(name: &str, habit: Habit) {
    let (path, tell) = start_engine(name, habit);
    let (mut fixture, ear) = Fixture::new(over_grpc(&path));
    for at in 0..2 {
        let tell = tell.clone();
        fixture.add(at, 1, move || {
            let tell = tell.clone();
            move |rule: &str| tell.send(rule.to_owned()).unwrap()
        });
    }
    fixture.measure(&ear).unwrap();
    let lines = fixture.lines();
    for round in [
        "#1                                      sleep=4ms",
        "#2                                      sleep=2ms",
        "#3                                      sleep=1ms",
    ] {
        assert!(
            lines.contains(&format!("INFO round {round}\nINFO resting...\n")),
            "{lines}"
        );
    }
    assert_eq!(lines.matches("ratio=1\n").count(), 6, "{lines}");
    assert_eq!(lines.matches("lost=\"0%\"").count(), 3, "{lines}");
    assert!(
        lines.contains("INFO summary                                       best="),
        "{lines}"
    );
    assert!(!lines.contains("WARN"), "{lines}");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn nothing_is_lost_by_an_engine_that_pushes() {
    nothing_is_lost_over_grpc("push", Habit::Push);
}

#[test]
fn nothing_is_lost_by_an_engine_that_waits_to_be_asked() {
    nothing_is_lost_over_grpc("ask", Habit::WhenAsked);
}

#[test]
fn losses_show_and_what_fails_does_not_count() {
    let (path, tell) = start_engine("lossy", Habit::Push);
    let (mut fixture, ear) = Fixture::new(over_grpc(&path));
    let json = path.with_extension("json");
    fixture.plan.json_result = Some(json.clone());
    // Only every second one is noticed.
    fixture.add(0, 2, move || {
        let tell = tell.clone();
        move |rule: &str| tell.send(rule.to_owned()).unwrap()
    });
    fixture.tasks.push(Task::new(NAMES[1], || {
        Err(Failure::skipped("only applicable to containers"))
    }));
    fixture.plan.first_alert_timeout = Duration::ZERO;
    fixture.plan.rounds = Some(1);
    fixture.measure(&ear).unwrap();
    let lines = fixture.lines();
    let skipped = "WARN action skipped                                action=syscall.WriteBelowEtc reason=\"only applicable to containers\"\n";
    assert_eq!(lines.matches(skipped).count(), 1, "{lines}");
    let silent = "WARN no alert when done once; is its rule loaded and enabled?  action=syscall.ReadSensitiveFileUntrusted\n";
    assert!(lines.contains(silent), "{lines}");
    let result: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let round = &result["rounds"][0];
    let (expected, actual) = (
        round["expected"].as_u64().unwrap(),
        round["actual"].as_u64().unwrap(),
    );
    // It was done once before the rounds, unnoticed; so the first of the round is noticed.
    assert_eq!(actual, expected.div_ceil(2));
    assert_eq!(round["actions"][1]["expected"], 0);
    let ratio = actual as f64 / expected as f64;
    assert!((round["lost"].as_f64().unwrap() - (1.0 - ratio)).abs() < 1e-9);
    assert_eq!(result["left_out"][0]["action"], NAMES[1]);
    assert_eq!(result["left_out"][0]["skipped"], true);
    std::fs::remove_file(json).unwrap();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn more_alerts_than_actions_repeat_the_round() {
    let (path, tell) = start_engine("dirty", Habit::Push);
    let (mut fixture, ear) = Fixture::new(over_grpc(&path));
    fixture.add(0, 1, move || {
        let tell = tell.clone();
        // Two alerts for one action.
        move |rule: &str| {
            tell.send(rule.to_owned()).unwrap();
            tell.send(rule.to_owned()).unwrap();
        }
    });
    fixture.plan.rounds = Some(2);
    fixture.measure(&ear).unwrap();
    let lines = fixture.lines();
    let repeated = "WARN unexpected events received, retrying with sleep=4ms\n";
    assert_eq!(lines.matches(repeated).count(), 2, "{lines}");
    assert_eq!(
        lines.matches("sleep=4ms\nINFO resting").count(),
        2,
        "{lines}"
    );
    std::fs::remove_file(path).unwrap();
}

#[test]
fn an_engine_that_goes_away_ends_the_benchmark() {
    let (path, tell) = start_engine("gone", Habit::Push);
    let (mut fixture, ear) = Fixture::new(over_grpc(&path));
    fixture
        .tasks
        .push(Task::new(NAMES[0], || Ok(Prepared::new(|| Ok(())))));
    // The engine ends its stream when nobody can tell it anything any more.
    drop(tell);
    let error = fixture.measure(&ear).unwrap_err();
    assert_eq!(
        error.to_string(),
        "alerts can no longer be heard: the engine ended the stream"
    );
    std::fs::remove_file(path).unwrap();
}

#[test]
fn nothing_to_do_is_an_error() {
    let (path, _tell) = start_engine("idle", Habit::Push);
    let (mut fixture, ear) = Fixture::new(over_grpc(&path));
    fixture
        .tasks
        .push(Task::new(NAMES[0], || Err(Failure::skipped("no"))));
    assert!(matches!(fixture.measure(&ear), Err(Error::NothingToDo)));
    std::fs::remove_file(path).unwrap();
}

/// Not a test but a measurement; `cargo test --release -- --ignored --nocapture heard_a_second`.
#[test]
#[ignore = "measures; says nothing about right or wrong"]
fn how_many_alerts_are_heard_a_second() {
    const ALERTS: u64 = 1_000_000;
    let (path, tell) = start_engine("measure", Habit::Push);
    let (fixture, _ear) = Fixture::new(over_grpc(&path));
    let begin = std::time::Instant::now();
    for _ in 0..ALERTS {
        tell.send(RULES[0].to_owned()).unwrap();
    }
    while fixture.tally.heard(0) < ALERTS {
        assert!(
            begin.elapsed() < Duration::from_secs(600),
            "alerts are missing"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
    eprintln!(
        "{:.0} alerts/s",
        ALERTS as f64 / begin.elapsed().as_secs_f64()
    );
    std::fs::remove_file(path).unwrap();
}
