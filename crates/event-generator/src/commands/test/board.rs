//! Where alerts are put up for those that wait for them.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::alerts::whole::{Listener, Whole};

/// How many alerts are kept. A test looks at each as it comes; only an engine that floods us makes it
/// miss some, and then the test says that none came.
const KEPT: usize = 65_536;

/// The latest alerts.
#[derive(Default)]
pub(super) struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    alerts: VecDeque<(Instant, Arc<Whole>)>,
    /// How many have come before the first that is kept.
    dropped: u64,
    noise: u64,
}

impl Listener for Board {
    fn alert(&self, alert: Whole) {
        let mut state = self.lock();
        state.alerts.push_back((Instant::now(), Arc::new(alert)));
        if state.alerts.len() > KEPT {
            state.alerts.pop_front();
            state.dropped += 1;
        }
        drop(state);
        self.changed.notify_all();
    }

    fn noise(&self) {
        self.lock().noise += 1;
    }
}

impl Board {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many alerts have come so far: where one that waits for what is to come begins.
    pub(super) fn end(&self) -> u64 {
        let state = self.lock();
        state.dropped + state.alerts.len() as u64
    }

    /// How many messages were no alerts.
    pub(super) fn noise(&self) -> u64 {
        self.lock().noise
    }

    /// The alerts from number `from` on, with when they came and the number of the next; waits for at
    /// most `patience` when there is none yet.
    pub(super) fn since(&self, from: u64, patience: Duration) -> (Vec<(Instant, Arc<Whole>)>, u64) {
        let state = self.lock();
        let next = |state: &State| state.dropped + state.alerts.len() as u64;
        let (state, _) = self
            .changed
            .wait_timeout_while(state, patience, |state| next(state) <= from)
            .unwrap_or_else(PoisonError::into_inner);
        let skip = usize::try_from(from.saturating_sub(state.dropped)).unwrap_or(usize::MAX);
        let alerts = state.alerts.iter().skip(skip).cloned().collect();
        (alerts, next(&state).max(from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_sees_what_came_since() {
        let board = Board::default();
        let alert = |rule: &str| Whole {
            rule: rule.to_owned(),
            ..Whole::default()
        };
        board.alert(alert("a"));
        let from = board.end();
        assert_eq!((from, board.since(from, Duration::ZERO).0.len()), (1, 0));
        board.alert(alert("b"));
        board.alert(alert("c"));
        let (alerts, next) = board.since(from, Duration::ZERO);
        let rules: Vec<_> = alerts
            .iter()
            .map(|(_, alert)| alert.rule.as_str())
            .collect();
        assert_eq!((rules, next), (vec!["b", "c"], 3));
        for _ in 0..KEPT {
            board.alert(alert("d"));
        }
        assert_eq!(board.since(0, Duration::ZERO).0.len(), KEPT);
        assert_eq!(board.end(), 3 + KEPT as u64);
    }
}
