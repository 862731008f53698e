//! Counters, snapshots of them, and the three forms in which they leave the engine.
//!
//! Counters are plain atomics ([`Counter`]) that live beside the code they count, so counting is one
//! relaxed addition and needs no registry. Now and then somebody gathers them into a [`Snapshot`],
//! where each value meets its [`Description`] from the one table of [`names`]: what it is called in
//! snapshots, what Prometheus calls it, what it means. From there come
//!
//! * the fields of a metrics alert and of the metrics file ([`Snapshot::fields`], [`SnapshotWriter`]),
//! * the text that Prometheus scrapes ([`Snapshot::prometheus`]).
//!
//! The third form is older and stands apart: the statistics file of `-s` ([`StatisticsWriter`]), one
//! line for each tick with the kernel's event and drop counts. Benchmarks of ten years read it, so it
//! is kept to the byte, down to how C++ prints a number; [`parse_statistics`] reads it back.
//!
//! Two habits of the original are not kept, as Prometheus refuses what they make: each family is
//! described once, not once for each sample, and label values are escaped.

mod counter;
mod general;
pub mod names;
mod prometheus;
mod snapshot;
mod statistics;

pub use counter::{Counter, Gauge};
pub use names::{Description, Kind, Unit};
pub use snapshot::{Field, Snapshot, SnapshotWriter, Value};
pub use statistics::{
    KernelCounts, ParseStatisticsError, StatisticsSample, StatisticsWriter, extras_from,
    parse_statistics, parse_statistics_line,
};
