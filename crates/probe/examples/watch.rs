//! Prints what a few system calls do, for a few seconds: `watch SECONDS NAME...` (all without names).

use std::process::ExitCode;
use std::time::{Duration, Instant};

use event::{EventView, Syscall};
use probe::{LogLevel, Options, Probe};

#[expect(clippy::print_stderr, reason = "it is a command line tool")]
fn log(level: LogLevel, line: &str) {
    if level != LogLevel::Debug {
        eprintln!("{line}");
    }
}

#[expect(clippy::print_stderr, reason = "it is a command line tool")]
fn main() -> ExitCode {
    match watch() {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("{err}");
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it is a command line tool"
)]
fn watch() -> Result<(), probe::Error> {
    let mut args = std::env::args().skip(1);
    let seconds = args.next().and_then(|text| text.parse().ok()).unwrap_or(5);
    let names: Vec<String> = args.collect();
    let started = Instant::now();
    let mut probe = Probe::load(&Options {
        log: Some(log),
        ..Options::default()
    })?;
    eprintln!("loaded in {:?}", started.elapsed());
    let chosen = Syscall::all()
        .iter()
        .filter(|syscall| names.is_empty() || names.iter().any(|name| name == syscall.name));
    probe.set_syscalls(chosen.map(|syscall| syscall.code))?;
    let mut reader = probe.reader()?;
    probe.attach()?;
    let end = Instant::now() + Duration::from_secs(seconds);
    while Instant::now() < end {
        let count = reader.drain(|cpu, record| match EventView::parse(record) {
            Ok(event) => println!("{cpu} {event:?}"),
            Err(err) => println!("{cpu} bad record: {err}"),
        });
        if count == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    eprintln!("{:?}", probe.counters()?);
    Ok(())
}
