//! The course of a benchmark: first alerts, rounds, summary.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use action::Failure;

use super::command::MOMENT;
use super::print;
use super::result::Record;
use super::rounds::{Pace, Rounds};
use super::screen::{Live, Phase, Screen};
use super::statistics::{ActionCount, Statistics};
use super::{Account, ActionTime, Next, Slow, slowest};
use crate::alerts::{Ear, Tally};
use crate::go::format_duration;
use crate::load::{Descriptors, Done, Load, Task};
use crate::log::Log;
use crate::watch::{EngineCounters, EngineSample, Process, Sources, Usage, Watch};
use crate::{Error, Interrupt};

/// What to measure, and how.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The pace of the first round.
    pub pace: Pace,
    /// Whether to double it after each clean round.
    pub faster: bool,
    /// How long a round is loaded.
    pub round: Duration,
    /// How long it rests.
    pub rest: Duration,
    /// Stop after so many rounds.
    pub rounds: Option<u64>,
    /// Begin no round after so long.
    pub duration: Option<Duration>,
    /// Threads that do the actions.
    pub workers: usize,
    /// Numbers for people.
    pub humanize: bool,
    /// The user asked for no alerts.
    pub dry_run: bool,
    /// Where to watch the engine.
    pub sources: Sources,
    /// How long to wait for first alerts.
    pub first_alert_timeout: Duration,
    /// How long silence has to last to count as silence.
    pub silence: Duration,
    /// Where to write what was measured.
    pub json_result: Option<PathBuf>,
}

/// A benchmark. Without an ear, no alerts are expected.
#[derive(Clone, Copy, Debug)]
pub struct Bench<'a> {
    /// What to measure.
    pub plan: &'a Plan,
    /// What hears alerts, and tells `tally`.
    pub ear: Option<&'a Ear>,
    /// Counts them. It has to know the same actions, in the same order, as the tasks.
    pub tally: &'a Tally,
    /// Ends it early.
    pub interrupt: &'a Interrupt,
    /// Where lines go.
    pub log: &'a Log,
}

/// What a round came to.
pub(super) struct Round {
    pub(super) counts: Vec<ActionCount>,
    pub(super) statistics: Statistics,
    pub(super) done: Done,
    pub(super) latency: hdrhistogram::Histogram<u64>,
    pub(super) foreign: u64,
    /// Alerts that came in this round for the one before, of each action.
    pub(super) belated: Vec<u64>,
    pub(super) samples: Vec<EngineSample>,
    pub(super) account: Option<Account>,
    pub(super) slow: Option<Slow>,
}

/// How long to wait after a rest for the engine to say what it counted. Statistics come every five
/// seconds unless told otherwise.
const COUNTERS_WITHIN: Duration = Duration::from_secs(10);

impl Bench<'_> {
    /// Measures until the plan's end or an interruption. Returns how many actions failed; those that
    /// were only skipped are not among them.
    ///
    /// # Errors
    /// When nothing can be done, no alert can come, or the engine has ended.
    pub fn measure_plainly(&self, tasks: Vec<Task>) -> Result<usize, Error> {
        self.measure(tasks, None)
    }

    /// The same, on a screen if there is one.
    pub(super) fn measure(
        &self,
        tasks: Vec<Task>,
        screen: Option<&mut Screen>,
    ) -> Result<usize, Error> {
        let names: Vec<&'static str> = tasks.iter().map(|task| task.name).collect();
        let process = self.plan.sources.pid.map(Process::watch).transpose()?;
        let watch = Watch::start(&self.plan.sources)?;
        let load = Load::start(tasks, self.plan.workers, Descriptors::Own)
            .map_err(Error::io("start the threads that do actions"))?;
        let record = Record::new(self.plan, &names);
        let counters = watch.counters();
        let mut run = Run {
            bench: *self,
            names,
            process,
            watch,
            load,
            record,
            counters,
            screen,
        };
        run.leave_out_refused();
        if run.load.is_idle() {
            return Err(Error::NothingToDo);
        }
        if let Some(ear) = self.ear {
            run.first_alerts(ear)?;
            if run.load.is_idle() {
                return Err(Error::NothingToDo);
            }
        }
        let rounds = run.rounds();
        if self.interrupt.is_set() {
            let message = format!("received {}, shutting down", self.interrupt.signal());
            self.log.info(&message, &[]);
        }
        rounds?;
        let failed = run.record.failed();
        if self.plan.rounds.is_some() || self.plan.duration.is_some() {
            print::summary(&run.record, self.plan.humanize, self.log);
        }
        // What the actions made is undone before we say that we are done.
        drop(run);
        if self.interrupt.is_set() {
            self.log.info("shutdown completed", &[]);
        }
        Ok(failed)
    }
}

/// A benchmark under way.
struct Run<'a, 's> {
    bench: Bench<'a>,
    names: Vec<&'static str>,
    process: Option<Process>,
    watch: Watch,
    load: Load,
    record: Record,
    /// What the engine had counted when the round began, so that rounds leave no gap.
    counters: EngineCounters,
    screen: Option<&'s mut Screen>,
}

impl Run<'_, '_> {
    fn rounds(&mut self) -> Result<(), Error> {
        let plan = self.bench.plan;
        let began = Instant::now();
        let mut rounds = Rounds::new(plan.pace, plan.faster);
        while !self.bench.interrupt.is_set() && !is_over(plan, &rounds, began.elapsed()) {
            let Some(round) = self.round(&rounds)? else {
                break;
            };
            let (number, pace) = (rounds.number(), rounds.pace());
            let next = rounds.conclude(&round.counts);
            print::round(&round, pace, &self.record, &self.bench);
            if self.bench.ear.is_some() && next == Next::Dirty {
                let message = match rounds.pace() {
                    Pace::Sleep(sleep) => format!("sleep={}", format_duration(sleep)),
                    Pace::Rate(rate) => format!("rate={rate}"),
                };
                let message = format!("unexpected events received, retrying with {message}");
                self.bench.log.warn(&message, &[]);
            }
            self.bench.log.info("", &[]);
            self.record.add(number, pace, &round, next);
            self.record.write()?;
            if let Some(failure) = self.bench.ear.and_then(Ear::failure) {
                return Err(Error::Deaf(failure));
            }
        }
        Ok(())
    }

    /// One round; `None` when it was interrupted.
    fn round(&mut self, rounds: &Rounds) -> Result<Option<Round>, Error> {
        let plan = self.bench.plan;
        let mut fields = vec![rounds.pace().field()];
        if plan.dry_run {
            fields.push(("dry-run", true.into()));
        }
        self.bench
            .log
            .info(&format!("round #{}", rounds.number()), &fields);
        self.bench.tally.begin();
        let began = Instant::now();
        let before = self.process.as_ref().map(Process::now).transpose()?;
        self.load.begin(rounds.pace().schedule());
        let whole = self.wait(plan.round, rounds, Phase::Load);
        let done = self.load.end();
        if !whole {
            return Ok(None);
        }
        let loaded_until = Instant::now();
        let after = self.process.as_ref().map(Process::now).transpose()?;
        let usage = before
            .zip(after)
            .map(|(before, after)| before.until(&after));
        self.name_failures(&done);
        self.bench.log.info("resting...", &[]);
        if !self.wait(plan.rest, rounds, Phase::Rest) {
            return Ok(None);
        }
        self.wait_for_counters(loaded_until);
        let mut samples = self.watch.samples_after(began);
        // A sample is of the time before it.
        samples.retain(|sample| sample.at <= loaded_until);
        Ok(Some(self.conclude(done, usage, samples)))
    }

    /// Lets time go by, and shows it; `false` when it was interrupted.
    fn wait(&mut self, duration: Duration, rounds: &Rounds, phase: Phase) -> bool {
        let begin = Instant::now();
        let end = begin + duration;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if let Some(screen) = &mut self.screen {
                screen.show(&Live {
                    round: rounds.number(),
                    pace: rounds.pace(),
                    phase,
                    left,
                    sample: (phase == Phase::Load).then(|| self.load.sample()),
                    heard: self.bench.ear.map(|_| self.bench.tally.heard_in_all()),
                    latency: self.bench.tally.latency(),
                    engine: self.watch.latest(),
                    counters: self.watch.counters().since(&self.counters),
                });
            }
            // An engine that has ended ends the round; the caller finds out the same way.
            if left.is_zero() || self.watch.failure().is_some() {
                return true;
            }
            if !self.bench.interrupt.sleep(left.min(MOMENT)) {
                return false;
            }
        }
    }

    /// Waits until the engine has said what it counted up to `moment`.
    fn wait_for_counters(&self, moment: Instant) {
        let begin = Instant::now();
        while self.watch.counts() && !self.watch.is_newer_than(moment) {
            if begin.elapsed() > COUNTERS_WITHIN {
                self.bench.log.warn(
                    "the engine's counters have no news; is it alive, and its interval short?",
                    &[],
                );
                return;
            }
            if !self.bench.interrupt.sleep(Duration::from_millis(20)) {
                return;
            }
        }
    }

    fn conclude(&mut self, done: Done, usage: Option<Usage>, samples: Vec<EngineSample>) -> Round {
        let tally = self.bench.tally;
        let counts: Vec<ActionCount> = self
            .names
            .iter()
            .enumerate()
            .map(|(at, name)| ActionCount {
                name,
                actual: tally.heard(at),
                expected: done.tasks[at].done,
            })
            .collect();
        let no_alerts = self.bench.ear.is_none();
        let account = self.watch.counts().then(|| {
            let now = self.watch.counters();
            let counters = now.since(&self.counters);
            self.counters = now;
            let counted: &[ActionCount] = if no_alerts { &[] } else { &counts };
            Account::of(counted, counters)
        });
        let times: Vec<ActionTime> = self
            .names
            .iter()
            .zip(&done.tasks)
            .map(|(name, task)| ActionTime {
                name,
                done: task.done,
                mean: task.time.mean(),
                waiting: task.waiting,
            })
            .collect();
        Round {
            statistics: Statistics::of(&counts, done.time, usage, no_alerts),
            latency: tally.latency(),
            foreign: tally.foreign(),
            belated: (0..counts.len()).map(|at| tally.belated(at)).collect(),
            slow: slowest(&times, self.bench.plan.workers),
            counts,
            done,
            samples,
            account,
        }
    }

    /// Names each action that failed, once in the whole run.
    fn name_failures(&mut self, done: &Done) {
        for (place, failure) in &done.failures {
            let name = self.names[*place];
            if !self.record.is_left_out(name) {
                leave_out(name, failure, &mut self.record, self.bench.log);
            }
        }
    }

    fn leave_out_refused(&mut self) {
        for (place, failure) in self.load.refused() {
            let name = self.names[*place];
            if !self.record.is_left_out(name) {
                leave_out(name, failure, &mut self.record, self.bench.log);
            }
        }
    }

    /// Does each action once and waits for its alert, so that a missing engine or rule shows before
    /// anything is measured.
    fn first_alerts(&mut self, ear: &Ear) -> Result<(), Error> {
        let Bench {
            plan,
            tally,
            interrupt,
            log,
            ..
        } = self.bench;
        // What had piled up before we came is not about us.
        self.settle();
        tally.begin();
        self.load.once();
        self.leave_out_refused();
        let refused: Vec<usize> = self.load.refused().iter().map(|(at, _)| *at).collect();
        let tried: Vec<usize> = (0..self.names.len())
            .filter(|at| !refused.contains(at))
            .collect();
        let deadline = Instant::now() + plan.first_alert_timeout;
        let missing = loop {
            let silent = |at: &usize| tally.heard(*at) == 0;
            let missing: Vec<usize> = tried.iter().copied().filter(silent).collect();
            if let Some(failure) = ear.failure() {
                return Err(Error::Deaf(failure));
            }
            if missing.is_empty() || Instant::now() >= deadline {
                break missing;
            }
            if !interrupt.sleep(Duration::from_millis(5)) {
                return Ok(());
            }
        };
        if !tried.is_empty() && missing.len() == tried.len() && !ear.is_connected() {
            return Err(Error::NoAlert {
                within: plan.first_alert_timeout,
                tried: tried.len(),
                address: ear.address().to_owned(),
            });
        }
        for at in missing {
            log.warn(
                "no alert when done once; is its rule loaded and enabled?",
                &[("action", self.names[at].into())],
            );
        }
        self.settle();
        self.counters = self.watch.counters();
        Ok(())
    }

    /// Waits until no alert has come for a while; not for ever.
    fn settle(&self) {
        const LIMIT: Duration = Duration::from_secs(2);
        let Bench {
            plan,
            tally,
            interrupt,
            ..
        } = self.bench;
        let begin = Instant::now();
        let mut heard = tally.heard_in_all();
        while begin.elapsed() < LIMIT && interrupt.sleep(plan.silence) {
            let now = tally.heard_in_all();
            if now == heard {
                return;
            }
            heard = now;
        }
    }
}

fn is_over(plan: &Plan, rounds: &Rounds, elapsed: Duration) -> bool {
    plan.rounds.is_some_and(|limit| rounds.number() > limit)
        || plan.duration.is_some_and(|limit| elapsed >= limit)
}

/// Names an action that does not count.
fn leave_out(name: &'static str, failure: &Failure, record: &mut Record, log: &Log) {
    let action = ("action", name.into());
    match failure {
        Failure::Skipped { reason } => {
            log.warn(
                "action skipped",
                &[action, ("reason", reason.clone().into_owned().into())],
            );
        }
        Failure::Interrupted => return,
        failure => log.error(
            "action error",
            &[action, ("error", failure.to_string().into())],
        ),
    }
    record.leave_out(name, failure);
}
