//! Every metric: its name in snapshots, its name for Prometheus, what it is.
//!
//! The one table of them. Names are those of Falco wherever it has the metric, so dashboards and
//! alerts keep working; what only we count follows at the end.

/// What a metric is, and what it is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Description {
    /// Name in a metrics alert and in the metrics file; `{}` stands for the first label's value.
    /// and `{stem}` for that value without its extension. Sizes get `_bytes`, `_kb` or `_mb` behind it.
    /// `None`: not part of them.
    pub field: Option<&'static str>,
    /// Name for Prometheus: after [`PREFIX`], unless it begins with [`OWN_PREFIX`]. `None`: not for
    /// Prometheus.
    pub prometheus: Option<&'static str>,
    /// How it behaves.
    pub kind: Kind,
    /// What its value is in.
    pub unit: Unit,
    /// One line that says what it is.
    pub help: &'static str,
}

/// What the names of Falco's metrics begin with for Prometheus.
pub const PREFIX: &str = "falcosecurity_";
/// What the names of metrics begin with that Falco does not have.
pub const OWN_PREFIX: &str = "peregrine_";

impl Description {
    /// What stands before its name for Prometheus.
    pub fn prefix(&self) -> &'static str {
        match self.prometheus {
            Some(name) if name.starts_with(OWN_PREFIX) => "",
            _ => PREFIX,
        }
    }
}

/// How a metric behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Only grows, from the start of the program.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A fact, as text; Prometheus sees 1 and the text in the label of this name.
    Info(&'static str),
}

/// What a value is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// A number, or text.
    Plain,
    /// A size in bytes; fields have it in kB or MB.
    Bytes,
    /// A size in bytes; fields have it in bytes or MB.
    WholeBytes,
    /// A share from 0 to 1, or more for several CPUs; fields have it in percent.
    Ratio,
}

/// Makes the table: `NAME: field, prometheus, kind, unit, help;`.
macro_rules! metrics {
    ($($name:ident: $field:expr, $prometheus:expr, $kind:expr, $unit:ident, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $name: Description = Description {
                field: $field,
                prometheus: $prometheus,
                kind: $kind,
                unit: Unit::$unit,
                help: $help,
            };
        )*

        /// All of them.
        pub static ALL: &[&Description] = &[$(&$name),*];
    };
}

use Kind::{Counter, Gauge, Info};

metrics! {
    // The program and its machine.
    VERSION: Some("falco.version"), Some("falco_version_info"), Info("version"), Plain,
        "Version of the engine";
    KERNEL_RELEASE: Some("falco.kernel_release"), Some("falco_kernel_release_info"),
        Info("kernel_release"), Plain, "Release of the kernel";
    HOSTNAME: Some("evt.hostname"), Some("evt_hostname_info"), Info("hostname"), Plain,
        "Name of the machine";
    TIME: Some("evt.time"), None, Gauge, Plain,
        "When the snapshot was taken, nanoseconds since the epoch";
    SOURCE: Some("evt.source"), None, Info("source"), Plain, "Event source of the numbers";
    START_TS: Some("falco.start_ts"), Some("falco_start_timestamp_nanoseconds"), Gauge, Plain,
        "When the program was started, nanoseconds since the epoch";
    RELOAD_TS: Some("falco.reload_ts"), Some("falco_reload_timestamp_nanoseconds"), Gauge, Plain,
        "When configuration and rules were last loaded, nanoseconds since the epoch";
    HOST_BOOT_TS: Some("falco.host_boot_ts"), Some("falco_host_boot_timestamp_nanoseconds"), Gauge,
        Plain, "When the machine was started, nanoseconds since the epoch";
    DURATION_SECONDS: Some("falco.duration_sec"), Some("falco_duration_seconds_total"), Counter,
        Plain, "For how long the program has been running, in seconds";
    HOST_CPUS: Some("falco.host_num_cpus"), Some("falco_host_num_cpus_total"), Gauge, Plain,
        "Number of CPUs of the machine";
    RULES_FILE_SHA256: Some("falco.sha256_rules_file.{stem}"), Some("falco_sha256_rules_files_info"),
        Info("sha256"), Plain, "Checksum of a rules file";
    CONFIG_FILE_SHA256: Some("falco.sha256_config_file.{stem}"),
        Some("falco_sha256_config_files_info"), Info("sha256"), Plain,
        "Checksum of a configuration file";
    ENGINE_NAME: Some("scap.engine_name"), Some("scap_engine_name_info"), Info("engine_name"), Plain,
        "Where system calls come from";

    // Events in user space.
    EVENTS: Some("falco.num_evts"), None, Counter, Plain, "Events evaluated";
    EVENTS_BEFORE: Some("falco.num_evts_prev"), None, Counter, Plain,
        "Events evaluated at the time of the snapshot before";
    EVENTS_RATE: Some("falco.evts_rate_sec"), None, Gauge, Plain,
        "Events evaluated per second since the snapshot before";
    QUEUE_DROPS: Some("falco.outputs_queue_num_drops"),
        Some("falco_outputs_queue_num_drops_total"), Counter, Plain,
        "Alerts lost because an output queue was full";
    RULES_MATCHES: Some("falco.rules.matches_total"), None, Counter, Plain, "Matches of all rules";
    RULE_MATCHES: Some("falco.rules.{}"), Some("falco_rules_matches_total"), Counter, Plain,
        "Matches of a rule";

    // Resources.
    CPU_USAGE: Some("falco.cpu_usage_perc"), Some("falco_cpu_usage_ratio"), Gauge, Ratio,
        "CPU use of the program, as a share of one CPU";
    MEMORY_RSS: Some("falco.memory_rss"), Some("falco_memory_rss_bytes"), Gauge, Bytes,
        "Resident memory of the program";
    MEMORY_VSZ: Some("falco.memory_vsz"), Some("falco_memory_vsz_bytes"), Gauge, Bytes,
        "Address space of the program";
    MEMORY_PSS: Some("falco.memory_pss"), Some("falco_memory_pss_bytes"), Gauge, Bytes,
        "Resident memory of the program, shared pages in proportion";
    CONTAINER_MEMORY: Some("falco.container_memory_used"),
        Some("falco_container_memory_used_bytes"), Gauge, WholeBytes, "Memory of the program's container";
    HOST_CPU_USAGE: Some("falco.host_cpu_usage_perc"), Some("falco_host_cpu_usage_ratio"), Gauge,
        Ratio, "CPU use of the machine";
    HOST_MEMORY: Some("falco.host_memory_used"), Some("falco_host_memory_used_bytes"), Gauge, Bytes,
        "Memory in use on the machine";
    HOST_PROCS_RUNNING: Some("falco.host_procs_running"), Some("falco_host_procs_running_total"),
        Gauge, Plain, "Processes running on the machine";
    HOST_OPEN_FDS: Some("falco.host_open_fds"), Some("falco_host_open_fds_total"), Gauge, Plain,
        "Files open on the machine";

    // What the engine remembers.
    THREADS: Some("falco.n_threads"), Some("scap_n_threads_total"), Gauge, Plain,
        "Threads in the table";
    FDS: Some("falco.n_fds"), Some("scap_n_fds_total"), Gauge, Plain,
        "Descriptors in the tables of all threads";
    ADDED_THREADS: Some("falco.n_added_threads"), Some("scap_n_added_threads_total"), Counter, Plain,
        "Threads added to the table";
    REMOVED_THREADS: Some("falco.n_removed_threads"), Some("scap_n_removed_threads_total"), Counter,
        Plain, "Threads removed from the table";
    FULL_THREAD_TABLE_DROPS: Some("falco.n_drops_full_threadtable"),
        Some("scap_n_drops_full_threadtable_total"), Counter, Plain,
        "Threads not added because the table was full";
    CACHED_THREAD_LOOKUPS: Some("falco.n_cached_thread_lookups"),
        Some("scap_n_cached_thread_lookups_total"), Counter, Plain,
        "Threads found where the last look-up ended";
    NONCACHED_THREAD_LOOKUPS: Some("falco.n_noncached_thread_lookups"),
        Some("scap_n_noncached_thread_lookups_total"), Counter, Plain, "Threads looked up";
    FAILED_THREAD_LOOKUPS: Some("falco.n_failed_thread_lookups"),
        Some("scap_n_failed_thread_lookups_total"), Counter, Plain, "Threads not found";
    ADDED_FDS: Some("falco.n_added_fds"), Some("scap_n_added_fds_total"), Counter, Plain,
        "Descriptors added";
    REMOVED_FDS: Some("falco.n_removed_fds"), Some("scap_n_removed_fds_total"), Counter, Plain,
        "Descriptors removed";
    CACHED_FD_LOOKUPS: Some("falco.n_cached_fd_lookups"), Some("scap_n_cached_fd_lookups_total"),
        Counter, Plain, "Descriptors found where the last look-up ended";
    NONCACHED_FD_LOOKUPS: Some("falco.n_noncached_fd_lookups"),
        Some("scap_n_noncached_fd_lookups_total"), Counter, Plain, "Descriptors looked up";
    FAILED_FD_LOOKUPS: Some("falco.n_failed_fd_lookups"), Some("scap_n_failed_fd_lookups_total"),
        Counter, Plain, "Descriptors not found";
    STORED_EVENTS: Some("falco.n_stored_evts"), Some("scap_n_stored_evts_total"), Counter, Plain,
        "Enter events kept until their exit";
    STORED_EVENT_DROPS: Some("falco.n_store_evts_drops"), Some("scap_n_store_evts_drops_total"),
        Counter, Plain, "Enter events that could not be kept";
    RETRIEVED_EVENTS: Some("falco.n_retrieved_evts"), Some("scap_n_retrieved_evts_total"), Counter,
        Plain, "Enter events found by their exit";
    RETRIEVED_EVENT_DROPS: Some("falco.n_retrieve_evts_drops"),
        Some("scap_n_retrieve_evts_drops_total"), Counter, Plain,
        "Enter events missed by their exit";

    // The kernel side.
    KERNEL_EVENTS: Some("scap.n_evts"), Some("scap_n_evts_total"), Counter, Plain,
        "Events of the kernel side, also those dropped";
    KERNEL_EVENTS_BEFORE: Some("scap.n_evts_prev"), None, Counter, Plain,
        "Events of the kernel side at the time of the snapshot before";
    KERNEL_EVENTS_RATE: Some("scap.evts_rate_sec"), None, Gauge, Plain,
        "Events of the kernel side per second since the snapshot before";
    KERNEL_DROPS: Some("scap.n_drops"), Some("scap_n_drops_total"), Counter, Plain,
        "Events that the kernel side dropped";
    KERNEL_DROPS_BEFORE: Some("scap.n_drops_prev"), None, Counter, Plain,
        "Events dropped at the time of the snapshot before";
    KERNEL_DROPS_RATE: Some("scap.evts_drop_rate_sec"), None, Gauge, Plain,
        "Events dropped per second since the snapshot before";
    KERNEL_DROPS_PERCENT: Some("scap.n_drops_perc"), None, Gauge, Plain,
        "Events dropped since the snapshot before, in percent";
    KERNEL_BUFFER_DROPS: Some("scap.n_drops_buffer_total"), None, Counter, Plain,
        "Events dropped because a ring was full";
    KERNEL_BUFFER_DROPS_OF: Some("scap.n_drops_buffer_{}_exit"), Some("scap_n_drops_buffer_total"),
        Counter, Plain, "Events dropped because a ring was full, by kind of system call";
    KERNEL_SCRATCH_DROPS: Some("scap.n_drops_scratch_map"), Some("scap_n_drops_scratch_map_total"),
        Counter, Plain, "Events dropped because they did not fit into scratch memory";
    KERNEL_CPU_EVENTS: Some("scap.n_evts_cpu_{}"), Some("scap_n_evts_cpu_total"), Counter, Plain,
        "Events of one CPU";
    KERNEL_CPU_DROPS: Some("scap.n_drops_cpu_{}"), Some("scap_n_drops_cpu_total"), Counter, Plain,
        "Events dropped on one CPU";

    PROGRAM_RUNS: Some("scap.{}.run_cnt"), Some("scap_program_runs_total"), Counter, Plain,
        "Runs of a program of the probe; 0 unless kernel.bpf_stats_enabled is set";
    PROGRAM_TIME: Some("scap.{}.run_time_ns"), Some("scap_program_run_time_nanoseconds_total"),
        Counter, Plain, "Time spent in a program of the probe";
    PROGRAM_AVERAGE: Some("scap.{}.avg_time_ns"), None, Gauge, Plain,
        "Mean time of a run of a program of the probe";

    // Only ours: what the kernel side decided.
    FILTERED: Some("peregrine.kernel.filtered"), Some("peregrine_kernel_filtered_calls_total"),
        Counter, Plain, "Calls that made no record in the kernel because no rule can match them";
    OVER_BUDGET: Some("peregrine.kernel.over_budget"), Some("peregrine_kernel_over_budget_total"),
        Counter, Plain,
        "Events dropped while the ring had room, because their process or group had used up its share";
    NOISY_LOST: Some("peregrine.noisy.{}.lost"), Some("peregrine_noisy_lost_events"), Gauge, Plain,
        "Events that a process or control group lost because a ring was full, the noisiest only";

    // Only ours: what costs how much. Times are estimated from samples.
    RULE_EVALUATIONS: Some("peregrine.rules.{}.evaluations"),
        Some("peregrine_rule_evaluations_total"), Counter, Plain,
        "Evaluations of the condition of a rule";
    RULE_TIME: Some("peregrine.rules.{}.time_ns"), Some("peregrine_rule_time_nanoseconds_total"),
        Counter, Plain, "Time spent on the condition of a rule, estimated";
    CALL_EVENTS: Some("peregrine.syscalls.{}.events"), Some("peregrine_syscall_events_total"),
        Counter, Plain, "Events of a system call, or of another kind, that were handled";
    CALL_TIME: Some("peregrine.syscalls.{}.time_ns"),
        Some("peregrine_syscall_time_nanoseconds_total"), Counter, Plain,
        "Time spent on events of a system call, estimated";

    // Only ours: where every alert went.
    SINK_ALERTS: None, Some("peregrine_output_alerts_total"), Counter, Plain,
        "Alerts by output and by what became of them: sent, failed, dropped, discarded";
    SINK_SENT: Some("peregrine.output.{}.sent"), None, Counter, Plain, "Alerts delivered";
    SINK_FAILED: Some("peregrine.output.{}.failed"), None, Counter, Plain,
        "Alerts that could not be delivered";
    SINK_DROPPED: Some("peregrine.output.{}.dropped"), None, Counter, Plain,
        "Alerts lost because the queue of the output was full";
    SINK_PENDING: Some("peregrine.output.{}.pending"), Some("peregrine_output_pending_alerts"), Gauge,
        Plain, "Alerts waiting for an output";
    RATE_LIMITED: Some("peregrine.rate_limited"), Some("peregrine_rate_limited_alerts_total"),
        Counter, Plain, "Alerts held back by the rate limit";
    SUBSCRIBERS: Some("peregrine.grpc.subscribers"), Some("peregrine_grpc_subscribers"), Gauge, Plain,
        "Clients subscribed over gRPC";
    SUBSCRIBER_LOST: Some("peregrine.grpc.lost"), Some("peregrine_grpc_lost_alerts_total"), Counter,
        Plain, "Alerts lost to gRPC subscribers that were too slow or left";
}
