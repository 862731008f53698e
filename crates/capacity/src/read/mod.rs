//! Files of earlier runs.

mod bench_log;
mod error;
mod statistics;

pub use bench_log::{ActionLine, BenchRound, bench_log};
pub use error::ReadError;
pub use statistics::{Sample, statistics};
