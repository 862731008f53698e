//! Alerts while tests run, and whose they are.

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use suite::Alert;

use super::TOKEN;
use crate::alerts::whole::{Listener, Whole};

/// Fields with the ids of a process and of those above it.
const PIDS: [&str; 3] = ["proc.pid", "proc.ppid", "thread.tid"];

/// The alerts that may be about a test.
#[derive(Default)]
pub(super) struct Collected {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    alerts: Vec<Alert>,
    /// Alerts that say nothing of their process.
    anonymous: u64,
    /// All alerts.
    heard: u64,
}

/// Puts alerts where tests look for them.
pub(super) struct Collector(pub(super) Arc<Collected>);

impl Listener for Collector {
    fn alert(&self, alert: Whole) {
        let alert = Alert {
            rule: alert.rule,
            source: alert.source,
            hostname: alert.hostname,
            priority: alert.priority,
            fields: alert.fields.into_iter().collect(),
        };
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.heard += 1;
        let marked = alert
            .field("proc.env")
            .is_some_and(|env| env.contains(TOKEN));
        let has_pid = PIDS.iter().any(|field| alert.field(field).is_some());
        // Of a busy machine's other alerts, only those are kept that a process id could settle.
        if marked || alert.field("proc.env").is_none() && has_pid {
            state.alerts.push(alert);
            drop(state);
            self.0.news.notify_all();
        } else if !has_pid && alert.field("proc.env").is_none() {
            state.anonymous += 1;
        }
    }

    fn noise(&self) {}
}

impl Collected {
    /// Looks at the alerts so far.
    pub(super) fn look<T>(&self, look: impl FnOnce(&[Alert]) -> T) -> T {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        look(&state.alerts)
    }

    /// Waits for another alert, for at most so long.
    pub(super) fn wait(&self, known: usize, limit: Duration) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.alerts.len() == known {
            drop(self.news.wait_timeout(state, limit));
        }
    }

    /// How many alerts came, and how many of them said nothing of their process.
    pub(super) fn counts(&self) -> (u64, u64) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.heard, state.anonymous)
    }
}

/// Whether an alert is about a test: by the mark in the environment of its process; without an
/// environment in the alert, by the id of the process or of its parent.
pub(super) fn is_about(alert: &Alert, token: &str, pids: &HashSet<i32>) -> bool {
    match alert.field("proc.env") {
        Some(env) if env.contains(TOKEN) => {
            // Engines cut long environments; a mark that was cut is nobody's.
            env.contains(&format!("{TOKEN}={token}"))
        }
        _ => PIDS
            .iter()
            .filter_map(|field| alert.field(field))
            .filter_map(|text| text.parse().ok())
            .any(|pid: i32| pids.contains(&pid)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(fields: &[(&str, &str)]) -> Alert {
        Alert {
            fields: fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            ..Alert::default()
        }
    }

    #[test]
    fn the_mark_settles_whose_an_alert_is() {
        let pids = HashSet::from([7]);
        let about = |fields: &[(&str, &str)]| is_about(&alert(fields), "abcd", &pids);
        let env = |value: &str| format!("{TOKEN}={value}");
        assert!(about(&[(
            "proc.env",
            &format!("{} PATH=/bin", env("abcd"))
        )]));
        assert!(!about(&[
            ("proc.env", &env("ignore:abcd")),
            ("proc.pid", "7")
        ]));
        assert!(!about(&[("proc.env", &env("ffff"))]));
        // Cut in the middle of the mark, or just behind its name.
        assert!(!about(&[("proc.env", &env("ab"))]));
        assert!(!about(&[("proc.env", TOKEN)]));
        assert!(about(&[("proc.pid", "7")]));
        assert!(about(&[("proc.ppid", "7"), ("proc.pid", "8")]));
        assert!(!about(&[("proc.pid", "70")]));
        assert!(!about(&[]));
    }
}
