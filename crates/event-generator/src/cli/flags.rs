//! The flags of every command.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::go::parse_duration;
use crate::load::SyscallLoad;
use crate::log::{Format, Level};
use crate::watch::{EngineKind, Sources};

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
    /// Those whose rule is in this rule set: stable, incubating, sandbox, audit, none, ours
    #[arg(long, value_name = "SET", value_delimiter = ',')]
    pub maturity: Vec<String>,
    /// Those that have all of these tags, such as T1059, mitre_execution, container
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    pub tag: Vec<String>,
    /// Those that need all of these, such as root, container, host, network, a capability, a path
    #[arg(long, value_name = "NEED", value_delimiter = ',')]
    pub needs: Vec<String>,
    /// Those that need none of these
    #[arg(long, value_name = "NEED", value_delimiter = ',')]
    pub without: Vec<String>,
    /// Those of one of these classes: in-process, on-request, process, unsuitable
    #[arg(long, value_name = "CLASS", value_delimiter = ',', num_args = 0..=1, require_equals = true, default_missing_value = "in-process,on-request")]
    pub suits_bench: Vec<String>,
    /// Those whose rule's name matches this regular expression
    #[arg(long, value_name = "REGEX")]
    pub rule: Option<String>,
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
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub counters: CounterFlags,
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

/// Where an engine says what it counts.
#[derive(Args, Clone, Default, Debug)]
pub struct CounterFlags {
    /// Statistics file that the engine writes (its -s)
    #[arg(long, value_name = "FILE")]
    pub stats_file: Option<PathBuf>,
    /// Metrics file that the engine writes (its metrics.output_file)
    #[arg(long, value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
    /// Where the engine answers Prometheus, such as http://127.0.0.1:8765/metrics
    #[arg(long, value_name = "URL")]
    pub metrics_url: Option<String>,
}

impl CounterFlags {
    /// The sources for the engine with this process.
    pub fn sources(&self, pid: Option<u32>) -> Sources {
        let files = [&self.stats_file, &self.metrics_file];
        Sources {
            pid,
            files: files.into_iter().flatten().cloned().collect(),
            url: self.metrics_url.clone(),
        }
    }
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

/// The connection flags of kubectl, for actions on a cluster.
#[derive(Args, Clone, Default, Debug)]
#[command(next_help_heading = "Cluster (for k8saudit actions)")]
pub struct KubernetesFlags {
    /// User to act as on the cluster
    #[arg(long = "as", value_name = "USER")]
    pub as_user: Option<String>,
    /// Group to act as; may be repeated
    #[arg(long, value_name = "GROUP")]
    pub as_group: Vec<String>,
    /// Id of the user to act as
    #[arg(long, value_name = "UID")]
    pub as_uid: Option<String>,
    /// Of kubectl: no effect, nothing is cached
    #[arg(long, hide = true, value_name = "FOLDER")]
    pub cache_dir: Option<String>,
    /// Authority that vouches for the server
    #[arg(long, value_name = "FILE")]
    pub certificate_authority: Option<String>,
    /// Our certificate
    #[arg(long, value_name = "FILE")]
    pub client_certificate: Option<String>,
    /// Our key
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<String>,
    /// Cluster of the kubeconfig file
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// Context of the kubeconfig file
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Ask for answers that are not compressed
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub disable_compression: Option<bool>,
    /// Do not look at the server's certificate
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub insecure_skip_tls_verify: Option<bool>,
    /// Kubeconfig file [default: $KUBECONFIG or ~/.kube/config]
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<String>,
    /// Of kubectl: no effect, no version is compared
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub match_server_version: Option<bool>,
    /// Namespace to create objects in [default: that of the context, or default]
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// How long a request may take; 0: as long as it takes [default: 30s]
    #[arg(long, value_name = "DURATION")]
    pub request_timeout: Option<String>,
    /// Address of the API server
    #[arg(short, long, value_name = "URL")]
    pub server: Option<String>,
    /// Name that the server's certificate has to have
    #[arg(long, value_name = "NAME")]
    pub tls_server_name: Option<String>,
    /// Bearer token
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
    /// User of the kubeconfig file
    #[arg(long, value_name = "NAME")]
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
