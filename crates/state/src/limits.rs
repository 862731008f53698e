//! How much is kept, and how often something was refused or looked up.

use std::time::Duration;

/// Upper bounds of the tables, and how much may be looked up.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most threads that are kept.
    pub threads: usize,
    /// Most descriptors that are kept per descriptor table.
    pub descriptors: usize,
    /// How often stale threads are looked for, ns. 0 = never.
    pub purge_interval: u64,
    /// Age after which a thread without events is stale, ns.
    pub thread_timeout: u64,
    /// Most look-ups of missing threads per second of event time; 0 = none.
    pub lookups_per_second: u32,
    /// Most time that look-ups of missing threads take per second of event time.
    pub lookup_time_per_second: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const SECOND: u64 = 1_000_000_000;
        Self {
            threads: 262_144,
            descriptors: 4096,
            purge_interval: 300 * SECOND,
            thread_timeout: 300 * SECOND,
            lookups_per_second: 1000,
            lookup_time_per_second: Duration::from_millis(100),
        }
    }
}

/// What happened to the tables since the start. Names are those of the metrics.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counters {
    /// Threads in the table now.
    pub n_threads: u64,
    /// Descriptors in all tables now; a table that several threads share counts once.
    pub n_fds: u64,
    /// Descriptor look-ups that missed the one-entry cache.
    pub n_noncached_fd_lookups: u64,
    /// Descriptor look-ups answered by the one-entry cache.
    pub n_cached_fd_lookups: u64,
    /// Descriptor look-ups that found nothing.
    pub n_failed_fd_lookups: u64,
    /// Descriptors added.
    pub n_added_fds: u64,
    /// Descriptors removed.
    pub n_removed_fds: u64,
    /// Enter events kept for their exit.
    pub n_stored_evts: u64,
    /// Enter events that could not be kept.
    pub n_store_evts_drops: u64,
    /// Kept enter events that met their exit.
    pub n_retrieved_evts: u64,
    /// Exit events whose enter event was not kept.
    pub n_retrieve_evts_drops: u64,
    /// Thread look-ups that missed the one-entry cache.
    pub n_noncached_thread_lookups: u64,
    /// Thread look-ups answered by the one-entry cache.
    pub n_cached_thread_lookups: u64,
    /// Thread look-ups that found nothing.
    pub n_failed_thread_lookups: u64,
    /// Threads added.
    pub n_added_threads: u64,
    /// Threads removed.
    pub n_removed_threads: u64,
    /// Threads refused because the table was full.
    pub n_drops_full_threadtable: u64,
    /// Descriptors refused because their table was full.
    pub n_drops_full_fdtable: u64,
    /// Missing threads asked for in `/proc`.
    pub n_proc_lookups: u64,
    /// Missing threads not asked for because the budget was spent.
    pub n_proc_lookups_refused: u64,
}
