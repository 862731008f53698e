//! The commands `suite run`, `suite test` and `suite explain`.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use suite::Test;

use super::collect::{Collected, Collector};
use super::runner::{self, Ran};
use super::verify::{Judged, judge};
use super::{gather, report};
use crate::alerts;
use crate::cli::{ExplainFormat, SuiteCommand, SuiteExplainFlags, SuiteRunFlags, SuiteTestFlags};
use crate::log::Log;
use crate::{Error, Interrupt};

/// Executes a command about suites.
///
/// # Errors
/// What kept it from being executed. That a test failed is not an error but an exit code.
pub(crate) fn execute(command: &SuiteCommand, log: &Log) -> Result<ExitCode, Error> {
    match command {
        SuiteCommand::Explain(flags) => explain(flags),
        SuiteCommand::Run(flags) => run(flags, &Interrupt::by_signals()?, log),
        SuiteCommand::Test(flags) => test(flags, &Interrupt::by_signals()?, log),
    }
}

fn explain(flags: &SuiteExplainFlags) -> Result<ExitCode, Error> {
    let with = flags
        .with
        .iter()
        .map(|pair| match pair.split_once('=') {
            Some((key, value)) => Ok((key.to_owned(), value.to_owned())),
            None => Err(Error::Flags(format!(
                "--with takes key=value, not '{pair}'"
            ))),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let format = match flags.format {
        ExplainFormat::Text => suite::Format::Text,
        ExplainFormat::Yaml => suite::Format::Yaml,
    };
    let text = suite::explain(flags.path.as_deref().unwrap_or_default(), &with, format)
        .map_err(|error| Error::Flags(error.to_string()))?;
    crate::commands::print(&text)
}

/// Reads and checks the suites; what is wrong with them is shown where it stands.
fn load(flags: &SuiteRunFlags, needs_rules: bool, log: &Log) -> Result<Vec<Test>, Error> {
    let ignored = [
        (
            "--container-runtime-unix-socket",
            &flags.container_runtime_unix_socket,
        ),
        ("--container-base-image", &flags.container_base_image),
        (
            "--container-image-pull-policy",
            &flags.container_image_pull_policy,
        ),
    ];
    for (flag, _) in ignored.iter().filter(|(_, value)| value.is_some()) {
        let message =
            format!("{flag} has no effect: the event generator makes the container itself");
        log.warn(&message, &[]);
    }
    let sources = gather::descriptions(flags)?;
    let loaded = suite::load(&sources, needs_rules);
    let mut stderr = std::io::stderr();
    let text = suite::render(&sources, &loaded.problems, stderr.is_terminal());
    // Where could a failure to write to standard error be said?
    let _ = stderr.write_all(text.as_bytes());
    if loaded.has_errors() {
        let errors = loaded
            .problems
            .iter()
            .filter(|problem| problem.is_error)
            .count();
        let s = if errors == 1 { "" } else { "s" };
        return Err(Error::Flags(format!(
            "the suites have {errors} error{s}; no test was run"
        )));
    }
    Ok(loaded.tests)
}

fn run(flags: &SuiteRunFlags, interrupt: &Interrupt, log: &Log) -> Result<ExitCode, Error> {
    let tests = load(flags, false, log)?;
    let deadline = Instant::now() + flags.timeout;
    let ran = all(tests, flags, deadline, interrupt, log)?;
    Ok(finish_run(&ran, log))
}

/// Sums up tests whose alerts nobody looks at.
fn finish_run(ran: &[(Test, Ran)], log: &Log) -> ExitCode {
    let failed = ran.iter().filter(|(_, ran)| ran.error.is_some()).count();
    let skipped = ran.iter().filter(|(_, ran)| ran.skipped.is_some()).count();
    let counts = [
        ("executed", (ran.len() - failed - skipped).into()),
        ("failed", failed.into()),
        ("skipped", skipped.into()),
    ];
    if failed > 0 {
        log.error("tests failed", &counts);
        return ExitCode::FAILURE;
    }
    log.info("tests finished", &counts);
    ExitCode::SUCCESS
}

fn test(flags: &SuiteTestFlags, interrupt: &Interrupt, log: &Log) -> Result<ExitCode, Error> {
    let tests = load(&flags.run, true, log)?;
    if flags.skip_outcome_verification {
        let ran = all(
            tests,
            &flags.run,
            Instant::now() + flags.run.timeout,
            interrupt,
            log,
        )?;
        return Ok(finish_run(&ran, log));
    }
    let collected = Arc::new(Collected::default());
    let hearer = Arc::new(Collector(Arc::clone(&collected)));
    let ear = alerts::whole::listen(
        &flags.alerts,
        &flags.follow,
        flags.polling_interval,
        hearer,
        log,
    )?;
    let deadline = Instant::now() + flags.run.timeout;
    let ran = all(tests, &flags.run, deadline, interrupt, log)?;
    let judged = judge(
        ran,
        &collected,
        flags.alert_timeout,
        deadline,
        interrupt,
        || ear.failure(),
    );
    let in_time = Instant::now() < deadline;
    explain_silence(&judged, &collected, ear.address(), log);
    crate::commands::print(&report::render(&judged, flags.report_format))?;
    let count = |name: &str| {
        judged
            .iter()
            .filter(|judged| judged.status.name() == name)
            .count()
    };
    let counts = [
        ("passed", count("passed").into()),
        ("failed", count("failed").into()),
        ("errors", count("error").into()),
        ("skipped", count("skipped").into()),
    ];
    let bad = judged.iter().any(|judged| judged.status.is_bad());
    if !in_time && bad {
        log.error(
            "the suite took longer than --timeout",
            &[("timeout", flags.run.timeout.into())],
        );
    }
    if bad || interrupt.is_set() {
        log.error("tests failed", &counts);
        return Ok(ExitCode::FAILURE);
    }
    log.info("tests finished", &counts);
    Ok(ExitCode::SUCCESS)
}

/// When tests fail because alerts cannot be told apart, or none comes, says what to configure.
fn explain_silence(judged: &[Judged], collected: &Collected, address: &str, log: &Log) {
    if !judged.iter().any(|judged| judged.status.name() == "failed") {
        return;
    }
    let (heard, anonymous) = collected.counts();
    if heard == 0 {
        let message =
            format!("no alert came at all: does the engine send alerts as JSON to {address}?");
        log.warn(&message, &[]);
    } else if anonymous > 0 {
        let message = "alerts without proc.env and proc.pid cannot be told apart: let the engine append \
                       proc.env (append_output: [{extra_fields: [proc.env]}])";
        log.warn(message, &[("alerts", anonymous.into())]);
    }
}

/// Runs all tests, as many at a time as was asked for; the results are in the order of the tests.
fn all(
    tests: Vec<Test>,
    flags: &SuiteRunFlags,
    deadline: Instant,
    interrupt: &Interrupt,
    log: &Log,
) -> Result<Vec<(Test, Ran)>, Error> {
    action::sandbox::sweep();
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Ran)>> = Mutex::default();
    let marks = tests
        .iter()
        .map(|_| super::token(8).map_err(Error::io("read /dev/urandom")))
        .collect::<Result<Vec<_>, _>>()?;
    std::thread::scope(|scope| {
        for _ in 0..flags
            .parallel
            .min(u16::try_from(tests.len()).unwrap_or(u16::MAX))
        {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let (Some(test), Some(mark)) = (tests.get(index), marks.get(index)) else {
                        return;
                    };
                    let ran = one(test, mark, flags, deadline, interrupt, log);
                    done.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((index, ran));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    Ok(tests
        .into_iter()
        .zip(done.into_iter().map(|(_, ran)| ran))
        .collect())
}

fn one(
    test: &Test,
    token: &str,
    flags: &SuiteRunFlags,
    deadline: Instant,
    interrupt: &Interrupt,
    log: &Log,
) -> Ran {
    let not_run = |why: &str| Ran {
        error: Some(why.to_owned()),
        skipped: None,
        pids: std::collections::HashSet::new(),
        token: token.to_owned(),
        took: Duration::ZERO,
        ended: Instant::now(),
    };
    let ran = if interrupt.is_set() {
        not_run("interrupted before it began")
    } else if Instant::now() >= deadline {
        not_run("the suite took longer than --timeout before it began")
    } else {
        runner::run(test, token, flags.in_place, deadline, interrupt)
    };
    let name = || ("test", test.name.as_str().into());
    match (&ran.error, &ran.skipped) {
        (Some(error), _) => log.error("test error", &[name(), ("error", error.as_str().into())]),
        (_, Some(reason)) => log.warn(
            "test skipped",
            &[name(), ("reason", reason.as_str().into())],
        ),
        _ => log.info("test executed", &[name()]),
    }
    ran
}
