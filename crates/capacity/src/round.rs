//! What one round of a live run came to, and whether it was clean.

use serde::{Deserialize, Serialize};

/// What a round was for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Load is doubled, or the pause halved, until something is lost.
    Ramp,
    /// Between the last clean and the first dirty rate.
    Search,
    /// Again at the limit.
    Confirm,
    /// Again at what the load itself can do.
    Load,
}

impl Phase {
    /// A word for tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ramp => "ramp",
            Self::Search => "search",
            Self::Confirm => "confirm",
            Self::Load => "load",
        }
    }
}

/// A round of load and the rest after it, in numbers. What cannot be read is `None`, not 0.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Round {
    /// From 1.
    pub number: u32,
    /// What it was for.
    pub phase: Phase,
    /// Seconds of load.
    pub seconds: f64,
    /// Operations per second that were wanted; `None` for as fast as the loop goes.
    pub offered: Option<f64>,
    /// Operations per second that were done.
    pub achieved: f64,
    /// Pause between operations in seconds, where the loop is closed.
    pub pause: Option<f64>,
    /// Events per second that the engine's kernel side counted while loaded.
    pub events_per_second: Option<f64>,
    /// System calls per second that the load made, where that is known.
    pub load_syscalls: Option<f64>,
    /// Alerts that should have come; 0 where the load raises none.
    pub expected: u64,
    /// Alerts that came, until the rest was over.
    pub actual: u64,
    /// Events that the kernel side dropped.
    pub kernel_drops: Option<u64>,
    /// Alerts that the engine's own queues dropped.
    pub queue_drops: Option<u64>,
    /// CPUs that the engine used while loaded; 1.0 is one CPU.
    pub engine_cpus: Option<f64>,
    /// Share of the enforcement periods in which the engine was throttled, 0 to 1.
    pub throttled: Option<f64>,
    /// Resident memory of the engine in bytes, the most that was seen.
    pub resident: Option<u64>,
    /// CPUs that the load and the counting of alerts used.
    pub load_cpus: f64,
    /// CPUs that everything else on the machine used.
    pub other_cpus: f64,
    /// CPUs that the machine did not get although it wanted them, because it is a virtual one.
    #[serde(default)]
    pub stolen_cpus: f64,
    /// How fast the machine was right before the round, as a share of its speed at the beginning.
    #[serde(default)]
    pub speed: Option<f64>,
    /// Seconds from the end of the load until nothing more came.
    pub catch_up: Option<f64>,
    /// Latency from act to alert in milliseconds.
    pub latency: Option<Latency>,
    /// Time of each action by itself.
    pub actions: Vec<ActionTime>,
}

/// Percentiles of the time from act to alert, in milliseconds.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the alerts came within this.
    pub p50: f64,
    /// 99 of a hundred.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

/// How long one action takes by itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ActionTime {
    /// Its name.
    pub name: String,
    /// Times it was done.
    pub count: u64,
    /// Seconds for each, on the average.
    pub seconds: f64,
}

/// What makes a round dirty.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// Any kernel drop, any queue drop, any alert that did not come, and an engine that fell behind.
    #[default]
    Strict,
    /// Kernel drops alone, as in the 2021 article.
    KernelDrops,
}

/// One thing that was lost in a round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loss {
    /// Events, by the kernel side.
    KernelDrops(u64),
    /// Alerts, by queues of the engine.
    QueueDrops(u64),
    /// Alerts that never came, whoever lost them.
    Alerts(u64),
    /// Nothing, but only because queues held it: alerts still came long after the load.
    Time,
}

/// Alerts that still come so many seconds after the load show that the rate was not held, but that a
/// queue filled up. For longer, it would have been full. An engine that is throttled in periods of a
/// tenth of a second and polled for alerts is some tenths behind at any rate.
pub const BEHIND: f64 = 0.5;

/// Others that use more than this share of all CPUs, or of which the machine does not get more, disturb.
pub(crate) const NOISE: f64 = 0.05;

impl Round {
    /// Alerts that did not come.
    pub fn lost(&self) -> u64 {
        self.expected.saturating_sub(self.actual)
    }

    /// Everything that counts as lost.
    pub fn losses(&self, criterion: Criterion) -> Vec<Loss> {
        let mut losses = Vec::new();
        if let Some(drops @ 1..) = self.kernel_drops {
            losses.push(Loss::KernelDrops(drops));
        }
        if criterion == Criterion::Strict {
            if let Some(drops @ 1..) = self.queue_drops {
                losses.push(Loss::QueueDrops(drops));
            }
            if self.lost() > 0 {
                losses.push(Loss::Alerts(self.lost()));
            }
            // Whether it caught up is only known where something is waited for.
            let is_behind = self.catch_up.is_none_or(|seconds| seconds > BEHIND);
            if is_behind && self.expected > 0 && losses.is_empty() {
                losses.push(Loss::Time);
            }
        }
        losses
    }

    /// Whether others took time from engine and load: other processes, beyond the CPUs that they use
    /// while nothing is loaded, or other machines on the same hardware.
    pub fn is_disturbed(&self, idle_others: f64, machine_cpus: f64) -> bool {
        let others = (self.other_cpus - idle_others).max(0.0);
        others + self.stolen_cpus > NOISE * machine_cpus
    }

    /// Whether nothing was lost.
    pub fn is_clean(&self, criterion: Criterion) -> bool {
        self.losses(criterion).is_empty()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A round in which all is well.
    pub(crate) fn clean(number: u32, rate: f64) -> Round {
        Round {
            number,
            phase: Phase::Ramp,
            seconds: 5.0,
            offered: Some(rate),
            achieved: rate,
            pause: None,
            events_per_second: Some(40.0 * rate),
            load_syscalls: None,
            expected: (5.0 * rate) as u64,
            actual: (5.0 * rate) as u64,
            kernel_drops: Some(0),
            queue_drops: Some(0),
            engine_cpus: Some(0.3),
            throttled: Some(0.0),
            resident: Some(30_000_000),
            load_cpus: 0.5,
            other_cpus: 0.0,
            stolen_cpus: 0.0,
            speed: Some(1.0),
            catch_up: Some(0.1),
            latency: None,
            actions: Vec::new(),
        }
    }

    #[test]
    fn what_is_lost_decides() {
        let round = clean(1, 100.0);
        assert!(round.is_clean(Criterion::Strict));
        let lossy = Round {
            actual: round.expected - 3,
            queue_drops: Some(2),
            ..round.clone()
        };
        assert_eq!(
            lossy.losses(Criterion::Strict),
            [Loss::QueueDrops(2), Loss::Alerts(3)]
        );
        assert!(lossy.is_clean(Criterion::KernelDrops));
        let late = Round {
            catch_up: Some(BEHIND + 0.1),
            ..round.clone()
        };
        assert_eq!(late.losses(Criterion::Strict), [Loss::Time]);
        let dropped = Round {
            kernel_drops: Some(1),
            ..round.clone()
        };
        assert!(!dropped.is_clean(Criterion::KernelDrops));
    }

    #[test]
    fn others_disturb() {
        let cases = [
            (0.3, 0.3, 0.0, false),
            (0.3, 0.0, 0.0, true),
            (0.0, 0.0, 0.2, true),
        ];
        for (other_cpus, idle, stolen_cpus, expected) in cases {
            let round = Round {
                other_cpus,
                stolen_cpus,
                ..clean(1, 100.0)
            };
            assert_eq!(round.is_disturbed(idle, 2.0), expected, "{round:?}");
        }
    }
}
