//! Going over actions, once or again and again, one or several at a time.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use action::Action;

use crate::Interrupt;
use crate::cli::{PassFlags, RunFlags};
use crate::log::Log;
use crate::selection::Shuffle;

/// Which action is next.
struct Schedule {
    actions: Vec<&'static Action>,
    shuffle: Option<Shuffle>,
    /// What is left of the current pass.
    left: VecDeque<&'static Action>,
    /// How many passes may still begin; `None`: no limit.
    passes: Option<u64>,
    deadline: Option<Instant>,
}

impl Schedule {
    fn next(&mut self, log: &Log) -> Option<&'static Action> {
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            return None;
        }
        if self.left.is_empty() {
            match &mut self.passes {
                Some(0) => return None,
                Some(passes) => *passes -= 1,
                None => log.debug("restart loop", &[]),
            }
            if let Some(shuffle) = &mut self.shuffle {
                shuffle.shuffle(&mut self.actions);
            }
            self.left.extend(&self.actions);
        }
        self.left.pop_front()
    }
}

/// How many actions there will be, if that is known.
pub(super) fn total(run: &RunFlags, passes: &PassFlags, actions: usize) -> Option<u64> {
    passes_of(run, passes).map(|passes| passes * actions as u64)
}

/// How many passes; `None`: until something ends them.
fn passes_of(run: &RunFlags, passes: &PassFlags) -> Option<u64> {
    match (passes.count, run.looped || passes.duration.is_some()) {
        (Some(count), _) => Some(count),
        (None, true) => None,
        (None, false) => Some(1),
    }
}

/// Calls `each` for every action of every pass, on as many threads as asked for, after the sleep.
///
/// Ends when all is done, when the time is up, or at once when the user interrupts; says so then.
pub(super) fn go(
    run: &RunFlags,
    passes: &PassFlags,
    actions: Vec<&'static Action>,
    interrupt: &Interrupt,
    log: &Log,
    each: impl Fn(&'static Action) + Sync,
) {
    let schedule = Mutex::new(Schedule {
        actions,
        shuffle: super::shuffle(run, log),
        left: VecDeque::new(),
        passes: passes_of(run, passes),
        deadline: passes.duration.map(|duration| Instant::now() + duration),
    });
    let next = || {
        schedule
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next(log)
    };
    let one_after_another = || {
        while !interrupt.is_set()
            && let Some(action) = next()
        {
            if sleep(run.sleep, action, interrupt, log) {
                each(action);
            }
        }
    };
    if passes.parallel == 1 {
        one_after_another();
    } else {
        // Threads that live as long as there is work: a process that acts dies with the thread that
        // started it.
        std::thread::scope(|scope| {
            for _ in 0..passes.parallel {
                scope.spawn(one_after_another);
            }
        });
    }
    if interrupt.is_set() {
        let message = format!("received {}, shutting down", interrupt.signal());
        log.info(&message, &[]);
        log.info("shutdown completed", &[]);
    }
}

/// `false` when it was interrupted.
fn sleep(duration: Duration, action: &Action, interrupt: &Interrupt, log: &Log) -> bool {
    if duration.is_zero() {
        return true;
    }
    let message = format!("sleep for {}", crate::go::format_duration(duration));
    log.info(&message, &[("action", action.name.into())]);
    interrupt.sleep(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(passes: Option<u64>, deadline: Option<Instant>) -> Schedule {
        Schedule {
            actions: action::all()[..3].to_vec(),
            shuffle: Some(Shuffle::new(1)),
            left: VecDeque::new(),
            passes,
            deadline,
        }
    }

    #[test]
    fn every_action_of_every_pass_is_done() {
        let log = Log::to_stderr(crate::log::Level::Error, crate::log::Format::Text);
        let mut schedule = schedule(Some(4), None);
        let mut counts = std::collections::BTreeMap::new();
        while let Some(action) = schedule.next(&log) {
            *counts.entry(action.name).or_insert(0) += 1;
        }
        assert_eq!(counts.values().copied().collect::<Vec<_>>(), [4, 4, 4]);
    }

    #[test]
    fn nothing_begins_when_the_time_is_up() {
        let log = Log::to_stderr(crate::log::Level::Error, crate::log::Format::Text);
        assert!(schedule(None, Some(Instant::now())).next(&log).is_none());
        let mut endless = schedule(None, None);
        for _ in 0..100 {
            assert!(endless.next(&log).is_some());
        }
    }
}
