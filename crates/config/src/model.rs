//! The configuration as resolved: final types, defaults filled in.

use std::path::PathBuf;
use std::time::Duration;

/// Where `peregrine top` finds an engine, unless the configuration says otherwise.
pub const TOP_SOCKET: &str = "/run/peregrine/top.sock";

/// Everything that the configuration says.
///
/// Defaults are those of Falco's code unless the field says otherwise.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// Rules files and folders, in the order in which they are loaded.
    pub rules_files: Vec<PathBuf>,
    /// What is enabled and disabled after loading, in order.
    pub rules: Vec<RuleSelection>,
    /// Restart on a change of the files.
    pub watch_config_files: bool,
    /// Where system calls come from.
    pub engine: EngineConfig,
    /// Captures of what surrounds a match.
    pub capture: CaptureConfig,
    /// The plugins to load, in order.
    pub plugins: Vec<PluginEntry>,
    /// Times in ISO 8601 (UTC) instead of the local time of day.
    pub time_format_iso_8601: bool,
    /// Byte buffers as base64 in outputs.
    pub buffer_format_base64: bool,
    /// Least severe priority that is loaded, lower case.
    pub priority: String,
    /// Alerts as JSON.
    pub json_output: bool,
    /// `output` in JSON alerts.
    pub json_include_output_property: bool,
    /// `output_fields` in JSON alerts.
    pub json_include_output_fields_property: bool,
    /// `tags` in JSON alerts.
    pub json_include_tags_property: bool,
    /// `message` (the output without time and priority) in JSON alerts.
    pub json_include_message_property: bool,
    /// Do not flush after each alert.
    pub buffered_outputs: bool,
    /// One alert per event, or one per matching rule.
    pub rule_matching: RuleMatching,
    /// Equal alerts are sent once per window; `None` for all alerts as they come. Falco has no such
    /// key.
    pub deduplicate: Option<DeduplicateConfig>,
    /// What is added to outputs.
    pub append_output: Vec<AppendOutput>,
    /// `static.<key>` fields.
    pub static_fields: Vec<(String, String)>,
    /// The channels.
    pub outputs: OutputsConfig,
    /// The web server.
    pub webserver: WebserverConfig,
    /// `top.socket`: where `peregrine top` finds a running engine; `None` with `top.enabled: false`.
    /// Falco has no such keys.
    pub top_socket: Option<PathBuf>,
    /// Own log on standard error.
    pub log_stderr: bool,
    /// Own log to syslog.
    pub log_syslog: bool,
    /// Least severe message of the own log, lower case.
    pub log_level: String,
    /// Successive time-outs without an event after which that is said.
    pub syscall_event_timeouts_max_consecutives: u64,
    /// What happens when events are dropped.
    pub syscall_event_drops: SyscallDrops,
    /// Metrics.
    pub metrics: MetricsConfig,
    /// System calls that are traced beside those of the rules; `!name` takes one out.
    pub base_syscalls_custom_set: Vec<String>,
    /// Add the smallest set that keeps state right.
    pub base_syscalls_repair: bool,
    /// Trace reads and writes too when rules name them.
    pub base_syscalls_all: bool,
    /// Most threads in the table.
    pub thread_table_size: u64,
    /// How often dead threads are purged.
    pub thread_purging_interval: Duration,
    /// After how long without an event a thread may be purged.
    pub thread_timeout: Duration,
    /// Bytes of each read and write that are kept.
    pub snaplen: u32,
}

/// Where system calls come from.
#[derive(Clone, PartialEq, Debug)]
pub struct EngineConfig {
    /// The kind of source.
    pub kind: EngineKind,
    /// Size of a ring: 1 … 10 stand for 1, 2, 4 … 512 MiB.
    pub buf_size_preset: u8,
    /// Leave failed system calls out.
    pub drop_failed_exit: bool,
    /// Report what calls were given when they began, not what lies there when they return.
    pub toctou_protection: bool,
    /// Report opens and connects that come through io_uring.
    pub io_uring: bool,
    /// Which reads and writes keep more bytes than the others.
    pub dynamic_snaplen: DynamicSnaplenConfig,
    /// Do not seed state with BPF iterators.
    pub disable_iterators: bool,
    /// Let the kernel drop calls that no rule can match.
    pub kernel_filter: bool,
    /// The capture to replay.
    pub capture_file: Option<PathBuf>,
}

/// `engine.modern_ebpf.dynamic_snaplen`; what Falco's library offers and Falco has no key for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DynamicSnaplenConfig {
    /// Whether port and content decide at all.
    pub enabled: bool,
    /// The first port of those with up to 16 000 bytes; 0 for none.
    pub fullcapture_port_start: u16,
    /// The last of them.
    pub fullcapture_port_end: u16,
    /// The port of statsd, with up to 2000 bytes.
    pub statsd_port: u16,
}

/// The kind of source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EngineKind {
    /// The eBPF probe.
    ModernEbpf,
    /// Falco's kernel module. There is none here; the eBPF probe does its work.
    Kmod,
    /// A command that is traced, without privileges.
    Ptrace,
    /// A capture file.
    Replay,
    /// No system calls.
    Nodriver,
}

/// `capture`.
#[derive(Clone, PartialEq, Debug)]
pub struct CaptureConfig {
    /// Whether matches are recorded.
    pub enabled: bool,
    /// Start of the path of the files.
    pub path_prefix: String,
    /// Which rules record.
    pub mode: CaptureMode,
    /// How long after the match.
    pub default_duration: Duration,
    /// Most MiB of a file; 0 for no limit.
    pub max_file_size_mb: u64,
    /// Most events in a file; 0 for no limit. Falco has no such key.
    pub max_file_events: u64,
    /// Most files of one run of the engine; 0 for no limit. Falco has no such key.
    pub max_files: u64,
}

/// Which rules record what surrounds a match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CaptureMode {
    /// Those that say `capture: true`.
    Rules,
    /// All.
    AllRules,
}

/// A plugin to load.
#[derive(Clone, PartialEq, Debug)]
pub struct PluginEntry {
    /// Its name.
    pub name: String,
    /// The shared library.
    pub library_path: String,
    /// What is handed to its start, as JSON or as it stands.
    pub init_config: String,
    /// What is handed to its opening.
    pub open_params: String,
}

/// Which of several matching rules raise an alert.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RuleMatching {
    /// The first in the order of definition.
    First,
    /// All.
    All,
}

/// An entry of `rules`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleSelection {
    /// Enable, or disable.
    pub enable: bool,
    /// What it applies to.
    pub selector: RuleSelector,
}

/// What an entry of `rules` applies to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RuleSelector {
    /// Rules by name, `*` stands for any text.
    Rule(String),
    /// Rules with this tag.
    Tag(String),
}

/// An entry of `append_output`.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct AppendOutput {
    /// Only rules of this source.
    pub source: Option<String>,
    /// Only rules that have all of these tags.
    pub tags: Vec<String>,
    /// Only the rule of this name.
    pub rule: Option<String>,
    /// Text that is added to the output.
    pub extra_output: Option<String>,
    /// Fields that are added to `output_fields`.
    pub extra_fields: Vec<ExtraField>,
    /// Add the fields that are suggested for output.
    pub suggested_output: bool,
}

/// A field that is added to `output_fields`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExtraField {
    /// A field under its own name.
    Field(String),
    /// A template under a name.
    Template(String, String),
}

/// `deduplicate`: which alerts are equal, and for how long.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeduplicateConfig {
    /// How long after an alert equal ones are only counted.
    pub window: Duration,
    /// The fields that must be the same; the rule always must.
    pub by: Vec<String>,
    /// The rules it is about, by name, `*` stands for any text; empty for all.
    pub rules: Vec<String>,
    /// Most alerts that are remembered at a time.
    pub max_groups: u64,
}

/// The channels that alerts go to.
#[derive(Clone, PartialEq, Debug)]
pub struct OutputsConfig {
    /// Most alerts that wait; 0 for the default.
    pub queue_capacity: u64,
    /// Alerts per second that are let through; 0 for all.
    pub rate: f64,
    /// How many may come at once before the rate counts.
    pub max_burst: f64,
    /// After how long a blocked channel is named in the log.
    pub timeout: Duration,
    /// Standard output.
    pub stdout: bool,
    /// syslog.
    pub syslog: bool,
    /// A file.
    pub file: Option<FileOutput>,
    /// A program.
    pub program: Option<ProgramOutput>,
    /// HTTP.
    pub http: Option<HttpOutput>,
    /// gRPC; `None` unless both `grpc.enabled` and `grpc_output.enabled` are set.
    pub grpc: Option<GrpcConfig>,
}

/// `file_output`.
#[derive(Clone, PartialEq, Debug)]
pub struct FileOutput {
    /// The path.
    pub filename: PathBuf,
    /// Keep it open between alerts.
    pub keep_alive: bool,
}

/// `program_output`.
#[derive(Clone, PartialEq, Debug)]
pub struct ProgramOutput {
    /// The command line, for `sh -c`.
    pub program: String,
    /// Keep it running between alerts.
    pub keep_alive: bool,
}

/// `http_output`.
#[derive(Clone, PartialEq, Debug)]
pub struct HttpOutput {
    /// Where alerts are posted to.
    pub url: String,
    /// `User-Agent`.
    pub user_agent: String,
    /// Do not check the server's certificate.
    pub insecure: bool,
    /// A certificate authority.
    pub ca_cert: Option<PathBuf>,
    /// A file of certificate authorities.
    pub ca_bundle: Option<PathBuf>,
    /// A folder of certificate authorities.
    pub ca_path: Option<PathBuf>,
    /// Present a certificate of our own.
    pub mtls: bool,
    /// Our certificate.
    pub client_cert: PathBuf,
    /// Its key.
    pub client_key: PathBuf,
    /// Print what the server answers.
    pub echo: bool,
    /// Compress what is posted.
    pub compress_uploads: bool,
    /// Keep connections open.
    pub keep_alive: bool,
    /// Attempts after time-outs.
    pub max_consecutive_timeouts: u8,
}

/// `grpc`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GrpcConfig {
    /// `unix:///path` or `host:port`.
    pub bind_address: String,
    /// Worker threads; 0 for one per CPU.
    pub threadiness: u32,
    /// Key of the server, for TCP.
    pub private_key: PathBuf,
    /// Certificates of the server, for TCP.
    pub cert_chain: PathBuf,
    /// Authorities that client certificates must come from, for TCP.
    pub root_certs: PathBuf,
}

/// `webserver`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebserverConfig {
    /// Whether it runs.
    pub enabled: bool,
    /// Whether the configuration says so itself (and not only the default).
    pub requested: bool,
    /// Worker threads; 0 for one per CPU.
    pub threadiness: u32,
    /// Port.
    pub listen_port: u16,
    /// Address.
    pub listen_address: std::net::IpAddr,
    /// Path of the health check.
    pub k8s_healthz_endpoint: String,
    /// Serve `/metrics`.
    pub prometheus_metrics_enabled: bool,
    /// Serve TLS.
    pub ssl_enabled: bool,
    /// Certificate and key in one file.
    pub ssl_certificate: PathBuf,
}

/// `syscall_event_drops`.
#[derive(Clone, PartialEq, Debug)]
pub struct SyscallDrops {
    /// Share of dropped events, 0 … 1, above which something happens.
    pub threshold: f64,
    /// What happens.
    pub actions: Vec<DropAction>,
    /// How often per second, on average.
    pub rate: f64,
    /// How often at once.
    pub max_burst: f64,
    /// Pretend that events were dropped.
    pub simulate_drops: bool,
}

/// What happens when events are dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DropAction {
    /// Nothing.
    Ignore,
    /// A message in the own log.
    Log,
    /// An alert.
    Alert,
    /// The end.
    Exit,
}

/// `metrics`.
#[derive(Clone, PartialEq, Debug)]
pub struct MetricsConfig {
    /// Whether snapshots are taken.
    pub enabled: bool,
    /// How often.
    pub interval: Duration,
    /// As an alert.
    pub output_rule: bool,
    /// Into a file.
    pub output_file: Option<PathBuf>,
    /// Memory in MiB instead of KiB.
    pub convert_memory_to_mb: bool,
    /// Counters that are zero, too.
    pub include_empty_values: bool,
    /// The groups of counters that are on, by the name of their key.
    pub groups: Vec<&'static str>,
}
