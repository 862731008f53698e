//! Why the limit is where it is.

use serde::{Deserialize, Serialize};

use crate::round::{BEHIND, Criterion, NOISE, Round};
use crate::search::Outcome;

/// One cause, or one thing to know about the figures.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// What kind.
    pub cause: Cause,
    /// A sentence with the figures that show it.
    pub text: String,
}

/// Kinds of findings.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The engine has no more CPU time.
    CpuBound,
    /// The rings between kernel and engine were full.
    RingFull,
    /// A queue of the engine was full.
    QueueFull,
    /// Alerts were lost or came late although the engine dropped nothing.
    SinkSlow,
    /// The load could do no more.
    LoadSaturated,
    /// One action takes most of the load's time.
    SlowAction,
    /// The load and the engine compete for CPUs.
    LoadShare,
    /// Something else was running.
    Noise,
    /// Counters of the engine could not be read.
    Blind,
}

/// What the machine and the engine did before any load.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Baseline {
    /// Seconds that it was watched.
    pub seconds: f64,
    /// Events per second that the engine's kernel side counted.
    pub events_per_second: Option<f64>,
    /// Events dropped.
    pub kernel_drops: Option<u64>,
    /// CPUs that the engine used.
    pub engine_cpus: Option<f64>,
    /// CPUs that everything else used.
    pub other_cpus: f64,
}

/// What the engine may use.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Limits {
    /// CPUs; `None` for no limit.
    pub cpus: Option<f64>,
    /// Bytes of memory; `None` for no limit.
    pub memory: Option<u64>,
}

/// Throttled in more than this share of periods, an engine is at its CPU limit.
const THROTTLED: f64 = 0.1;
/// So near its CPU limit, an engine is at it.
const AT_LIMIT: f64 = 0.93;
/// Load and engine that use more than this share of all CPUs together compete.
const CROWDED: f64 = 0.95;
/// A machine whose speed differs by more than this share between rounds shows in the figures.
const DRIFT: f64 = 0.05;
/// An action this many times slower than the median of the others is slow …
const SLOW: f64 = 5.0;
/// … if it also takes this share of the loop.
const SLOW_SHARE: f64 = 0.5;

/// Explains a run: the rounds, what was idle before them, and on how many CPUs.
pub fn explain(
    rounds: &[Round],
    outcome: Outcome,
    criterion: Criterion,
    baseline: Option<&Baseline>,
    limits: Limits,
    machine_cpus: f64,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |cause, text| findings.push(Finding { cause, text });
    // The lowest rate that lost something shows the limit at its clearest. Below what was held, or where
    // the load was the limit, it was the machine that stumbled.
    let held = match outcome {
        Outcome::LoadSaturated { .. } | Outcome::NoLimit { .. } => f64::INFINITY,
        outcome => outcome.held().unwrap_or(0.0),
    };
    let dirty = rounds
        .iter()
        .filter(|round| !round.is_clean(criterion))
        .filter(|round| round.offered.unwrap_or(f64::INFINITY) >= held)
        .min_by(|left, right| left.achieved.total_cmp(&right.achieved));
    let highest = rounds
        .iter()
        .max_by(|left, right| left.achieved.total_cmp(&right.achieved));
    if let Some(round) = dirty {
        let cpu_bound = cpu_bound(round, limits, machine_cpus);
        if let Some(text) = &cpu_bound {
            found(Cause::CpuBound, text.clone());
        }
        losses(round, criterion, cpu_bound.is_some(), &mut found);
    }
    if let Outcome::LoadSaturated { rate } = outcome {
        found(
            Cause::LoadSaturated,
            format!("no drop up to {rate:.0}/s: the load is the limit, not the engine"),
        );
    }
    if let Some(round) = highest
        && let Some(text) = slow_action(round)
    {
        found(Cause::SlowAction, text);
    }
    if let Some(round) = dirty.or(highest) {
        let share = (round.load_cpus + round.engine_cpus.unwrap_or(0.0)) / machine_cpus;
        if share > CROWDED {
            found(
                Cause::LoadShare,
                format!(
                    "load ({:.2} CPUs) and engine ({:.2}) used {:.0} % of the machine: the load may \
                     have taken time from the engine; pin them, or use a larger machine",
                    round.load_cpus,
                    round.engine_cpus.unwrap_or(0.0),
                    100.0 * share
                ),
            );
        }
        if round.kernel_drops.is_none() {
            found(
                Cause::Blind,
                "the engine's drop counters could not be read: only alerts that did not come count"
                    .to_owned(),
            );
        }
    }
    if let Some(idle) = baseline
        && idle.other_cpus > NOISE * machine_cpus
    {
        found(
            Cause::Noise,
            format!(
                "other processes used {:.2} CPUs while nothing was loaded: figures are lower than on \
                 a quiet machine",
                idle.other_cpus
            ),
        );
    }
    if let Some(text) = disturbed(rounds, baseline, machine_cpus) {
        found(Cause::Noise, text);
    }
    if let Some((slowest, fastest)) = speeds(rounds)
        && slowest < (1.0 - DRIFT) * fastest
    {
        found(
            Cause::Noise,
            format!(
                "machine speed drift {:.0} %: a fixed calculation took that much longer before the \
                 slowest round than before the fastest, and single rounds may differ by as much",
                100.0 * (fastest / slowest - 1.0)
            ),
        );
    }
    findings
}

/// The lowest and the highest speed of the machine before a round.
pub fn speeds(rounds: &[Round]) -> Option<(f64, f64)> {
    let speeds = || rounds.iter().filter_map(|round| round.speed);
    Some((speeds().reduce(f64::min)?, speeds().reduce(f64::max)?))
}

/// In how many rounds others took time.
fn disturbed(rounds: &[Round], baseline: Option<&Baseline>, machine_cpus: f64) -> Option<String> {
    let idle = baseline.map_or(0.0, |idle| idle.other_cpus);
    let disturbed: Vec<&Round> = rounds
        .iter()
        .filter(|round| round.is_disturbed(idle, machine_cpus))
        .collect();
    let stolen = disturbed
        .iter()
        .map(|round| round.stolen_cpus)
        .fold(0.0, f64::max);
    (!disturbed.is_empty()).then(|| {
        format!(
            "{} of {} rounds were disturbed: others used up to {:.2} CPUs, and up to {stolen:.2} were \
             not there because the machine is virtual; where such a round found a loss it was repeated",
            disturbed.len(),
            rounds.len(),
            disturbed
                .iter()
                .map(|round| round.other_cpus)
                .fold(0.0, f64::max),
        )
    })
}

/// Whether the engine ran out of CPU time in this round, and how that shows.
fn cpu_bound(round: &Round, limits: Limits, machine_cpus: f64) -> Option<String> {
    let used = round.engine_cpus?;
    if let Some(throttled) = round.throttled.filter(|&share| share > THROTTLED) {
        return Some(format!(
            "the engine was throttled in {:.0} % of all periods, at {used:.2} CPUs of {}",
            100.0 * throttled,
            limits
                .cpus
                .map_or("no limit".to_owned(), |cpus| format!("{cpus}"))
        ));
    }
    // Most of an engine is one thread, which cannot use more than one CPU.
    let ceiling = limits
        .cpus
        .unwrap_or(machine_cpus)
        .min(machine_cpus)
        .min(1.0);
    (used >= AT_LIMIT * ceiling).then(|| {
        format!("the engine used {used:.2} CPUs, all that one thread can get of {ceiling:.2}")
    })
}

fn losses(
    round: &Round,
    criterion: Criterion,
    cpu_bound: bool,
    found: &mut impl FnMut(Cause, String),
) {
    let at = format!("at {:.0}/s", round.achieved);
    let kernel = round.kernel_drops.unwrap_or(0);
    let queue = round.queue_drops.unwrap_or(0);
    if kernel > 0 {
        let why = if cpu_bound {
            "the engine did not keep up"
        } else {
            "the engine had CPU time left, so the rings are small for such bursts, or another \
             process held its CPU"
        };
        found(
            Cause::RingFull,
            format!("{at} the kernel side dropped {kernel} events, its rings were full: {why}"),
        );
    }
    if queue > 0 {
        found(
            Cause::QueueFull,
            format!("{at} queues of the engine dropped {queue} alerts: their outputs are too slow"),
        );
    }
    if criterion == Criterion::Strict && round.lost() > 0 && kernel == 0 && queue == 0 {
        let where_to = if round.queue_drops.is_some() {
            "and its queues neither: the way from the engine to the receiver loses them, or a rate \
             limit does"
        } else {
            "and it does not say what its queues drop: one of them, the way to the receiver, or a \
             rate limit loses them"
        };
        found(
            Cause::SinkSlow,
            format!(
                "{at} {} of {} alerts did not come although the kernel side dropped nothing, \
                 {where_to}",
                round.lost(),
                round.expected
            ),
        );
    }
    if let Some(seconds) = round.catch_up.filter(|&seconds| seconds > BEHIND) {
        found(
            Cause::SinkSlow,
            format!("{at} alerts still came {seconds:.1} s after the load had ended"),
        );
    }
}

/// The action that most of the loop's time goes to, if there is one.
fn slow_action(round: &Round) -> Option<String> {
    let times = &round.actions;
    let slowest = times
        .iter()
        .max_by(|left, right| left.seconds.total_cmp(&right.seconds))?;
    let mut others: Vec<f64> = times
        .iter()
        .filter(|time| time.name != slowest.name)
        .map(|time| time.seconds)
        .collect();
    others.sort_by(f64::total_cmp);
    let median = *others.get(others.len() / 2)?;
    let total: f64 = times.iter().map(|time| time.seconds).sum();
    if slowest.seconds < SLOW * median || slowest.seconds < SLOW_SHARE * total {
        return None;
    }
    let count = times.len() as f64;
    let rest = total - slowest.seconds;
    Some(format!(
        "{} takes {} a time, {:.0} % of the loop, which with it reaches {:.0}/s on one thread and \
         without it {:.0}/s",
        slowest.name,
        duration(slowest.seconds),
        100.0 * slowest.seconds / total,
        count / total,
        (count - 1.0) / rest,
    ))
}

/// Seconds in a unit that suits them.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds >= 1.0 {
        format!("{seconds:.1} s")
    } else if seconds >= 1e-3 {
        format!("{:.1} ms", seconds * 1e3)
    } else {
        format!("{:.1} µs", seconds * 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::round::ActionTime;
    use crate::round::tests::clean;

    fn causes(rounds: &[Round], outcome: Outcome, baseline: Option<&Baseline>) -> Vec<Cause> {
        let limits = Limits {
            cpus: Some(0.5),
            memory: None,
        };
        explain(rounds, outcome, Criterion::Strict, baseline, limits, 2.0)
            .iter()
            .map(|finding| finding.cause)
            .collect()
    }

    const LIMIT: Outcome = Outcome::Limit {
        rate: 100.0,
        dirty: 105.0,
    };

    #[test]
    fn causes_are_told_apart() {
        let round = clean(1, 1000.0);
        let cases = [
            (
                Round {
                    kernel_drops: Some(5),
                    throttled: Some(0.6),
                    ..round.clone()
                },
                vec![Cause::CpuBound, Cause::RingFull],
            ),
            (
                Round {
                    kernel_drops: Some(5),
                    ..round.clone()
                },
                vec![Cause::RingFull],
            ),
            (
                Round {
                    queue_drops: Some(5),
                    ..round.clone()
                },
                vec![Cause::QueueFull],
            ),
            (
                Round {
                    actual: 4000,
                    ..round.clone()
                },
                vec![Cause::SinkSlow],
            ),
            (
                Round {
                    actual: 4000,
                    kernel_drops: None,
                    ..round.clone()
                },
                vec![Cause::SinkSlow, Cause::Blind],
            ),
            (
                Round {
                    queue_drops: Some(1),
                    load_cpus: 1.7,
                    ..round.clone()
                },
                vec![Cause::QueueFull, Cause::LoadShare],
            ),
            (
                Round {
                    kernel_drops: Some(1),
                    engine_cpus: Some(0.49),
                    ..round.clone()
                },
                vec![Cause::CpuBound, Cause::RingFull],
            ),
        ];
        for (round, expected) in cases {
            assert_eq!(
                causes(std::slice::from_ref(&round), LIMIT, None),
                expected,
                "{round:?}"
            );
        }
    }

    #[test]
    fn a_slow_action_is_named_with_its_time() {
        let time = |name: &str, seconds| ActionTime {
            name: name.to_owned(),
            count: 100,
            seconds,
        };
        let round = Round {
            actions: vec![
                time("ChangeThreadNamespace", 1e-6),
                time("ReadSensitiveFileUntrusted", 2e-6),
                time("WriteBelowBinaryDir", 900e-6),
            ],
            ..clean(1, 1000.0)
        };
        let outcome = Outcome::LoadSaturated { rate: 1000.0 };
        let found = explain(
            &[round],
            outcome,
            Criterion::Strict,
            None,
            Limits::default(),
            2.0,
        );
        let causes: Vec<_> = found.iter().map(|finding| finding.cause).collect();
        assert_eq!(causes, [Cause::LoadSaturated, Cause::SlowAction]);
        assert!(
            found[1]
                .text
                .starts_with("WriteBelowBinaryDir takes 900.0 µs"),
            "{}",
            found[1].text
        );
        assert!(
            found[1].text.ends_with("without it 666667/s"),
            "{}",
            found[1].text
        );
    }

    #[test]
    fn noise_is_a_warning() {
        let idle = Baseline {
            seconds: 5.0,
            events_per_second: Some(100.0),
            kernel_drops: Some(0),
            engine_cpus: Some(0.01),
            other_cpus: 0.7,
        };
        assert_eq!(
            causes(
                &[clean(1, 10.0)],
                Outcome::NoLimit { rate: 10.0 },
                Some(&idle)
            ),
            [Cause::Noise]
        );
        let with = |speed, stolen_cpus| Round {
            speed: Some(speed),
            stolen_cpus,
            ..clean(1, 10.0)
        };
        let outcome = Outcome::NoLimit { rate: 10.0 };
        let cases = [
            (vec![with(1.0, 0.0), with(0.97, 0.05)], 0),
            (vec![with(1.0, 0.0), with(0.9, 0.0)], 1),
            (vec![with(1.0, 0.5), with(0.9, 0.0)], 2),
        ];
        for (rounds, count) in cases {
            assert_eq!(causes(&rounds, outcome, None), vec![Cause::Noise; count]);
        }
    }
}
