//! Threads that do actions.
//!
//! Between rounds a thread is parked; in a round it does its actions in turn, looks at one flag each
//! time, and counts in variables of its own. Counts change hands when the round ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use action::{Failure, Prepared};

use super::pace::{Pace, wake_precisely};

/// After so many failures in a row an action is left out: it would only slow the others.
const HOPELESS: u32 = 3;

/// What one thread did in one round.
#[derive(Debug)]
pub(super) struct Done {
    /// How often each action was done, in the order of the plan.
    pub(super) counts: Vec<u64>,
    /// The first failure of each action that had one.
    pub(super) failures: Vec<(usize, Failure)>,
    /// How long it was at it.
    pub(super) time: Duration,
}

/// The threads.
#[derive(Debug)]
pub(super) struct Load {
    running: Arc<AtomicBool>,
    workers: Vec<Worker>,
}

#[derive(Debug)]
struct Worker {
    /// The interval of the next round; hanging up ends the thread.
    start: Option<Sender<Duration>>,
    done: Receiver<Done>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// One thread for each set of actions. A set has a place for each action of the plan.
    pub(super) fn new(sets: Vec<Vec<Option<Prepared>>>) -> std::io::Result<Self> {
        let running = Arc::new(AtomicBool::new(false));
        let mut workers = Vec::with_capacity(sets.len());
        for (number, set) in sets.into_iter().enumerate() {
            let (start, started) = channel();
            let (finish, done) = channel();
            let running = Arc::clone(&running);
            let mut actions = Actions::new(set, number);
            let thread = std::thread::Builder::new()
                .name(format!("load-{number}"))
                .spawn(move || {
                    wake_precisely();
                    while let Ok(interval) = started.recv() {
                        if finish.send(actions.round(interval, &running)).is_err() {
                            break;
                        }
                    }
                })?;
            workers.push(Worker {
                start: Some(start),
                done,
                thread: Some(thread),
            });
        }
        Ok(Self { running, workers })
    }

    /// Starts a round in which an action is done every `interval`, by all threads together.
    pub(super) fn start(&self, interval: Duration) {
        let each = interval * u32::try_from(self.workers.len()).unwrap_or(u32::MAX);
        self.running.store(true, Ordering::Relaxed);
        for worker in &self.workers {
            if let Some(start) = &worker.start {
                // A thread that has ended shows when its counts are asked for.
                let _ = start.send(each);
            }
        }
    }

    /// Ends the round and says what each thread did. Waits for actions under way.
    pub(super) fn stop(&self) -> Vec<Done> {
        self.running.store(false, Ordering::Relaxed);
        self.workers
            .iter()
            .filter_map(|worker| worker.done.recv().ok())
            .collect()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.running.store(false, Ordering::Relaxed);
        for worker in &mut self.workers {
            worker.start = None;
        }
        // Actions undo what they did when their thread ends.
        for worker in &mut self.workers {
            if let Some(thread) = worker.thread.take() {
                let _ = thread.join();
            }
        }
    }
}

/// The actions of one thread.
struct Actions {
    /// In turn; those that are left out are gone.
    turn: Vec<Turn>,
    next: usize,
    counts: Vec<u64>,
}

struct Turn {
    place: usize,
    prepared: Prepared,
    failures_in_a_row: u32,
}

impl Actions {
    /// Threads begin at different actions, so that they do not march in step.
    fn new(set: Vec<Option<Prepared>>, number: usize) -> Self {
        let counts = vec![0; set.len()];
        let turn: Vec<Turn> = set
            .into_iter()
            .enumerate()
            .filter_map(|(place, prepared)| {
                Some(Turn {
                    place,
                    prepared: prepared?,
                    failures_in_a_row: 0,
                })
            })
            .collect();
        Self {
            next: number % turn.len().max(1),
            turn,
            counts,
        }
    }

    fn round(&mut self, interval: Duration, running: &AtomicBool) -> Done {
        let mut failures: Vec<(usize, Failure)> = Vec::new();
        let mut pace = Pace::new(interval);
        let begin = Instant::now();
        loop {
            pace.wait(running);
            if !running.load(Ordering::Relaxed) || self.turn.is_empty() {
                break;
            }
            let turn = &mut self.turn[self.next];
            match turn.prepared.run() {
                Ok(()) => {
                    self.counts[turn.place] += 1;
                    turn.failures_in_a_row = 0;
                    self.next += 1;
                }
                Err(failure) => {
                    turn.failures_in_a_row += 1;
                    if failures.iter().all(|(place, _)| *place != turn.place) {
                        failures.push((turn.place, failure));
                    }
                    if turn.failures_in_a_row >= HOPELESS {
                        self.turn.remove(self.next);
                    } else {
                        self.next += 1;
                    }
                }
            }
            if self.next >= self.turn.len() {
                self.next = 0;
            }
        }
        let time = begin.elapsed();
        let none = vec![0; self.counts.len()];
        Done {
            counts: std::mem::replace(&mut self.counts, none),
            failures,
            time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// An action that stops the round when it has been done often enough.
    fn counting(
        running: &Arc<AtomicBool>,
        log: &Arc<Mutex<Vec<u32>>>,
        id: u32,
        limit: usize,
    ) -> Prepared {
        let (running, log) = (Arc::clone(running), Arc::clone(log));
        Prepared::new(move || {
            let mut log = log.lock().unwrap();
            log.push(id);
            running.store(log.len() < limit, Ordering::Relaxed);
            Ok(())
        })
    }

    #[test]
    fn actions_take_turns_and_are_counted() {
        let running = Arc::new(AtomicBool::new(true));
        let log = Arc::new(Mutex::new(Vec::new()));
        let set = vec![
            Some(counting(&running, &log, 0, 5)),
            None,
            Some(counting(&running, &log, 2, 5)),
        ];
        let mut actions = Actions::new(set, 0);
        let done = actions.round(Duration::ZERO, &running);
        assert_eq!(*log.lock().unwrap(), [0, 2, 0, 2, 0]);
        assert_eq!(done.counts, [3, 0, 2]);
        assert!(done.failures.is_empty());
        // Counts start again, turns go on.
        running.store(true, Ordering::Relaxed);
        log.lock().unwrap().clear();
        let done = actions.round(Duration::ZERO, &running);
        assert_eq!(*log.lock().unwrap(), [2, 0, 2, 0, 2]);
        assert_eq!(done.counts, [2, 0, 3]);
    }

    #[test]
    fn failures_do_not_count_and_the_hopeless_are_left_out() {
        let running = Arc::new(AtomicBool::new(true));
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut calls = 0;
        let sometimes = Prepared::new(move || {
            calls += 1;
            if calls % 2 == 0 {
                Err(Failure::skipped("even"))
            } else {
                Ok(())
            }
        });
        let set = vec![
            Some(Prepared::new(|| Err(Failure::skipped("never")))),
            Some(sometimes),
            Some(counting(&running, &log, 2, 10)),
        ];
        let done = Actions::new(set, 0).round(Duration::ZERO, &running);
        assert_eq!(done.counts, [0, 5, 10]);
        let failures: Vec<(usize, String)> = done
            .failures
            .iter()
            .map(|(at, failure)| (*at, failure.to_string()))
            .collect();
        assert_eq!(
            failures,
            [
                (0, "skipped: never".to_owned()),
                (1, "skipped: even".to_owned())
            ]
        );
    }

    #[test]
    fn a_round_without_actions_ends() {
        let mut actions = Actions::new(vec![None], 3);
        let done = actions.round(Duration::ZERO, &AtomicBool::new(true));
        assert_eq!(done.counts, [0]);
    }

    #[test]
    fn threads_stop_when_told_and_undo_when_dropped() {
        struct Undo(Arc<AtomicBool>);
        impl Drop for Undo {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let undone = Arc::new(AtomicBool::new(false));
        let undo = Undo(Arc::clone(&undone));
        let (sender, receiver) = channel();
        let action = Prepared::new(move || {
            let _kept = &undo;
            let _ = sender.send(());
            Ok(())
        });
        let load = Load::new(vec![vec![Some(action)]]).unwrap();
        load.start(Duration::ZERO);
        receiver.recv().unwrap();
        let done = load.stop();
        assert_eq!(done.len(), 1);
        assert_eq!(done[0].counts[0], 1 + receiver.try_iter().count() as u64);
        assert!(!undone.load(Ordering::Relaxed));
        drop(load);
        assert!(undone.load(Ordering::Relaxed));
    }
}
