//! The stand on which an engine is measured: load on one side, its alerts and counters on the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::capacity::diagnosis::Baseline;
use ::capacity::report::TimedSample;
use ::capacity::round::{ActionTime, Latency, Phase, Round};

use super::cgroup;
use super::launch::Launched;
use super::machine::{self, Busy, Spent};
use crate::alerts::{Ear, Tally};
use crate::load::{Done, Load, Schedule};
use crate::watch::{EngineCounters, Process, Watch};
use crate::{Error, Interrupt};

/// Time between two samples.
const TICK: Duration = Duration::from_secs(1);
/// How often the rest is looked at.
const GLANCE: Duration = Duration::from_millis(25);
/// Nothing must have come for so long before a rest is over.
const SILENCE: Duration = Duration::from_millis(600);
/// An engine that uses less than this share of a CPU more than when it is idle has caught up.
const IDLE: f64 = 0.05;

/// Everything that a round needs.
pub(super) struct Stand<'a> {
    /// Operations.
    pub(super) load: Load,
    /// Names of the tasks, in the order of the load.
    pub(super) names: Vec<String>,
    /// Alerts that came.
    pub(super) tally: Arc<Tally>,
    /// Where they come; `None` where the load raises none.
    pub(super) ear: Option<&'a Ear>,
    /// What the engine counts and uses.
    pub(super) watch: Watch,
    /// The engine, if we started it.
    pub(super) engine: Option<&'a mut Launched>,
    /// Its process.
    pub(super) process: Process,
    /// Whether the user wants to stop.
    pub(super) interrupt: &'a Interrupt,
    /// When the run began.
    pub(super) began: Instant,
    /// What was seen so far.
    pub(super) samples: Vec<TimedSample>,
    /// What was idle.
    pub(super) baseline: Option<Baseline>,
    /// Turns per second of the machine when the test began.
    pub(super) full_speed: f64,
}

/// What to do in a round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order {
    pub(super) number: u32,
    pub(super) phase: Phase,
    pub(super) schedule: Schedule,
    pub(super) seconds: Duration,
    pub(super) rest: Rest,
}

/// How long to rest.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rest {
    /// Until the engine has caught up, at most so long.
    UntilQuiet(Duration),
    /// Just so long.
    For(Duration),
}

/// Where all counters stood at a moment.
struct Mark {
    at: Instant,
    counters: EngineCounters,
    spent: Spent,
    engine_cpu: Duration,
    group: Option<cgroup::Usage>,
}

/// What had been counted when a sample ended.
struct Seen {
    at: Instant,
    done: u64,
    alerts: u64,
    counters: EngineCounters,
    spent: Spent,
}

impl Stand<'_> {
    /// Watches for a while without load. `None` when interrupted.
    ///
    /// # Errors
    /// When the engine ends.
    pub(super) fn idle(&mut self, time: Duration) -> Result<Option<()>, Error> {
        let before = self.mark()?;
        let mut seen = self.seen(0);
        let begin = Instant::now();
        while begin.elapsed() < time {
            if !self.interrupt.sleep(TICK) {
                return Ok(None);
            }
            self.sample(0, false, &mut seen, 0);
            self.check()?;
        }
        let after = self.mark()?;
        let seconds = (after.at - before.at).as_secs_f64();
        let busy = before.spent.until(&after.spent);
        let engine = before.engine_cpus_until(&after);
        let counted = after.counters.since(&before.counters);
        self.baseline = Some(Baseline {
            seconds,
            events_per_second: counted.events.map(|events| events as f64 / seconds),
            kernel_drops: counted.kernel_drops,
            engine_cpus: Some(engine),
            other_cpus: others(busy, engine),
        });
        Ok(Some(()))
    }

    /// One round: load, and the rest after it. `None` when interrupted.
    ///
    /// # Errors
    /// When the engine ends, or alerts can come no more.
    pub(super) fn round(&mut self, order: Order) -> Result<Option<Round>, Error> {
        let speed = machine::speed() / self.full_speed;
        let before = self.mark()?;
        self.tally.begin();
        let mut seen = self.seen(0);
        let begin = Instant::now();
        self.load.begin(order.schedule);
        while begin.elapsed() < order.seconds {
            let left = order.seconds.saturating_sub(begin.elapsed());
            let goes_on = self.interrupt.sleep(TICK.min(left));
            let done = self.load.sample().acts();
            self.sample(order.number, true, &mut seen, done);
            if !goes_on || self.check().is_err() {
                break;
            }
        }
        let done = self.load.end();
        self.check()?;
        if self.interrupt.is_set() {
            return Ok(None);
        }
        let loaded = self.mark()?;
        let Some(catch_up) = self.rest(order, &mut seen, done.acts())? else {
            return Ok(None);
        };
        let after = self.mark()?;
        let marks = [&before, &loaded, &after];
        let round = self.conclude(order, &done, marks, catch_up);
        let speed = Some(speed);
        Ok(Some(Round { speed, ..round }))
    }

    /// Rests, and says how long the engine took to catch up in seconds, or that it had not by the
    /// end. `None` when interrupted.
    fn rest(
        &mut self,
        order: Order,
        seen: &mut Seen,
        done: u64,
    ) -> Result<Option<Option<f64>>, Error> {
        let ended = Instant::now();
        let idle = self
            .baseline
            .and_then(|idle| idle.engine_cpus)
            .unwrap_or(0.0);
        let mut last_news = ended;
        let mut heard = self.tally.heard_in_all();
        let mut caught_up = None;
        // When the engine first said what it had counted after the load.
        let mut first_count = None;
        loop {
            if !self.interrupt.sleep(GLANCE) {
                return Ok(None);
            }
            self.check()?;
            let now = Instant::now();
            if now - seen.at >= TICK {
                self.sample(order.number, false, seen, done);
            }
            let heard_now = self.tally.heard_in_all();
            if heard_now != heard {
                (heard, last_news) = (heard_now, now);
            }
            let is_calm = self.watch.latest().is_some_and(|sample| {
                let is_idle = |cpu_percent: f64| cpu_percent / 100.0 <= idle + IDLE;
                // A sample covers the time before it, which must be after the load.
                sample.at > ended + SILENCE
                    && sample.usage.is_none_or(|usage| is_idle(usage.cpu_percent))
            });
            if first_count.is_none() && self.watch.is_newer_than(last_news) {
                first_count = Some(now);
            }
            // What it said first it may have counted before the load ended; so it has to say it twice.
            let has_counted = !self.watch.counts()
                || first_count.is_some_and(|first| self.watch.is_newer_than(first.max(last_news)));
            let is_quiet = is_calm && has_counted && now - last_news >= SILENCE;
            if is_quiet && caught_up.is_none() {
                caught_up = Some((last_news - ended).as_secs_f64());
            }
            let is_over = match order.rest {
                Rest::UntilQuiet(most) => is_quiet || now - ended >= most,
                Rest::For(time) => now - ended >= time,
            };
            if is_over {
                return Ok(Some(caught_up));
            }
        }
    }

    fn conclude(
        &self,
        order: Order,
        done: &Done,
        [before, loaded, after]: [&Mark; 3],
        catch_up: Option<f64>,
    ) -> Round {
        let seconds = done.time.as_secs_f64().max(1e-9);
        let counted = after.counters.since(&before.counters);
        let busy = before.spent.until(&loaded.spent);
        let engine = before.engine_cpus_until(loaded);
        let has_alerts = self.ear.is_some();
        let actual = (0..self.names.len()).map(|at| self.tally.heard(at)).sum();
        let latency = self.tally.latency();
        let milliseconds = |quantile| latency.value_at_quantile(quantile) as f64 / 1e6;
        Round {
            number: order.number,
            phase: order.phase,
            seconds,
            offered: match order.schedule {
                Schedule::Rate(rate) => Some(rate),
                _ => None,
            },
            achieved: done.rate(),
            pause: match order.schedule {
                Schedule::Pause(pause) => Some(pause.as_secs_f64()),
                _ => None,
            },
            events_per_second: counted.events.map(|events| {
                // Counters are read at the end of the rest; what came in it is taken off.
                let rest = (after.at - before.at).as_secs_f64() - seconds;
                let idle = self.baseline.and_then(|idle| idle.events_per_second);
                ((events as f64 - idle.unwrap_or(0.0) * rest.max(0.0)) / seconds).max(0.0)
            }),
            load_syscalls: done.syscalls.map(|calls| calls as f64 / seconds),
            expected: if has_alerts { done.acts() } else { 0 },
            actual: if has_alerts { actual } else { 0 },
            kernel_drops: counted.kernel_drops,
            queue_drops: queue_drops(&counted),
            engine_cpus: Some(engine),
            throttled: before.group.zip(loaded.group).map(|(before, loaded)| {
                let periods = loaded.periods.saturating_sub(before.periods);
                loaded.throttled.saturating_sub(before.throttled) as f64 / periods.max(1) as f64
            }),
            resident: self
                .watch
                .samples_after(before.at)
                .iter()
                .filter_map(|sample| Some(sample.usage?.resident))
                .max(),
            load_cpus: busy.own,
            other_cpus: others(busy, engine),
            stolen_cpus: busy.stolen,
            speed: None,
            catch_up,
            latency: (has_alerts && !latency.is_empty()).then(|| Latency {
                p50: milliseconds(0.5),
                p99: milliseconds(0.99),
                max: latency.max() as f64 / 1e6,
            }),
            actions: self
                .names
                .iter()
                .zip(&done.tasks)
                .filter(|(_, task)| !task.time.is_empty())
                .map(|(name, task)| ActionTime {
                    name: action::short_name(name).to_owned(),
                    count: task.done,
                    seconds: task.time.mean() / 1e9,
                })
                .collect(),
        }
    }

    /// Whether the engine still runs and can be heard.
    fn check(&mut self) -> Result<(), Error> {
        if let Some(engine) = &mut self.engine
            && let Some(status) = engine.has_ended()
        {
            let killed = engine.group().map_or(0, |group| group.usage().killed);
            let why = if killed > 0 {
                ": killed for want of memory; give it more with --memory".to_owned()
            } else {
                engine.words()
            };
            return Err(Error::Engine(format!("ended under load, {status}{why}")));
        }
        if let Some(failure) = self.watch.failure() {
            return Err(Error::Engine(failure));
        }
        if let Some(failure) = self.ear.and_then(Ear::failure) {
            return Err(Error::Deaf(failure));
        }
        Ok(())
    }

    fn mark(&self) -> Result<Mark, Error> {
        let group = self
            .engine
            .as_ref()
            .and_then(|engine| engine.group())
            .map(cgroup::Group::usage);
        Ok(Mark {
            at: Instant::now(),
            counters: self.watch.counters(),
            spent: Spent::now(),
            engine_cpu: match group {
                Some(usage) => usage.cpu,
                None => self.process.now()?.cpu(),
            },
            group,
        })
    }

    fn seen(&self, done: u64) -> Seen {
        Seen {
            at: Instant::now(),
            done,
            alerts: self.tally.heard_in_all(),
            counters: self.watch.counters(),
            spent: Spent::now(),
        }
    }

    /// Notes what came since `seen`.
    fn sample(&mut self, round: u32, loaded: bool, seen: &mut Seen, done: u64) {
        let now = self.seen(done);
        let counted = now.counters.since(&seen.counters);
        let latency = self.tally.latency();
        let engine = self.watch.latest().and_then(|sample| sample.usage);
        self.samples.push(TimedSample {
            at: (now.at - self.began).as_secs_f64(),
            seconds: (now.at - seen.at).as_secs_f64(),
            round,
            loaded,
            events: counted.events,
            kernel_drops: counted.kernel_drops,
            queue_drops: queue_drops(&counted),
            done: now.done.saturating_sub(seen.done),
            alerts: now.alerts.saturating_sub(seen.alerts),
            engine_cpus: engine.map(|usage| usage.cpu_percent / 100.0),
            load_cpus: seen.spent.until(&now.spent).own,
            latency_p99: (loaded && self.ear.is_some() && !latency.is_empty())
                .then(|| latency.value_at_quantile(0.99) as f64 / 1e6),
        });
        *seen = now;
    }
}

impl Mark {
    /// CPUs that the engine used from here until `later`.
    fn engine_cpus_until(&self, later: &Self) -> f64 {
        let cpu = later.engine_cpu.saturating_sub(self.engine_cpu);
        cpu.as_secs_f64() / (later.at - self.at).as_secs_f64().max(1e-9)
    }
}

/// CPUs that neither the engine nor the load used.
fn others(busy: Busy, engine: f64) -> f64 {
    (busy.machine - busy.own - engine).max(0.0)
}

/// Alerts that the engine says it lost after they were raised; `None` when it says nothing.
fn queue_drops(counted: &EngineCounters) -> Option<u64> {
    let parts = [
        counted.queue_drops,
        counted.client_drops,
        counted.rate_limited,
    ];
    parts
        .iter()
        .any(Option::is_some)
        .then(|| parts.iter().map(|part| part.unwrap_or(0)).sum())
}
