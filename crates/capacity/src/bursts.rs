//! Samples to bursts: which were loaded, which were rests, which were neither.
//!
//! A load that is on for some seconds and off for some shows in samples of a second as a plateau
//! with an edge on either side, where load and rest share a sample. Only the plateau says how fast
//! the load was.

use std::ops::Range;

use crate::read::Sample;

/// What a sample shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// No load but that of the machine itself.
    Rest,
    /// Load for a part of the interval.
    Edge,
    /// Load for the whole interval.
    Loaded,
}

/// A run of samples under load.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Burst {
    /// Indices of its samples, edges included.
    pub range: Range<usize>,
    /// Indices of those that were loaded throughout.
    pub loaded: Vec<usize>,
}

/// Samples, told apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bursts {
    /// One for each sample.
    pub kinds: Vec<Kind>,
    /// In order.
    pub bursts: Vec<Burst>,
}

/// Peaks less than so many times the quietest samples are no bursts: the load never rested.
const CONTRAST: f64 = 3.0;

/// A sample of a burst is loaded throughout when it has at least this share of the burst's median.
const PLATEAU: f64 = 0.8;

/// Tells samples apart by their events per second. `interval` is the length in seconds of samples
/// that do not know their own.
///
/// The border between rest and load is the geometric mean of the quiet level (the tenth part of all
/// samples lies below it) and of the highest sample; where the two are close, all is load.
pub fn tell_apart(samples: &[Sample], interval: f64) -> Bursts {
    let rates: Vec<f64> = samples
        .iter()
        .map(|sample| sample.events as f64 / sample.seconds.unwrap_or(interval))
        .collect();
    let mut sorted = rates.clone();
    sorted.sort_by(f64::total_cmp);
    let quiet = sorted
        .get(sorted.len() / 10)
        .copied()
        .unwrap_or(0.0)
        .max(1.0);
    let peak = sorted.last().copied().unwrap_or(0.0);
    let border = if peak < CONTRAST * quiet {
        0.0
    } else {
        (quiet * peak).sqrt()
    };
    let mut kinds = vec![Kind::Rest; samples.len()];
    let mut bursts = Vec::new();
    let mut index = 0;
    while index < rates.len() {
        if rates[index] < border {
            index += 1;
            continue;
        }
        let end = (index..rates.len())
            .find(|&at| rates[at] < border)
            .unwrap_or(rates.len());
        let plateau = PLATEAU * median(&rates[index..end]);
        let loaded: Vec<usize> = (index..end).filter(|&at| rates[at] >= plateau).collect();
        kinds[index..end].fill(Kind::Edge);
        for &at in &loaded {
            kinds[at] = Kind::Loaded;
        }
        bursts.push(Burst {
            range: index..end,
            loaded,
        });
        index = end;
    }
    Bursts { kinds, bursts }
}

/// The middle one of the sorted values; the upper of two.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn samples(events: &[u64]) -> Vec<Sample> {
        events
            .iter()
            .zip(1..)
            .map(|(&events, number)| Sample {
                number,
                events,
                drops: 0,
                seconds: None,
            })
            .collect()
    }

    #[test]
    fn plateaus_edges_and_rests() {
        use Kind::{Edge, Loaded, Rest};
        let read = tell_apart(
            &samples(&[900, 30_000, 100_000, 99_000, 101_000, 20_000, 950, 1_000]),
            1.0,
        );
        assert_eq!(
            read.kinds,
            [Rest, Edge, Loaded, Loaded, Loaded, Edge, Rest, Rest]
        );
        assert_eq!(read.bursts[0].range, 1..6);
    }

    #[test]
    fn a_load_without_rests_is_one_burst() {
        let read = tell_apart(&samples(&[1000, 1100, 900, 1050]), 1.0);
        assert_eq!(read.bursts.len(), 1);
        assert_eq!(read.bursts[0].loaded, [0, 1, 2, 3]);
    }

    #[test]
    fn samples_of_their_own_length_are_compared_by_rate() {
        let mut read = samples(&[10, 1000, 2000, 10]);
        read[2].seconds = Some(2.0);
        assert_eq!(tell_apart(&read, 1.0).bursts[0].loaded, [1, 2]);
    }

    proptest! {
        #[test]
        fn every_burst_has_a_plateau_and_bursts_do_not_touch(
            events in prop::collection::vec(0_u64..10_000_000, 0..60)
        ) {
            let read = tell_apart(&samples(&events), 1.0);
            prop_assert_eq!(read.kinds.len(), events.len());
            let mut end = 0;
            for (at, burst) in read.bursts.iter().enumerate() {
                prop_assert!(at == 0 || burst.range.start > end);
                end = burst.range.end;
                prop_assert!(!burst.loaded.is_empty());
            }
        }
    }
}
