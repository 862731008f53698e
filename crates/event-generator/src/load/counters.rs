//! What workers count, readable while they run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The counters of one worker. Only that worker writes them, so that adding is a load and a store of
/// a line that no other CPU writes.
#[derive(Debug)]
pub(super) struct Counters {
    tasks: Box<[TaskCounters]>,
    pace: PaceCounters,
}

// Two lines of 64 bytes: CPUs fetch them in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct TaskCounters {
    done: AtomicU64,
    failed: AtomicU64,
    timed: AtomicU64,
    nanoseconds: AtomicU64,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct PaceCounters {
    late: AtomicU64,
    latest: AtomicU64,
}

/// Acts that begin more than this after they were due count as late: a millisecond is more than the
/// kernel needs to wake a thread.
const LATE: u64 = 1_000_000;

impl Counters {
    pub(super) fn new(tasks: usize) -> Self {
        Self {
            tasks: (0..tasks).map(|_| TaskCounters::default()).collect(),
            pace: PaceCounters::default(),
        }
    }

    #[inline]
    pub(super) fn done(&self, task: usize) {
        add(&self.tasks[task].done, 1);
    }

    pub(super) fn failed(&self, task: usize) {
        add(&self.tasks[task].failed, 1);
    }

    pub(super) fn timed(&self, task: usize, nanoseconds: u64) {
        add(&self.tasks[task].timed, 1);
        add(&self.tasks[task].nanoseconds, nanoseconds);
    }

    #[inline]
    pub(super) fn began_after(&self, lateness: u64) {
        if lateness > LATE {
            add(&self.pace.late, 1);
            let latest = self.pace.latest.load(Ordering::Relaxed).max(lateness);
            self.pace.latest.store(latest, Ordering::Relaxed);
        }
    }

    pub(super) fn add_to(&self, sample: &mut Sample) {
        for (sum, task) in sample.tasks.iter_mut().zip(&self.tasks) {
            sum.done += task.done.load(Ordering::Relaxed);
            sum.failed += task.failed.load(Ordering::Relaxed);
            sum.timed += task.timed.load(Ordering::Relaxed);
            sum.nanoseconds += task.nanoseconds.load(Ordering::Relaxed);
        }
        sample.late += self.pace.late.load(Ordering::Relaxed);
        let latest = self.pace.latest.load(Ordering::Relaxed);
        sample.latest = sample.latest.max(Duration::from_nanos(latest));
    }
}

#[inline]
fn add(counter: &AtomicU64, number: u64) {
    counter.store(counter.load(Ordering::Relaxed) + number, Ordering::Relaxed);
}

/// What was done up to a moment, over all workers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sample {
    /// How long after the beginning.
    pub at: Duration,
    /// For each task, in the order of the plan.
    pub tasks: Vec<TaskSample>,
    /// Acts that began more than a millisecond after they were due.
    pub late: u64,
    /// The latest that any act began since the load was started.
    pub latest: Duration,
}

/// What was done of one task.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct TaskSample {
    /// Acts that succeeded.
    pub done: u64,
    /// Acts that failed.
    pub failed: u64,
    /// Acts whose time was taken.
    pub timed: u64,
    /// What they took together.
    pub nanoseconds: u64,
}

impl Sample {
    pub(super) fn empty(tasks: usize) -> Self {
        Self {
            at: Duration::ZERO,
            tasks: vec![TaskSample::default(); tasks],
            late: 0,
            latest: Duration::ZERO,
        }
    }

    pub(super) fn since(mut self, before: &Self, at: Duration) -> Self {
        self.at = at;
        for (now, before) in self.tasks.iter_mut().zip(&before.tasks) {
            now.done -= before.done;
            now.failed -= before.failed;
            now.timed -= before.timed;
            now.nanoseconds -= before.nanoseconds;
        }
        self.late -= before.late;
        self
    }

    /// Acts that succeeded, of all tasks.
    pub fn acts(&self) -> u64 {
        self.tasks.iter().map(|task| task.done).sum()
    }

    /// Acts that failed, of all tasks.
    pub fn failed(&self) -> u64 {
        self.tasks.iter().map(|task| task.failed).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_add_up_and_samples_are_since_the_beginning() {
        let workers = [Counters::new(2), Counters::new(2)];
        let totals = || {
            let mut sample = Sample::empty(2);
            for worker in &workers {
                worker.add_to(&mut sample);
            }
            sample
        };
        workers[0].done(1);
        workers[0].began_after(LATE + 5);
        let before = totals();
        workers[0].done(1);
        workers[1].done(0);
        workers[1].failed(1);
        workers[1].timed(0, 300);
        workers[1].began_after(LATE);
        workers[1].began_after(LATE + 1);
        let sample = totals().since(&before, Duration::from_secs(1));
        assert_eq!((sample.acts(), sample.failed(), sample.late), (2, 1, 1));
        assert_eq!(sample.latest, Duration::from_nanos(LATE + 5));
        assert_eq!(
            sample.tasks,
            [
                TaskSample {
                    done: 1,
                    failed: 0,
                    timed: 1,
                    nanoseconds: 300
                },
                TaskSample {
                    done: 1,
                    failed: 1,
                    timed: 0,
                    nanoseconds: 0
                }
            ]
        );
    }

    #[test]
    fn no_two_writers_share_a_line() {
        assert_eq!(size_of::<TaskCounters>(), 128);
        assert_eq!(align_of::<PaceCounters>(), 128);
    }
}
