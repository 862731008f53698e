//! One thread of the load.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use action::{Failure, Prepared};
use hdrhistogram::Histogram;
use nix::sched::CloneFlags;

use super::counters::Counters;
use super::schedule::{Schedule, Timetable};
use super::task::Task;

/// Whose table of descriptors a worker uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Descriptors {
    /// Its own, so that workers do not wait for one another when they open and close.
    Own,
    /// That of the process, as the threads of most programs do.
    Shared,
}

/// Where files are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Files {
    /// Where they belong.
    InPlace,
    /// There, but in empty memory that only the worker sees: neither the speed of a disk nor its moods
    /// are measured, and nothing can stay. Takes root, and tasks that need nothing of what is there
    /// already; the others are refused.
    InMemory,
}

/// What a worker has for itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// Whose descriptors it uses.
    pub descriptors: Descriptors,
    /// Where it makes files.
    pub files: Files,
}

impl From<Descriptors> for Setting {
    /// With files in place.
    fn from(descriptors: Descriptors) -> Self {
        Self {
            descriptors,
            files: Files::InPlace,
        }
    }
}

/// What a worker is told to do.
#[derive(Debug)]
pub(super) enum Order {
    /// Each task once.
    Once,
    /// Forget these tasks.
    LeaveOut(Vec<usize>),
    /// Tasks in turn until told to stop.
    Begin { schedule: Schedule, begin: Instant },
}

/// What a worker says.
#[derive(Debug)]
pub(super) enum Answer {
    /// Its tasks are ready, except these.
    Ready(Vec<(usize, Failure)>),
    /// Each was done once, except these, which it will not try again.
    Once(Vec<(usize, Failure)>),
    LeftOut,
    Round(Box<Round>),
}

/// What one worker did between two orders.
#[derive(Debug)]
pub(super) struct Round {
    pub(super) lateness: Histogram<u64>,
    pub(super) times: Vec<Histogram<u64>>,
    /// For each task: nanoseconds off the CPU, in so many acts.
    pub(super) waiting: Vec<(u64, u64)>,
    pub(super) failures: Vec<(usize, Failure)>,
}

/// What a thread needs to know.
pub(super) struct Worker {
    pub(super) number: u64,
    pub(super) workers: u64,
    pub(super) running: Arc<AtomicBool>,
    pub(super) counters: Arc<Counters>,
    pub(super) orders: Receiver<Order>,
    pub(super) answers: Sender<Answer>,
}

/// After so many failures in a row a task is left out: it would only slow the others.
const HOPELESS: u32 = 3;

/// What is left of a wait is spun when it is shorter than this, where waits are spun at all.
const SPIN: u64 = 60_000;

/// Where waits are slept, and acts are due faster than this, a worker sleeps for so long and then does
/// all that has come due. Sleeping for each would cost more than the acts.
const QUANTUM: u64 = 100_000;

/// How long a stopped round may go unnoticed in a long wait.
const EAR: Duration = Duration::from_millis(10);

/// Acts that take longer than this are timed every time; shorter ones, every `STRIDE`th.
const SLOW: u64 = 20_000;
const STRIDE: u32 = 16;

/// Memory over every directory in which a task makes files.
fn put_memory_over(tasks: &[Task]) -> Result<(), Failure> {
    let mut directories: Vec<&str> = tasks.iter().flat_map(|task| task.writes).copied().collect();
    directories.sort_unstable();
    directories.dedup();
    action::sandbox::empty(&directories)
}

impl Worker {
    /// The thread's life: makes its tasks ready, then follows orders until there are no more.
    pub(super) fn work(self, tasks: &[Task], wanted: &[bool], setting: Setting) {
        if setting.descriptors == Descriptors::Own {
            // Before anything is opened. Can only fail for want of memory, and then nothing is lost
            // but speed.
            let _ = nix::sched::unshare(CloneFlags::CLONE_FILES);
        }
        wake_precisely();
        let mut refused = Vec::new();
        let mut turns = Vec::new();
        let memory = match setting.files {
            Files::InPlace => Ok(()),
            Files::InMemory => put_memory_over(tasks),
        };
        for (place, task) in tasks.iter().enumerate().filter(|(at, _)| wanted[*at]) {
            let prepared = match &memory {
                Ok(()) => task.prepare(),
                Err(failure) => Err(Failure::skipped(failure.to_string())),
            };
            match prepared {
                Ok(prepared) => turns.push(Turn::new(place, prepared)),
                Err(failure) => refused.push((place, failure)),
            }
        }
        // Workers begin at different tasks, so that they do not march in step.
        let next = self.number as usize % turns.len().max(1);
        let mut turns = Turns { turns, next };
        if self.answers.send(Answer::Ready(refused)).is_err() {
            return;
        }
        while let Ok(order) = self.orders.recv() {
            let answer = match order {
                Order::Once => Answer::Once(turns.once()),
                Order::LeaveOut(places) => {
                    turns.leave_out(|place| places.contains(&place));
                    Answer::LeftOut
                }
                Order::Begin { schedule, begin } => Answer::Round(Box::new(self.round(
                    &mut turns,
                    tasks.len(),
                    schedule,
                    begin,
                ))),
            };
            if self.answers.send(answer).is_err() {
                return;
            }
        }
    }

    fn round(&self, turns: &mut Turns, tasks: usize, schedule: Schedule, begin: Instant) -> Round {
        let mut round = Round {
            lateness: histogram(),
            times: (0..tasks).map(|_| histogram()).collect(),
            waiting: vec![(0, 0); tasks],
            failures: Vec::new(),
        };
        let mut table = Timetable::new(schedule, self.number, self.workers);
        while self.running.load(Ordering::Relaxed) {
            if let Some(pause) = table.pause()
                && !self.pause(pause)
            {
                break;
            }
            if let Some(due) = table.due() {
                let Some(now) = self.wait(due, &table, begin) else {
                    break;
                };
                let lateness = now - due;
                self.counters.began_after(lateness);
                round.lateness.saturating_record(lateness);
                table.act(now);
            }
            let Some(turn) = turns.turns.get_mut(turns.next) else {
                break;
            };
            let place = turn.place;
            match turn.act(&self.counters, &mut round) {
                Ok(()) => {
                    self.counters.done(place);
                    turn.failures_in_a_row = 0;
                    turns.next += 1;
                }
                Err(failure) => {
                    self.counters.failed(place);
                    turn.failures_in_a_row += 1;
                    if round.failures.iter().all(|(other, _)| *other != place) {
                        round.failures.push((place, failure));
                    }
                    if turn.failures_in_a_row >= HOPELESS {
                        turns.turns.remove(turns.next);
                    } else {
                        turns.next += 1;
                    }
                }
            }
            if turns.next >= turns.turns.len() {
                turns.next = 0;
            }
        }
        round
    }

    /// Sleeps for so long; `false` when the round is over.
    fn pause(&self, pause: Duration) -> bool {
        let mut left = pause;
        while !left.is_zero() && self.running.load(Ordering::Relaxed) {
            let part = left.min(EAR);
            std::thread::sleep(part);
            left -= part;
        }
        self.running.load(Ordering::Relaxed)
    }

    /// Waits until an act is due; says when it is, or `None` when the round is over.
    fn wait(&self, due: u64, table: &Timetable, begin: Instant) -> Option<u64> {
        loop {
            // First: what comes due while the round ends is not begun.
            if !self.running.load(Ordering::Relaxed) {
                return None;
            }
            let now = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
            if now >= due {
                return Some(now);
            }
            let left = due - now;
            let sleep = if !table.spins() {
                if table.between() < QUANTUM {
                    left.max(QUANTUM)
                } else {
                    left
                }
            } else if left > SPIN {
                left - SPIN
            } else {
                std::hint::spin_loop();
                continue;
            };
            std::thread::sleep(Duration::from_nanos(sleep).min(EAR));
        }
    }
}

/// The tasks of one worker, those that are left out gone.
struct Turns {
    turns: Vec<Turn>,
    next: usize,
}

impl Turns {
    fn once(&mut self) -> Vec<(usize, Failure)> {
        let mut failed = Vec::new();
        for turn in &mut self.turns {
            if let Err(failure) = turn.prepared.run() {
                failed.push((turn.place, failure));
            }
        }
        self.leave_out(|place| failed.iter().any(|(at, _)| *at == place));
        failed
    }

    fn leave_out(&mut self, unwanted: impl Fn(usize) -> bool) {
        self.turns.retain(|turn| !unwanted(turn.place));
        self.next = 0;
    }
}

struct Turn {
    place: usize,
    prepared: Prepared,
    failures_in_a_row: u32,
    /// Acts until one is timed.
    untimed: u32,
    slow: bool,
}

impl Turn {
    fn new(place: usize, prepared: Prepared) -> Self {
        Self {
            place,
            prepared,
            failures_in_a_row: 0,
            untimed: 0,
            slow: false,
        }
    }

    #[inline]
    fn act(&mut self, counters: &Counters, round: &mut Round) -> Result<(), Failure> {
        if self.untimed > 0 {
            self.untimed -= 1;
            return self.prepared.run();
        }
        self.act_timed(counters, round)
    }

    fn act_timed(&mut self, counters: &Counters, round: &mut Round) -> Result<(), Failure> {
        let on_cpu = self.slow.then(cpu_time);
        let begin = Instant::now();
        let result = self.prepared.run();
        let time = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if let Some(before) = on_cpu {
            let waited = time.saturating_sub(cpu_time() - before);
            let waiting = &mut round.waiting[self.place];
            *waiting = (waiting.0 + waited, waiting.1 + 1);
        }
        if result.is_ok() {
            counters.timed(self.place, time);
            round.times[self.place].saturating_record(time);
        }
        // By the average so far: a fast act that was interrupted once is no slow one.
        let mean = round.times[self.place].mean();
        self.slow = mean > SLOW as f64;
        self.untimed = if self.slow { 0 } else { STRIDE - 1 };
        result
    }
}

/// Up to ten minutes in nanoseconds, to two digits.
pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000_000, 2).expect("these bounds are valid")
}

/// CPU time of this thread, in nanoseconds.
fn cpu_time() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Asks the kernel to wake this thread when it said, not when convenient. Without it sleeps are up to
/// 50 µs too long, which is only a pity.
fn wake_precisely() {
    let nanosecond = std::num::NonZeroU64::new(1);
    let _ = rustix::thread::set_current_timer_slack(nanosecond);
}
