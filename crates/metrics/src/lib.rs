//! Counters, snapshots and the statistics file.
