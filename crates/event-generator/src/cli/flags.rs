//! The flags of every command.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::go::parse_duration;
use crate::load::SyscallLoad;
use crate::log::{Format, Level};
use crate::watch::EngineKind;

/// Flags of every command.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Configuration file: YAML, flags by name [default: $HOME/.falco-event-generator.yaml if there]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to log
    #[arg(
        short,
        long,
        global = true,
        value_name = "LEVEL",
        default_value = "info",
        hide_possible_values = true
    )]
    pub loglevel: Level,
    /// How to log
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub logformat: Format,
}

/// Flags of `list`.
#[derive(Args, Clone, Debug)]
pub struct ListFlags {
    /// Regular expression that the name matches somewhere
    pub pattern: Option<String>,
    /// Also those that run with --all only
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, action = clap::ArgAction::Set)]
    pub all: bool,
    /// How to print them: names, or everything that is known about each
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub output: ListFormat,
}

/// How `list` prints.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ListFormat {
    /// One name a line.
    Text,
    /// One JSON array.
    Json,
}

/// Flags of everything that does actions.
#[derive(Args, Clone, Debug)]
pub struct RunFlags {
    /// How long to wait before each action
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = parse_duration)]
    pub sleep: Duration,
    /// Again and again; in a benchmark: halve the sleep after each round
    #[arg(long = "loop", value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, action = clap::ArgAction::Set)]
    pub looped: bool,
    /// Also those that are disabled by default
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, action = clap::ArgAction::Set)]
    pub all: bool,
    /// In random order, another one each time around
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, action = clap::ArgAction::Set)]
    pub random: bool,
    /// Seed of the random order, to have it again
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
    /// Regular expression that the name matches somewhere
    pub pattern: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub kubernetes: KubernetesFlags,
}

/// Flags of `test`.
#[derive(Args, Clone, Debug)]
pub struct TestFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub run: RunFlags,
    /// How long to wait for the alert of an action
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = parse_duration)]
    pub test_timeout: Duration,
    /// How long the gRPC stream may be silent before it is asked again
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = parse_duration)]
    pub polling_interval: Duration,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub alerts: AlertFlags,
}

/// Flags of `bench`.
#[derive(Args, Clone, Debug)]
#[command(mut_arg("pattern", |arg| arg.required_unless_present("syscalls")))]
pub struct BenchFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub run: RunFlags,
    /// Process to watch, the engine's: its CPU and memory are printed [0: none]
    #[arg(
        long,
        value_name = "PID",
        default_value = "0",
        hide_default_value = true
    )]
    pub pid: u32,
    /// How long a round is; longer than --sleep
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    pub round_duration: Duration,
    /// How long to rest after a round, for alerts to arrive [default: as long as the round]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub rest_duration: Option<Duration>,
    /// Numbers for people
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "true", action = clap::ArgAction::Set)]
    pub humanize: bool,
    /// Only do the actions; expect no alerts
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, action = clap::ArgAction::Set)]
    pub dry_run: bool,
    /// How long the gRPC stream may be silent before it is asked again
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = parse_duration)]
    pub polling_interval: Duration,
    /// Stop after this many rounds
    #[arg(long, value_name = "NUMBER")]
    pub rounds: Option<u64>,
    /// Begin no round after this long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Threads that do the actions
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: u16,
    /// How long to wait at the start for the alerts of one action each
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    pub first_alert_timeout: Duration,
    /// Actions a second, by all workers, whatever they take; instead of --sleep. With --loop it
    /// doubles after each round
    #[arg(long, value_name = "EPS", conflicts_with = "sleep")]
    pub rate: Option<f64>,
    /// Make plain system calls, which break no rule, instead of actions
    #[arg(long, value_name = "KIND")]
    pub syscalls: Option<SyscallLoad>,
    /// The engine: finds its process if --pid is not given, and knows what to set in it
    #[arg(long, value_name = "NAME")]
    pub engine: Option<EngineKind>,
    /// Statistics file that the engine writes (its -s), to set its counters beside what is lost
    #[arg(long, value_name = "FILE")]
    pub stats_file: Option<PathBuf>,
    /// Metrics file that the engine writes (its metrics.output_file), for the same
    #[arg(long, value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
    /// Where the engine answers Prometheus, such as http://127.0.0.1:8765/metrics, for the same
    #[arg(long, value_name = "URL")]
    pub metrics_url: Option<String>,
    /// Lines as they come, also on a terminal, where else there is a live screen
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, action = clap::ArgAction::Set)]
    pub plain: bool,
    /// Write what was measured to this file, as JSON, after each round
    #[arg(long, value_name = "FILE")]
    pub json_result: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub alerts: AlertFlags,
}

/// Where alerts come from.
///
/// gRPC when one of its flags is given, HTTP when one of its flags is given; without any, gRPC if
/// the default socket is there, else HTTP.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Alerts (gRPC, if the socket is there; else HTTP)")]
pub struct AlertFlags {
    /// Address on which to take alerts that the engine posts
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:8080")]
    pub http_server_address: String,
    /// How the engine's posts are secured
    #[arg(long, value_name = "MODE", default_value = "insecure")]
    pub http_server_security_mode: SecurityMode,
    /// Our certificate
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/falco/certs/server.crt"
    )]
    pub http_server_cert: PathBuf,
    /// Our key
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/falco/certs/server.key"
    )]
    pub http_server_key: PathBuf,
    /// Authority that vouches for the engine (mtls)
    #[arg(long, value_name = "FILE", default_value = "/etc/falco/certs/ca.crt")]
    pub http_client_ca: PathBuf,
    /// Socket of the engine's gRPC server; goes before host and port. Empty: none
    /// [default: unix:///run/falco/falco.sock]
    #[arg(long, value_name = "SOCKET")]
    pub grpc_unix_socket: Option<String>,
    /// Host of the engine's gRPC server
    #[arg(long, value_name = "HOST", default_value = "localhost")]
    pub grpc_hostname: String,
    /// Port of the engine's gRPC server
    #[arg(long, value_name = "PORT", default_value = "5060")]
    pub grpc_port: u16,
    /// Our certificate
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/falco/certs/client.crt"
    )]
    pub grpc_cert: PathBuf,
    /// Our key
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/etc/falco/certs/client.key"
    )]
    pub grpc_key: PathBuf,
    /// Authority that vouches for the engine
    #[arg(long, value_name = "FILE", default_value = "/etc/falco/certs/ca.crt")]
    pub grpc_ca: PathBuf,
    /// Which family of flags was given; set after parsing.
    #[arg(skip)]
    pub given: Given,
}

/// Which family of alert flags was given on the command line, in the environment or in the file.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Given {
    /// Some `--grpc-…`.
    pub grpc: bool,
    /// Some `--http-…`.
    pub http: bool,
}

/// How the engine's posts are secured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum SecurityMode {
    /// In the clear.
    Insecure,
    /// Encrypted; we show a certificate.
    Tls,
    /// Both sides show a certificate.
    Mtls,
}

/// The connection flags of kubectl. They are for actions on a cluster, which are not available yet;
/// until then they are accepted and a warning says that they have no effect.
#[derive(Args, Clone, Default, Debug)]
#[expect(missing_docs, reason = "those of kubectl")]
pub struct KubernetesFlags {
    #[arg(long = "as", hide = true, value_name = "USER")]
    pub as_user: Option<String>,
    #[arg(long, hide = true)]
    pub as_group: Vec<String>,
    #[arg(long, hide = true)]
    pub as_uid: Option<String>,
    #[arg(long, hide = true)]
    pub cache_dir: Option<String>,
    #[arg(long, hide = true)]
    pub certificate_authority: Option<String>,
    #[arg(long, hide = true)]
    pub client_certificate: Option<String>,
    #[arg(long, hide = true)]
    pub client_key: Option<String>,
    #[arg(long, hide = true)]
    pub cluster: Option<String>,
    #[arg(long, hide = true)]
    pub context: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub disable_compression: Option<bool>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub insecure_skip_tls_verify: Option<bool>,
    #[arg(long, hide = true)]
    pub kubeconfig: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub match_server_version: Option<bool>,
    #[arg(short, long, hide = true)]
    pub namespace: Option<String>,
    #[arg(long, hide = true)]
    pub request_timeout: Option<String>,
    #[arg(short, long, hide = true)]
    pub server: Option<String>,
    #[arg(long, hide = true)]
    pub tls_server_name: Option<String>,
    #[arg(long, hide = true)]
    pub token: Option<String>,
    #[arg(long, hide = true)]
    pub user: Option<String>,
}

impl KubernetesFlags {
    /// Whether any was given.
    pub fn any(&self) -> bool {
        let texts = [
            &self.as_user,
            &self.as_uid,
            &self.cache_dir,
            &self.certificate_authority,
            &self.client_certificate,
            &self.client_key,
            &self.cluster,
            &self.context,
            &self.kubeconfig,
            &self.namespace,
            &self.request_timeout,
            &self.server,
            &self.tls_server_name,
            &self.token,
            &self.user,
        ];
        let switches = [
            self.disable_compression,
            self.insecure_skip_tls_verify,
            self.match_server_version,
        ];
        texts.iter().any(|text| text.is_some())
            || switches.iter().any(Option::is_some)
            || !self.as_group.is_empty()
    }
}
