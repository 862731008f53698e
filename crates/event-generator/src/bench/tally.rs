//! Alerts heard, per action.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::alerts::Hearer;

/// Counts alerts by the action whose rule they name; all others together.
///
/// Written by the thread that hears, read by the one that ends rounds. Neither waits for the other.
#[derive(Debug)]
pub struct Tally {
    index: HashMap<String, usize>,
    counts: Box<[AtomicU64]>,
    others: AtomicU64,
}

impl Tally {
    /// A count for each of these actions, by name.
    pub fn new<'a>(actions: impl IntoIterator<Item = &'a str>) -> Self {
        let index: HashMap<String, usize> = actions
            .into_iter()
            .enumerate()
            .map(|(at, name)| (action::normalized(action::short_name(name)), at))
            .collect();
        Self {
            counts: index.iter().map(|_| AtomicU64::new(0)).collect(),
            index,
            others: AtomicU64::new(0),
        }
    }

    /// How many alerts of an action's rule were heard since the last reset.
    pub fn heard(&self, at: usize) -> u64 {
        self.counts[at].load(Ordering::Relaxed)
    }

    /// How many alerts were heard since the last reset, of whatever rule.
    pub fn heard_in_all(&self) -> u64 {
        let counted: u64 = self
            .counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum();
        counted + self.others.load(Ordering::Relaxed)
    }

    /// Starts again from zero.
    pub fn reset(&self) {
        for count in self.counts.iter().chain([&self.others]) {
            count.store(0, Ordering::Relaxed);
        }
    }
}

impl Hearer for Tally {
    fn alert(&self, rule: &str, _source: &str) {
        // On the stack: this runs once for every alert.
        let mut buffer = [0_u8; 128];
        let mut length = 0;
        for byte in rule.bytes().filter(u8::is_ascii_alphanumeric) {
            let Some(slot) = buffer.get_mut(length) else {
                // Longer than the name of any action.
                length = 0;
                break;
            };
            *slot = byte.to_ascii_lowercase();
            length += 1;
        }
        let name = std::str::from_utf8(&buffer[..length]).unwrap_or_default();
        let count = self
            .index
            .get(name)
            .map_or(&self.others, |&at| &self.counts[at]);
        count.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_matched_by_normalized_name() {
        let tally = Tally::new([
            "syscall.ReadSensitiveFileUntrusted",
            "syscall.WriteBelowEtc",
        ]);
        for rule in [
            "Read sensitive file untrusted",
            "READ-SENSITIVE (file) untrusted!",
            "Write below etc",
            "Write below etc or elsewhere",
            "",
            &"x".repeat(1000),
            "Ünïcödé",
        ] {
            tally.alert(rule, "syscall");
        }
        assert_eq!((tally.heard(0), tally.heard(1)), (2, 1));
        assert_eq!(tally.heard_in_all(), 7);
        tally.reset();
        assert_eq!((tally.heard(0), tally.heard_in_all()), (0, 0));
    }

    #[test]
    fn every_action_fits() {
        for action in action::all() {
            let tally = Tally::new([action.name]);
            tally.alert(action.rule.unwrap_or(action::short_name(action.name)), "");
            assert_eq!(tally.heard(0), 1, "{action:?}");
        }
    }
}
