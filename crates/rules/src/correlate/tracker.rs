//! What one item remembers: for each group, how far its pattern has come.

use std::collections::VecDeque;

use super::groups::Groups;
use super::{CorrelationCounters, Pattern};

/// The groups of one item. Time is that of events, in nanoseconds; it may stand still and go back
/// a little.
#[derive(Debug)]
pub(super) struct Tracker<P> {
    pattern: Pattern,
    steps: usize,
    within: u64,
    groups: Groups<Group<P>>,
    pub(super) counters: CorrelationCounters,
}

/// How far a group has come.
#[derive(Debug)]
enum Group<P> {
    /// The moments that are still within the window.
    Count(VecDeque<u64>),
    /// For each step but the last, the latest moment at which a sequence began that has come as far
    /// as this step. The latest one is the one with most time left, so no other need be kept.
    Sequence(Box<[Option<u64>]>),
    /// When it began, and what is to be said if nothing follows.
    Absence(u64, P),
}

impl<P> Group<P> {
    /// The moment from which on the window is counted.
    fn since(&self) -> u64 {
        match self {
            Self::Count(moments) => moments.back().copied().unwrap_or(0),
            Self::Sequence(starts) => starts.first().copied().flatten().unwrap_or(0),
            Self::Absence(since, _) => *since,
        }
    }
}

impl<P> Tracker<P> {
    pub(super) fn new(pattern: Pattern, steps: usize, within: u64, max_groups: usize) -> Self {
        Self {
            pattern,
            steps,
            within,
            groups: Groups::new(max_groups),
            counters: CorrelationCounters::default(),
        }
    }

    pub(super) fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Takes an event that a step matched, in the group of `key`. `make` is asked for what there is
    /// to say, with the number of events, either because the pattern is complete, and then that is
    /// returned, or to keep it for the case that nothing follows.
    pub(super) fn observe(
        &mut self,
        step: usize,
        key: &[u8],
        now: u64,
        make: &mut dyn FnMut(u64) -> P,
    ) -> Option<P> {
        self.expire(now);
        let fired = match self.pattern {
            Pattern::Count { at_least } => self.count(at_least, key, now, make),
            Pattern::Sequence => self.sequence(step, key, now, make),
            Pattern::Absence => {
                self.absence(step, key, now, make);
                None
            }
        };
        self.counters.fired += u64::from(fired.is_some());
        fired
    }

    fn count(
        &mut self,
        at_least: u32,
        key: &[u8],
        now: u64,
        make: &mut dyn FnMut(u64) -> P,
    ) -> Option<P> {
        let Some(index) = self.groups.find(key) else {
            self.add(key, Group::Count(VecDeque::from([now])));
            return None;
        };
        self.groups.touch(index);
        let within = self.within;
        let Some(Group::Count(moments)) = self.groups.get_mut(index) else {
            return None;
        };
        while moments
            .front()
            .is_some_and(|&first| now.saturating_sub(first) > within)
        {
            moments.pop_front();
        }
        moments.push_back(now);
        let count = moments.len();
        if count < at_least as usize {
            return None;
        }
        // What was counted is used up: the next alert needs as many events again.
        self.groups.remove(index);
        Some(make(count as u64))
    }

    fn sequence(
        &mut self,
        step: usize,
        key: &[u8],
        now: u64,
        make: &mut dyn FnMut(u64) -> P,
    ) -> Option<P> {
        let (steps, within) = (self.steps, self.within);
        let found = self.groups.find(key);
        if step == 0 {
            match found {
                Some(index) => {
                    self.groups.touch(index);
                    if let Some(Group::Sequence(starts)) = self.groups.get_mut(index)
                        && let Some(first) = starts.first_mut()
                    {
                        *first = Some(now);
                    }
                }
                None => {
                    let mut starts = vec![None; steps.saturating_sub(1)].into_boxed_slice();
                    if let Some(first) = starts.first_mut() {
                        *first = Some(now);
                    }
                    self.add(key, Group::Sequence(starts));
                }
            }
            return None;
        }
        let index = found?;
        let Some(Group::Sequence(starts)) = self.groups.get_mut(index) else {
            return None;
        };
        let start = starts.get(step - 1).copied().flatten()?;
        if now.saturating_sub(start) > within {
            return None;
        }
        if let Some(reached) = starts.get_mut(step) {
            *reached = (*reached).max(Some(start));
            return None;
        }
        self.groups.remove(index);
        Some(make(steps as u64))
    }

    fn absence(&mut self, step: usize, key: &[u8], now: u64, make: &mut dyn FnMut(u64) -> P) {
        let found = self.groups.find(key);
        match (step, found) {
            (0, None) => self.add(key, Group::Absence(now, make(1))),
            (0, Some(_)) | (_, None) => {}
            (_, Some(index)) => {
                let within = self.within;
                let in_time = self
                    .groups
                    .get_mut(index)
                    .is_some_and(|group| now.saturating_sub(group.since()) <= within);
                if in_time {
                    self.groups.remove(index);
                }
            }
        }
    }

    fn add(&mut self, key: &[u8], group: Group<P>) {
        self.counters.evicted += u64::from(self.groups.insert(key, group));
    }

    /// Forgets groups whose window is over.
    fn expire(&mut self, now: u64) {
        if self.pattern == Pattern::Absence {
            return;
        }
        while let Some((index, group)) = self.groups.oldest() {
            if now.saturating_sub(group.since()) <= self.within {
                break;
            }
            self.groups.remove(index);
            self.counters.expired += 1;
        }
    }

    /// The last moment at which what the oldest group waits for can still come, for absences.
    pub(super) fn due(&self) -> Option<u64> {
        if self.pattern != Pattern::Absence {
            return None;
        }
        let (_, group) = self.groups.oldest()?;
        Some(group.since().saturating_add(self.within))
    }

    /// Lets time pass: forgets what is over, and calls `on_absence` with the end of the window for
    /// each group in which nothing followed in time.
    pub(super) fn advance(&mut self, now: u64, on_absence: &mut dyn FnMut(u64, P)) {
        self.expire(now);
        while let Some(due) = self.due() {
            if now <= due {
                break;
            }
            let oldest = self.groups.oldest().map(|(index, _)| index);
            let Some(Group::Absence(_, said)) = oldest.and_then(|index| self.groups.remove(index))
            else {
                break;
            };
            self.counters.fired += 1;
            on_absence(due, said);
        }
    }

    /// Forgets all groups, as after the end of a capture.
    pub(super) fn clear(&mut self) {
        self.groups.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Sends `(step, key, time)` one after another; returns the times at which it fired.
    fn run(tracker: &mut Tracker<u64>, events: &[(usize, &str, u64)]) -> Vec<u64> {
        let mut fired = Vec::new();
        for &(step, key, now) in events {
            tracker.advance(now, &mut |at, _| fired.push(at));
            let said = tracker.observe(step, key.as_bytes(), now, &mut |count| count);
            fired.extend(said.map(|_| now));
        }
        fired
    }

    fn count(at_least: u32) -> Tracker<u64> {
        Tracker::new(Pattern::Count { at_least }, 1, 10, 100)
    }

    #[test]
    fn counts_slide() {
        for (times, expected) in [
            (&[0, 5, 10][..], &[10][..]),
            (&[0, 5, 11], &[]),
            (&[0, 5, 11, 12], &[12]),
            (&[0, 1, 2, 3, 4, 5], &[2, 5]),
            (&[0, 1, 2, 3, 4], &[2]),
            (&[7, 7, 7], &[7]),
            (&[5, 4, 6], &[6]),
        ] {
            let events: Vec<_> = times.iter().map(|&time| (0, "k", time)).collect();
            assert_eq!(run(&mut count(3), &events), expected, "{times:?}");
        }
        let mixed = [
            (0, "a", 0),
            (0, "b", 1),
            (0, "a", 2),
            (0, "b", 3),
            (0, "a", 4),
        ];
        assert_eq!(run(&mut count(3), &mixed), [4]);
    }

    #[test]
    fn sequences_need_order_and_take_the_latest_beginning() {
        let tracker = || Tracker::new(Pattern::Sequence, 3, 10, 100);
        for (events, expected) in [
            (&[(0, "k", 0), (1, "k", 5), (2, "k", 10)][..], &[10][..]),
            (&[(0, "k", 0), (1, "k", 5), (2, "k", 11)], &[]),
            (&[(1, "k", 0), (0, "k", 5), (2, "k", 6)], &[]),
            (&[(0, "k", 0), (2, "k", 5), (1, "k", 6)], &[]),
            (&[(0, "k", 0), (1, "j", 5), (2, "k", 6)], &[]),
            // The first beginning is too old, the second is not.
            (
                &[
                    (0, "k", 0),
                    (1, "k", 1),
                    (0, "k", 8),
                    (1, "k", 9),
                    (2, "k", 15),
                ],
                &[15],
            ),
            // A new beginning does not undo what the old one has reached.
            (&[(0, "k", 0), (1, "k", 1), (0, "k", 8), (2, "k", 9)], &[9]),
            (&[(0, "k", 0), (1, "k", 1), (0, "k", 8), (2, "k", 11)], &[]),
            // What fired is used up.
            (&[(0, "k", 0), (1, "k", 1), (2, "k", 2), (2, "k", 3)], &[2]),
        ] {
            assert_eq!(run(&mut tracker(), events), expected, "{events:?}");
        }
    }

    #[test]
    fn absences_fire_when_the_window_is_over() {
        let tracker = || Tracker::new(Pattern::Absence, 2, 10, 100);
        for (events, expected) in [
            (&[(0, "k", 0), (1, "k", 10), (1, "-", 30)][..], &[][..]),
            (&[(0, "k", 0), (1, "k", 11)], &[10]),
            (&[(0, "k", 0), (1, "j", 5), (1, "-", 30)], &[10]),
            (&[(1, "k", 0), (0, "k", 1), (1, "-", 30)], &[11]),
            (&[(0, "k", 0), (0, "k", 8), (1, "k", 9), (1, "-", 30)], &[]),
            (&[(0, "k", 0), (0, "j", 4), (1, "-", 30)], &[10, 14]),
            (&[(0, "k", 0), (0, "k", 20), (1, "-", 40)], &[10, 30]),
            (&[(0, "k", 0), (1, "-", 10)], &[]),
        ] {
            assert_eq!(run(&mut tracker(), events), expected, "{events:?}");
        }
    }

    #[test]
    fn the_oldest_group_gives_way_and_both_ends_are_counted() {
        let mut tracker = Tracker::new(Pattern::Count { at_least: 2 }, 1, 10, 2);
        let events = [
            (0, "a", 0),
            (0, "b", 1),
            (0, "c", 2),
            (0, "a", 3),
            (0, "c", 4),
        ];
        assert_eq!(run(&mut tracker, &events), [4]);
        assert_eq!((tracker.counters.evicted, tracker.counters.expired), (2, 0));
        tracker.advance(50, &mut |_, _| {});
        assert_eq!((tracker.groups(), tracker.counters.expired), (0, 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn there_are_never_more_groups_than_the_limit(
            which in 0..3usize,
            limit in 1..5usize,
            events in prop::collection::vec((0..3usize, 0..12u8, 0..40u64), 0..200),
        ) {
            let pattern = [Pattern::Count { at_least: 3 }, Pattern::Sequence, Pattern::Absence];
            let mut tracker = Tracker::new(pattern[which], 3, 30, limit);
            let (mut now, mut live) = (100u64, 0u64);
            for (step, key, delta) in events {
                // Time mostly goes on, and sometimes a little back.
                now = (now + delta).saturating_sub(10);
                tracker.advance(now, &mut |_, _| {});
                tracker.observe(step, &[key], now, &mut |count| count);
                prop_assert!(tracker.groups() <= limit);
                live = live.max(tracker.groups() as u64);
            }
            tracker.advance(u64::MAX, &mut |_, _| {});
            prop_assert_eq!(tracker.groups(), 0);
        }

        /// Against a search of all events that could be the beginning.
        #[test]
        fn a_sequence_fires_exactly_when_its_steps_fit_into_the_window(
            events in prop::collection::vec((0..3usize, 0..6u64), 0..40),
        ) {
            let mut tracker = Tracker::new(Pattern::Sequence, 3, 10, 4);
            let (mut now, mut seen): (u64, Vec<(usize, u64)>) = (0, Vec::new());
            for (step, delta) in events {
                now += delta;
                let fired = tracker.observe(step, b"k", now, &mut |count| count).is_some();
                let fits = step == 2 && seen.iter().enumerate().any(|(at, &(first, time))| {
                    first == 0 && now - time <= 10 && seen[at..].iter().any(|&(next, _)| next == 1)
                });
                prop_assert_eq!(fired, fits);
                seen.push((step, now));
                if fired {
                    seen.clear();
                }
            }
        }
    }
}
