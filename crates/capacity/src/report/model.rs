//! Everything that was measured. Its JSON form is the result file.

use serde::{Deserialize, Serialize};

use crate::diagnosis::{Baseline, Finding, Limits};
use crate::round::{Criterion, Phase, Round};
use crate::search::Outcome;

/// Version of the layout; grows when a field changes its meaning.
pub const VERSION: u32 = 1;

/// A capacity test: one engine on one machine, at several sizes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// When it began, as ISO 8601.
    pub began: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Who was measured.
    pub engine: Engine,
    /// On what.
    pub machine: Machine,
    /// How.
    pub method: Method,
    /// A run for each size.
    pub runs: Vec<Run>,
}

/// The engine that was measured.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Engine {
    /// A name for tables.
    pub name: String,
    /// How it was started; empty if it was running already.
    pub command: String,
    /// What it says of its version.
    pub version: Option<String>,
}

/// The machine.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// CPUs online.
    pub cpus: u32,
    /// Name of the CPU.
    pub model: String,
    /// Release of the kernel.
    pub kernel: String,
    /// Bytes of memory.
    pub memory: u64,
    /// How fast it was at the beginning: turns per second of a fixed calculation on one CPU. `None`
    /// where nobody measured it.
    #[serde(default)]
    pub speed: Option<f64>,
}

/// How it was measured.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Method {
    /// What an operation of the load is: names of actions, or of a system call load.
    pub load: Vec<String>,
    /// Whether operations raise alerts; if not, rates are system calls per second.
    pub raises_alerts: bool,
    /// Workers that did the operations.
    pub workers: u32,
    /// Whether operations were due at fixed times; if not, a loop paused between them.
    pub open_loop: bool,
    /// What makes a round dirty.
    pub criterion: Criterion,
    /// Width of the interval in which the limit lies, as a share of it.
    pub precision: f64,
    /// Whether load and engine had CPUs of their own.
    pub pinned: bool,
    /// Whether the load made its files in memory of its own, instead of on the disk.
    #[serde(default)]
    pub in_memory: bool,
    /// How alerts came, like `gRPC unix:///run/falco/falco.sock`.
    pub alerts: String,
}

/// A run at one size.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Run {
    /// What the engine could use.
    pub limits: Limits,
    /// What was idle before.
    pub baseline: Option<Baseline>,
    /// Rounds in their order.
    pub rounds: Vec<Round>,
    /// Samples in their order.
    pub samples: Vec<TimedSample>,
    /// How it ended.
    pub outcome: Outcome,
    /// Events per second that the engine held at the limit.
    pub syscalls_per_second: Option<f64>,
    /// Alerts per second that the engine held at the limit; `None` where the load raises none.
    pub eps: Option<f64>,
    /// Why the limit is where it is.
    pub findings: Vec<Finding>,
}

/// What was seen within one interval.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
pub struct TimedSample {
    /// Its end, in seconds since the run began.
    pub at: f64,
    /// Its length in seconds.
    pub seconds: f64,
    /// The round that it belongs to, from 1; 0 for the baseline.
    pub round: u32,
    /// Whether the load was on.
    pub loaded: bool,
    /// Events that the engine's kernel side counted.
    pub events: Option<u64>,
    /// Events that the kernel side dropped.
    pub kernel_drops: Option<u64>,
    /// Alerts that the engine's queues dropped.
    pub queue_drops: Option<u64>,
    /// Operations done.
    pub done: u64,
    /// Alerts that came.
    pub alerts: u64,
    /// CPUs that the engine used.
    pub engine_cpus: Option<f64>,
    /// CPUs that the load used.
    pub load_cpus: f64,
    /// Latency of alerts that came, 99 of a hundred, in milliseconds.
    pub latency_p99: Option<f64>,
}

impl Run {
    /// The round that the figures of the limit are from: the clean one of its confirmation that is nearest to
    /// it; at the limit of the load, the nearest of all; otherwise the fastest clean one.
    pub fn limit_round(&self, criterion: Criterion) -> Option<&Round> {
        let clean = || self.rounds.iter().filter(|round| round.is_clean(criterion));
        let fastest = || clean().max_by(|left, right| left.achieved.total_cmp(&right.achieved));
        let nearest = |rate: f64, is_of: fn(&Round) -> bool| {
            let distance = |round: &Round| (round.achieved - rate).abs();
            clean()
                .filter(|round| is_of(round))
                .min_by(|left, right| distance(left).total_cmp(&distance(right)))
        };
        match self.outcome {
            Outcome::LoadSaturated { rate } => nearest(rate, |_| true),
            Outcome::Limit { rate, .. } => {
                nearest(rate, |round| round.phase == Phase::Confirm).or_else(fastest)
            }
            _ => fastest(),
        }
    }
}

impl Limits {
    /// The CPUs as a table shows them.
    pub fn cpus_text(&self) -> String {
        self.cpus.map_or("all".to_owned(), |cpus| format!("{cpus}"))
    }

    /// The memory as a table shows it.
    pub fn memory_text(&self) -> String {
        const MIB: u64 = 1024 * 1024;
        match self.memory {
            None => "all".to_owned(),
            Some(bytes) if bytes % (1024 * MIB) == 0 => format!("{}Gi", bytes / (1024 * MIB)),
            Some(bytes) => format!("{}Mi", bytes / MIB),
        }
    }
}
