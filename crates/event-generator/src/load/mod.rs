//! The load: threads that do tasks, on a schedule or as fast as they can, and count what they did.
//!
//! This is what `bench` and the capacity test drive. It knows nothing of alerts or engines.
//!
//! ```text
//! Load::start(tasks, workers) ── begin(schedule) ── sample() … sample() ── end() ─► Done
//!          ▲                            │                                    │
//!          └── once(): each task once   └──────────── again ◄────────────────┘
//! ```
//!
//! | module | what it knows |
//! |---|---|
//! | `task` | what is done: a name, how to make it ready, how many system calls it makes |
//! | `schedule` | when the next act is due; pure |
//! | `counters` | what each thread counts, readable while it runs |
//! | `worker` | one thread: wait, act, count |
//! | `syscalls` | tasks that are only system calls and break no rule |
//!
//! **Nothing is shared between workers.** Each counts in cache lines of its own, which only it writes
//! and anybody may read; each has made its own tasks ready; between acts it looks at one flag. Nobody
//! takes a lock. So neither a second worker nor a reader of counters nor an alert that arrives can
//! slow a worker down, except by taking its CPU.
//!
//! **Threads, each with its own table of descriptors.** Workers are threads of one process, so that an
//! engine sees one program and a killed load leaves no orphans. But threads of one process normally
//! share the table of open files and its lock, which every open and close takes; a worker therefore
//! leaves the shared table (`unshare(CLONE_FILES)`) before it opens anything. `docs/bench.md` has the
//! rates of shared tables, own tables and processes side by side.

mod counters;
mod schedule;
mod syscalls;
mod task;
mod worker;

pub use counters::{Sample, TaskSample};
pub use schedule::Schedule;
pub use syscalls::SyscallLoad;
pub use task::Task;
pub use worker::{Descriptors, Files, Setting};

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use action::Failure;
use hdrhistogram::Histogram;

use counters::Counters;
use worker::{Answer, Order, Worker};

/// What all workers did from [`Load::begin`] to [`Load::end`].
#[derive(Debug)]
pub struct Done {
    /// For each task, in the order of the plan.
    pub tasks: Vec<TaskDone>,
    /// How long the load lasted.
    pub time: Duration,
    /// Acts that the schedule had due in this time and that were not begun: the load itself could not
    /// keep up. Always 0 without a rate.
    pub behind: u64,
    /// How late acts began, in nanoseconds after they were due. Empty when the load was unthrottled.
    pub lateness: Histogram<u64>,
    /// System calls made, where the number is known for every task.
    pub syscalls: Option<u64>,
    /// The first failure of each task that had one.
    pub failures: Vec<(usize, Failure)>,
}

/// What became of one task.
#[derive(Debug)]
pub struct TaskDone {
    /// Acts that succeeded.
    pub done: u64,
    /// Acts that failed.
    pub failed: u64,
    /// How long an act takes by itself, in nanoseconds; of a part of the acts.
    pub time: Histogram<u64>,
    /// Of the average act: the nanoseconds its thread was not on a CPU. Only measured for acts that
    /// take more than some 20 µs.
    pub waiting: Option<u64>,
}

impl Done {
    /// Acts that succeeded, of all tasks.
    pub fn acts(&self) -> u64 {
        self.tasks.iter().map(|task| task.done).sum()
    }

    /// Acts that succeeded, per second.
    pub fn rate(&self) -> f64 {
        self.acts() as f64 / self.time.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// The workers.
#[derive(Debug)]
pub struct Load {
    running: Arc<AtomicBool>,
    hands: Vec<Hand>,
    counters: Vec<Arc<Counters>>,
    calls: Vec<Option<u64>>,
    refused: Vec<(usize, Failure)>,
    began: Option<(Instant, Schedule, Sample)>,
}

/// Our side of a worker.
#[derive(Debug)]
struct Hand {
    orders: Option<Sender<Order>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Starts `workers` threads (at least one) and makes every task ready in each of them. What cannot
    /// be made ready is in [`Load::refused`] and left out everywhere.
    ///
    /// # Errors
    /// When a thread cannot be started.
    pub fn start(
        tasks: Vec<Task>,
        workers: usize,
        setting: impl Into<Setting>,
    ) -> io::Result<Self> {
        let setting = setting.into();
        let calls = tasks.iter().map(|task| task.calls).collect();
        let tasks = Arc::new(tasks);
        let mut load = Self {
            running: Arc::new(AtomicBool::new(false)),
            hands: Vec::new(),
            counters: Vec::new(),
            calls,
            refused: Vec::new(),
            began: None,
        };
        let mut wanted = vec![true; tasks.len()];
        for number in 0..workers.max(1) {
            let refused = load.add_worker(number, workers.max(1), &tasks, &wanted, setting)?;
            for (at, failure) in refused {
                wanted[at] = false;
                // What one worker could do and another cannot, such as one more of a scarce thing, is
                // left out of the others only.
                if number == 0 {
                    load.refused.push((at, failure));
                }
            }
        }
        Ok(load)
    }

    fn add_worker(
        &mut self,
        number: usize,
        workers: usize,
        tasks: &Arc<Vec<Task>>,
        wanted: &[bool],
        setting: Setting,
    ) -> io::Result<Vec<(usize, Failure)>> {
        let (orders, ordered) = channel();
        let (answer, answers) = channel();
        let counters = Arc::new(Counters::new(tasks.len()));
        let worker = Worker {
            number: number as u64,
            workers: workers as u64,
            running: Arc::clone(&self.running),
            counters: Arc::clone(&counters),
            orders: ordered,
            answers: answer,
        };
        let (tasks, wanted) = (Arc::clone(tasks), wanted.to_vec());
        let thread = std::thread::Builder::new()
            .name(format!("load-{number}"))
            .spawn(move || worker.work(&tasks, &wanted, setting))?;
        self.hands.push(Hand {
            orders: Some(orders),
            answers,
            thread: Some(thread),
        });
        self.counters.push(counters);
        match self.hands[number].answers.recv() {
            Ok(Answer::Ready(refused)) => Ok(refused),
            _ => Err(io::Error::other("a thread of the load ended at its start")),
        }
    }

    /// Tasks that cannot be done here, and why.
    pub fn refused(&self) -> &[(usize, Failure)] {
        &self.refused
    }

    /// Whether no task can be done.
    pub fn is_idle(&self) -> bool {
        self.refused.len() == self.calls.len()
    }

    /// Does each task once, in one worker, and says which failed. They are left out from now on.
    pub fn once(&mut self) -> &[(usize, Failure)] {
        let failed = match self.hands[0].ask(Order::Once) {
            Some(Answer::Once(failed)) => failed,
            _ => Vec::new(),
        };
        let places: Vec<usize> = failed.iter().map(|(at, _)| *at).collect();
        self.leave_out(&places);
        let before = self.refused.len();
        self.refused.extend(failed);
        &self.refused[before..]
    }

    /// Leaves tasks out from now on.
    pub fn leave_out(&mut self, places: &[usize]) {
        for hand in &self.hands {
            let _ = hand.ask(Order::LeaveOut(places.to_vec()));
        }
    }

    /// Lets the workers begin.
    pub fn begin(&mut self, schedule: Schedule) {
        let before = self.totals();
        self.running.store(true, Ordering::Relaxed);
        let begin = Instant::now();
        for hand in &self.hands {
            if let Some(orders) = &hand.orders {
                // A thread that has ended shows when it is asked for its answer.
                let _ = orders.send(Order::Begin { schedule, begin });
            }
        }
        self.began = Some((begin, schedule, before));
    }

    /// What was done since [`Load::begin`]. The workers do not notice.
    pub fn sample(&self) -> Sample {
        let now = self.totals();
        match &self.began {
            Some((begin, _, before)) => now.since(before, begin.elapsed()),
            None => now,
        }
    }

    /// Stops the workers, waits for acts under way, and says what was done.
    pub fn end(&mut self) -> Done {
        self.running.store(false, Ordering::Relaxed);
        let stopped = Instant::now();
        let mut lateness = worker::histogram();
        let mut times: Vec<Histogram<u64>> =
            self.calls.iter().map(|_| worker::histogram()).collect();
        let mut waiting = vec![(0_u64, 0_u64); self.calls.len()];
        let mut failures: Vec<(usize, Failure)> = Vec::new();
        for hand in &self.hands {
            let Ok(Answer::Round(mut round)) = hand.answers.recv() else {
                continue;
            };
            // The histograms have the same bounds, so that adding cannot fail.
            let _ = lateness.add(&round.lateness);
            for (at, time) in round.times.iter().enumerate() {
                let _ = times[at].add(time);
            }
            for (sum, part) in waiting.iter_mut().zip(&round.waiting) {
                *sum = (sum.0 + part.0, sum.1 + part.1);
            }
            for failure in round.failures.drain(..) {
                if failures.iter().all(|(at, _)| *at != failure.0) {
                    failures.push(failure);
                }
            }
        }
        let sample = self.sample();
        let (time, schedule) = match self.began.take() {
            Some((begin, schedule, _)) => (stopped - begin, schedule),
            None => (Duration::ZERO, Schedule::Unthrottled),
        };
        let begun: u64 = sample
            .tasks
            .iter()
            .map(|task| task.done + task.failed)
            .sum();
        let behind = schedule
            .due_within(time)
            .map_or(0, |due| due.saturating_sub(begun));
        let syscalls = self.syscalls(&sample);
        let tasks = sample
            .tasks
            .iter()
            .zip(times)
            .zip(waiting)
            .map(|((task, time), (waited, acts))| TaskDone {
                done: task.done,
                failed: task.failed,
                time,
                waiting: waited.checked_div(acts),
            })
            .collect();
        Done {
            tasks,
            time,
            behind,
            lateness,
            syscalls,
            failures,
        }
    }

    /// System calls made in a sample, where the number is known for every task.
    pub fn syscalls(&self, sample: &Sample) -> Option<u64> {
        self.calls
            .iter()
            .zip(&sample.tasks)
            .map(|(calls, task)| calls.map(|calls| calls * task.done))
            .sum()
    }

    fn totals(&self) -> Sample {
        let mut totals = Sample::empty(self.calls.len());
        for counters in &self.counters {
            counters.add_to(&mut totals);
        }
        totals
    }
}

impl Hand {
    fn ask(&self, order: Order) -> Option<Answer> {
        self.orders.as_ref()?.send(order).ok()?;
        self.answers.recv().ok()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.running.store(false, Ordering::Relaxed);
        for hand in &mut self.hands {
            hand.orders = None;
        }
        // Tasks undo what they did when their thread ends.
        for hand in &mut self.hands {
            if let Some(thread) = hand.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests;
