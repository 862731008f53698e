//! Benchmarks against engines of our own, over both channels.
//!
//! The actions of these benchmarks tell the engine what they do and wait until its alert has come
//! back, so nothing depends on how fast the machine is.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod counted;
mod engine;
mod grpc;
mod http;
mod tls;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use action::Prepared;
use event_generator::alerts::{Ear, Tally};
use event_generator::bench::{Bench, Pace, Plan};
use event_generator::cli::{AlertFlags, Command, parse};
use event_generator::load::Task;
use event_generator::log::{Format, Level, Log};
use event_generator::{Error, Interrupt};

/// The flags that a command line gives.
pub(crate) fn alert_flags(arguments: &[&str]) -> AlertFlags {
    let line = ["event-generator", "bench", "x"].iter().chain(arguments);
    match parse(line.map(Into::into)).unwrap().command {
        Some(Command::Bench(flags)) => flags.alerts,
        other => panic!("{other:?}"),
    }
}

const NAMES: [&str; 2] = [
    "syscall.ReadSensitiveFileUntrusted",
    "syscall.WriteBelowEtc",
];
const RULES: [&str; 2] = ["Read sensitive file untrusted", "Write below etc"];

/// A benchmark of two actions that call `tell` with their rule.
struct Fixture {
    tally: Arc<Tally>,
    lines: Arc<Mutex<Vec<u8>>>,
    log: Log,
    plan: Plan,
    tasks: Vec<Task>,
}

impl Fixture {
    fn new(ear: impl FnOnce(Arc<Tally>, &Log) -> Ear) -> (Self, Ear) {
        let tally = Arc::new(Tally::new(NAMES));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Log::to(Arc::clone(&lines) as _, Level::Info, Format::Text);
        let ear = ear(Arc::clone(&tally), &log);
        let plan = Plan {
            pace: Pace::Sleep(Duration::from_millis(4)),
            faster: true,
            round: Duration::from_millis(40),
            rest: Duration::from_millis(1),
            rounds: Some(3),
            duration: None,
            workers: 1,
            humanize: true,
            dry_run: false,
            sources: event_generator::watch::Sources::default(),
            first_alert_timeout: Duration::from_secs(60),
            silence: Duration::from_millis(1),
            json_result: None,
        };
        (
            Self {
                tally,
                lines,
                log,
                plan,
                tasks: Vec::new(),
            },
            ear,
        )
    }

    /// Adds an action that is done by telling the engine, every `every`th time.
    fn add<T: FnMut(&str) + Send + 'static>(
        &mut self,
        at: usize,
        every: usize,
        tell: impl Fn() -> T + Send + Sync + 'static,
    ) {
        let tally = Arc::clone(&self.tally);
        let prepare = move || {
            let (tally, mut tell) = (Arc::clone(&tally), tell());
            let mut times = 0;
            Ok(Prepared::new(move || {
                times += 1;
                if times % every == 0 {
                    let heard = tally.heard(at);
                    tell(RULES[at]);
                    while tally.heard(at) == heard {
                        std::thread::yield_now();
                    }
                }
                Ok(())
            }))
        };
        self.tasks.push(Task::new(NAMES[at], prepare));
    }

    /// Returns how many actions failed.
    fn measure(&mut self, ear: &Ear) -> Result<usize, Error> {
        let tasks = std::mem::take(&mut self.tasks);
        Bench {
            plan: &self.plan,
            ear: Some(ear),
            tally: &self.tally,
            interrupt: &Interrupt::default(),
            log: &self.log,
        }
        .measure_plainly(tasks)
    }

    fn lines(&self) -> String {
        String::from_utf8(self.lines.lock().unwrap().clone()).unwrap()
    }
}
