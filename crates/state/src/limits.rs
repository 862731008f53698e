//! How much is kept, and how often something was refused or looked up.

use std::time::Duration;

/// Upper bounds of the tables, and how much may be looked up.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most threads that are kept.
    pub threads: usize,
    /// Most descriptors that are kept per descriptor table.
    pub descriptors: usize,
    /// Most descriptors that are kept in all tables; contents that a fork shares with its parent
    /// count once.
    pub all_descriptors: usize,
    /// Most bytes that are kept of the arguments, the environment and the control groups of a
    /// thread, each. The kernel side sends no more.
    pub string_bytes: usize,
    /// Most users and most groups that are kept per root file system.
    pub accounts: usize,
    /// Most enter events that wait for their exits.
    pub enter_events: usize,
    /// How often stale threads are looked for, ns. 0 = never.
    pub purge_interval: u64,
    /// Age after which a thread without events is stale, ns.
    pub thread_timeout: u64,
    /// Most look-ups of missing threads per second of event time; 0 = none. As many are made of
    /// missing descriptors.
    pub lookups_per_second: u32,
    /// Most time that look-ups of missing threads take per second of event time, and as much those
    /// of missing descriptors.
    pub lookup_time_per_second: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const SECOND: u64 = 1_000_000_000;
        Self {
            threads: 262_144,
            descriptors: 4096,
            all_descriptors: 1 << 20,
            string_bytes: 4096,
            accounts: 1 << 16,
            enter_events: 1 << 14,
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
    /// Threads that made room for others in a full table: no event of them had come for the
    /// longest time.
    pub n_evicted_threads: u64,
    /// Descriptors refused because their table was full.
    pub n_drops_full_fdtable: u64,
    /// Descriptors that made room for others in a full table.
    pub n_evicted_fds: u64,
    /// Users and groups refused because there were too many.
    pub n_drops_full_accounts: u64,
    /// Containers whose users were forgotten because no thread was left in them.
    pub n_evicted_containers: u64,
    /// Arguments, environments, control groups and paths that were cut.
    pub n_cut_strings: u64,
    /// Missing threads asked for in `/proc`.
    pub n_proc_lookups: u64,
    /// Missing threads and descriptors not asked for because the budget was spent.
    pub n_proc_lookups_refused: u64,
    /// Missing descriptors asked for in `/proc`.
    pub n_proc_fd_lookups: u64,
    /// How often the source of events told that some were lost.
    pub n_gaps: u64,
    /// Threads that had become another program in a gap, and were read again.
    pub n_healed_threads: u64,
    /// Descriptors that had been made in a gap, or came in a message, and were found.
    pub n_healed_fds: u64,
}
