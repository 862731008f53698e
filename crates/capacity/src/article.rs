//! The method of the 2021 article, applied to files.
//!
//! By hand it goes: watch the statistics file and the log of the benchmark side by side, stop at the
//! first sample with drops, average the samples at full load right before it, and take the last
//! round before the one that dropped. Only drops of the kernel side count: the article's own round
//! has lost one alert in a hundred and stands.
//!
//! Neither file says when a line was written. Rounds and bursts are set side by side from their end,
//! because that is where both were stopped.

use std::time::Duration;

use crate::bursts::{Burst, Kind, tell_apart};
use crate::read::{BenchRound, Sample};

/// What the files say.
#[derive(Clone, PartialEq, Debug)]
pub struct Analysis {
    /// What was found in the statistics, if there were any.
    pub syscalls: Option<Syscalls>,
    /// What was found in the log, if there was one.
    pub alerts: Option<Alerts>,
}

/// What statistics say.
#[derive(Clone, PartialEq, Debug)]
pub struct Syscalls {
    /// System calls per second that the engine held: the mean of the used samples.
    pub per_second: f64,
    /// Numbers of the samples that were averaged.
    pub used: Vec<u64>,
    /// Numbers of samples without load.
    pub rests: Vec<u64>,
    /// Numbers of samples in which load began or ended.
    pub edges: Vec<u64>,
    /// The first sample with drops, if any had them.
    pub first_drop: Option<u64>,
    /// Events dropped in all samples.
    pub drops: u64,
}

/// What the log of a benchmark says.
#[derive(Clone, PartialEq, Debug)]
pub struct Alerts {
    /// Alerts per second of the last round before the limit.
    pub eps: f64,
    /// That round's number.
    pub round: u64,
    /// Share of its alerts that did not come, 0 to 1.
    pub lost: Option<f64>,
    /// Why it is this round.
    pub chosen: Chosen,
    /// Rounds in which more load was wanted and none came.
    pub saturation: Option<Saturation>,
}

/// Why a round was taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chosen {
    /// It stands before the round with the first drops.
    BeforeDrops,
    /// No sample has drops; it is the one with the most alerts per second.
    NoDrops,
    /// There were no statistics and no losses to speak of; it is the one with the most alerts per
    /// second.
    NoLosses,
    /// There were no statistics; it is the last before alerts were lost in earnest.
    BeforeLosses,
    /// There were no statistics, and every round lost alerts: it is the one that lost least.
    AllLost,
}

/// The load was the limit: pauses shrank and the rate did not grow.
#[derive(Clone, PartialEq, Debug)]
pub struct Saturation {
    /// Numbers of the rounds.
    pub rounds: Vec<u64>,
    /// Their highest rate.
    pub eps: f64,
    /// How long one action takes by itself, on the average.
    pub per_action: Duration,
}

/// Without statistics, a round that lost more than this share is past the limit. The article's
/// last round below it lost 1 %, the one above 11 %.
const LOST_IN_EARNEST: f64 = 0.05;

/// A pause that shrinks to this share or less should raise the rate …
const SHRUNK: f64 = 0.6;
/// … by at least this factor, if pauses are what limits it.
const GROWN: f64 = 1.25;

/// Applies the method. `interval` is the length of a statistics sample in seconds.
pub fn analyze(samples: &[Sample], rounds: &[BenchRound], interval: f64) -> Analysis {
    let told = tell_apart(samples, interval);
    let first_drop = samples.iter().position(|sample| sample.drops > 0);
    Analysis {
        syscalls: (!samples.is_empty()).then(|| {
            let used = used(samples, &told.bursts, first_drop);
            let numbers = |kind| {
                (told.kinds.iter().zip(samples))
                    .filter(|&(&of, _)| of == kind)
                    .map(|(_, sample)| sample.number)
                    .collect()
            };
            Syscalls {
                per_second: mean(used.iter().map(|&at| {
                    samples[at].events as f64 / samples[at].seconds.unwrap_or(interval)
                })),
                used: used.iter().map(|&at| samples[at].number).collect(),
                rests: numbers(Kind::Rest),
                edges: numbers(Kind::Edge),
                first_drop: first_drop.map(|at| samples[at].number),
                drops: samples.iter().map(|sample| sample.drops).sum(),
            }
        }),
        alerts: alerts(samples, &told.bursts, first_drop, rounds),
    }
}

/// The samples at full load right before the first drop; those of the burst before where there are
/// none; without drops, those of the fastest burst.
fn used(samples: &[Sample], bursts: &[Burst], first_drop: Option<usize>) -> Vec<usize> {
    let Some(drop) = first_drop else {
        let total = |burst: &Burst| mean(burst.loaded.iter().map(|&at| samples[at].events as f64));
        return bursts
            .iter()
            .max_by(|left, right| total(left).total_cmp(&total(right)))
            .map(|burst| burst.loaded.clone())
            .unwrap_or_default();
    };
    bursts
        .iter()
        .rev()
        .map(|burst| {
            (burst.loaded.iter().copied())
                .filter(|&at| at < drop)
                .collect::<Vec<_>>()
        })
        .find(|used| !used.is_empty())
        .unwrap_or_default()
}

fn alerts(
    samples: &[Sample],
    bursts: &[Burst],
    first_drop: Option<usize>,
    rounds: &[BenchRound],
) -> Option<Alerts> {
    let fastest = || {
        rounds
            .iter()
            .max_by(|left, right| left.eps.total_cmp(&right.eps))
    };
    let (round, chosen) = if let Some(drop) = first_drop {
        // Both were stopped at the same time, so the last burst is the last round.
        let bursts_after = bursts
            .iter()
            .filter(|burst| burst.range.end > drop)
            .count()
            .max(1);
        let at = rounds.len().checked_sub(bursts_after + 1);
        // With one round only, it is the one in which drops began.
        (rounds.get(at.unwrap_or(0))?, Chosen::BeforeDrops)
    } else if !samples.is_empty() {
        (fastest()?, Chosen::NoDrops)
    } else {
        let clean = |round: &BenchRound| round.lost.is_none_or(|lost| lost <= LOST_IN_EARNEST);
        match rounds.iter().position(|round| !clean(round)) {
            None => (fastest()?, Chosen::NoLosses),
            Some(0) => (
                rounds.iter().min_by(|left, right| {
                    let lost = |round: &BenchRound| round.lost.unwrap_or(0.0);
                    lost(left).total_cmp(&lost(right))
                })?,
                Chosen::AllLost,
            ),
            Some(dirty) => (&rounds[dirty - 1], Chosen::BeforeLosses),
        }
    };
    Some(Alerts {
        eps: round.eps,
        round: round.number,
        lost: round.lost,
        chosen,
        saturation: saturation(rounds),
    })
}

/// Rounds at the end in which shorter pauses brought no higher rate although nothing was lost.
pub fn saturation(rounds: &[BenchRound]) -> Option<Saturation> {
    let flat = |pair: &[BenchRound]| {
        let [slow, fast] = pair else { return false };
        let (Some(long), Some(short)) = (slow.sleep, fast.sleep) else {
            return false;
        };
        let whole = |round: &BenchRound| round.lost.is_none_or(|lost| lost <= LOST_IN_EARNEST);
        short.as_secs_f64() <= SHRUNK * long.as_secs_f64()
            && fast.eps < GROWN * slow.eps
            && whole(slow)
            && whole(fast)
    };
    let count = rounds
        .windows(2)
        .rev()
        .take_while(|pair| flat(pair))
        .count();
    if count == 0 {
        return None;
    }
    let rounds = &rounds[rounds.len() - count - 1..];
    let own_time = |round: &BenchRound| {
        let period = 1.0 / round.eps.max(f64::MIN_POSITIVE);
        let pause = round.sleep.unwrap_or_default().as_secs_f64();
        (period - pause).clamp(0.0, 1e9)
    };
    Some(Saturation {
        rounds: rounds.iter().map(|round| round.number).collect(),
        eps: rounds.iter().map(|round| round.eps).fold(0.0, f64::max),
        per_action: Duration::from_secs_f64(mean(rounds.iter().map(own_time))),
    })
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in values {
        sum += value;
        count += 1;
    }
    if count == 0 {
        0.0
    } else {
        sum / f64::from(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(number: u64, events: u64, drops: u64) -> Sample {
        Sample {
            number,
            events,
            drops,
            seconds: None,
        }
    }

    fn round(number: u64, sleep: u64, eps: f64, lost: f64) -> BenchRound {
        BenchRound {
            number,
            sleep: Some(Duration::from_micros(sleep)),
            eps,
            lost: Some(lost),
            ..BenchRound::default()
        }
    }

    /// Three bursts; drops begin in the first full sample of the last one.
    #[test]
    fn a_burst_that_drops_at_once_leaves_the_one_before() {
        let counts = [
            (100, 0),
            (5000, 0),
            (5100, 0),
            (100, 0),
            (110, 0),
            (10_000, 0),
            (10_200, 0),
            (100, 0),
            (90, 0),
            (20_000, 900),
            (20_000, 800),
            (100, 0),
        ];
        let samples: Vec<_> = counts
            .iter()
            .zip(1..)
            .map(|(&(events, drops), number)| sample(number, events, drops))
            .collect();
        let rounds = [
            round(1, 400, 50.0, 0.0),
            round(2, 200, 100.0, 0.0),
            round(3, 100, 200.0, 0.3),
        ];
        let found = analyze(&samples, &rounds, 1.0);
        let syscalls = found.syscalls.expect("statistics were given");
        assert_eq!(syscalls.used, [6, 7]);
        assert_eq!(syscalls.first_drop, Some(10));
        assert!((syscalls.per_second - 10_100.0).abs() < 1e-9);
        let alerts = found.alerts.expect("a log was given");
        assert_eq!((alerts.round, alerts.chosen), (2, Chosen::BeforeDrops));
        assert_eq!(alerts.saturation, None);
    }

    /// The log goes on for a round after the one with drops.
    #[test]
    fn rounds_are_set_beside_bursts_from_their_end() {
        let samples: Vec<_> = [
            (100, 0),
            (5000, 0),
            (100, 0),
            (9000, 10),
            (100, 0),
            (9000, 90),
        ]
        .iter()
        .zip(1..)
        .map(|(&(events, drops), number)| sample(number, events, drops))
        .collect();
        let rounds: Vec<_> = (1..=6)
            .map(|number| round(number, 1000 >> number, number as f64, 0.0))
            .collect();
        let alerts = analyze(&samples, &rounds, 1.0).alerts.expect("given");
        assert_eq!(alerts.round, 4);
    }

    #[test]
    fn without_statistics_losses_decide() {
        let rounds = [
            round(1, 400, 50.0, 0.0),
            round(2, 200, 100.0, 0.01),
            round(3, 100, 200.0, 0.11),
        ];
        let alerts = analyze(&[], &rounds, 1.0).alerts.expect("given");
        assert_eq!((alerts.round, alerts.chosen), (2, Chosen::BeforeLosses));
    }

    #[test]
    fn without_drops_the_fastest_counts() {
        let samples = [sample(1, 10, 0), sample(2, 1000, 0), sample(3, 10, 0)];
        let rounds = [round(1, 400, 500.0, 0.0), round(2, 200, 400.0, 0.0)];
        let found = analyze(&samples, &rounds, 1.0);
        assert_eq!(found.syscalls.expect("given").first_drop, None);
        let alerts = found.alerts.expect("given");
        assert_eq!((alerts.round, alerts.chosen), (1, Chosen::NoDrops));
        assert!(alerts.saturation.is_some());
    }

    #[test]
    fn nothing_in_nothing_out() {
        let found = analyze(&[], &[], 1.0);
        assert_eq!(found.syscalls, None);
        assert_eq!(found.alerts, None);
    }
}
