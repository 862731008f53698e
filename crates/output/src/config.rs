//! What to send, and where.
//!
//! Plain data: whoever reads configuration files fills it in. Field docs name the keys.

use std::path::PathBuf;
use std::time::Duration;

use alert::Format;

/// Everything about outputs.
#[derive(Clone, Debug)]
pub struct OutputsConfig {
    /// What lines look like.
    pub format: Format,
    /// `outputs_queue.capacity`: how many alerts may wait, in the queue and again in front of each
    /// sink. 0: no such limit, only the one in bytes.
    pub queue_capacity: usize,
    /// How many bytes of alerts may wait, in the queue and again in front of each sink. A queue
    /// without a limit ends with the engine killed for its memory.
    pub queue_bytes: usize,
    /// `buffered_outputs`: let alerts wait up to [`BUFFERED_DELAY`](crate::BUFFERED_DELAY) for others
    /// to be written with. Otherwise they are written at once.
    pub buffered: bool,
    /// `output_timeout`: a sink that works on one batch for longer is reported.
    pub timeout: Duration,
    /// `outputs.rate` and `outputs.max_burst`; `None`, for a rate of 0 too: no limit.
    pub rate_limit: Option<RateLimit>,
    /// `stdout_output.enabled`.
    pub stdout: bool,
    /// `file_output`, if enabled.
    pub file: Option<FileConfig>,
    /// `syslog_output`, if enabled.
    pub syslog: Option<SyslogConfig>,
    /// `program_output`, if enabled.
    pub program: Option<ProgramConfig>,
    /// `http_output`, if enabled.
    pub http: Option<HttpConfig>,
    /// `grpc` and `grpc_output`, if enabled.
    pub grpc: Option<GrpcConfig>,
}

/// Nothing enabled; limits as the defaults of the configuration.
impl Default for OutputsConfig {
    fn default() -> Self {
        Self {
            format: Format::default(),
            queue_capacity: 0,
            queue_bytes: 64 << 20,
            buffered: false,
            timeout: Duration::from_secs(2),
            rate_limit: None,
            stdout: false,
            file: None,
            syslog: None,
            program: None,
            http: None,
            grpc: None,
        }
    }
}

/// The limit on alerts, over all sinks together.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RateLimit {
    /// Alerts a second.
    pub rate: f64,
    /// How many may come at once after a quiet time.
    pub max_burst: f64,
}

/// `file_output`.
#[derive(Clone, Debug)]
pub struct FileConfig {
    /// `filename`: appended to, made with mode 0644 less the umask if missing.
    pub path: PathBuf,
    /// Keep the file open. Otherwise it is opened for each batch, so it may be moved away any time.
    pub keep_alive: bool,
}

/// `syslog_output`.
#[derive(Clone, Debug)]
pub struct SyslogConfig {
    /// The socket of the syslog daemon.
    pub socket: PathBuf,
    /// The tag in front of messages.
    pub ident: String,
}

/// `/dev/log`, under our own name.
impl Default for SyslogConfig {
    fn default() -> Self {
        Self {
            socket: "/dev/log".into(),
            ident: "peregrine".into(),
        }
    }
}

/// `program_output`.
#[derive(Clone, Debug)]
pub struct ProgramConfig {
    /// `program`: handed to `sh -c`, gets lines on its standard input.
    pub command: String,
    /// Keep it running. Otherwise it runs once for each alert.
    pub keep_alive: bool,
}

/// `http_output`.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Where to POST to: `http://` or `https://`. Quotes around it are ignored.
    pub url: String,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Do not verify the server's certificate.
    pub insecure: bool,
    /// `ca_cert`, or else `ca_bundle`: a PEM file of authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// `ca_path`: a directory of such files, used when there is no `ca_file`.
    pub ca_path: PathBuf,
    /// `client_cert` and `client_key` (PEM), if `mtls`.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// `echo`: print the server's answers on standard output.
    pub echo: bool,
    /// `keep_alive`: TCP keep-alive probes on idle connections. Connections are used again in any
    /// case.
    pub keep_alive: bool,
    /// How many requests may be under way at once. With more than one, alerts may arrive in another
    /// order than they were raised.
    pub in_flight: usize,
    /// How often one alert is tried before it counts as failed: at least once. Eight tries with their
    /// pauses last about 16 seconds, enough for a server to restart.
    pub attempts: u32,
    /// How long one try may take.
    pub request_timeout: Duration,
}

/// Falco's defaults, with four requests at once and eight tries.
impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            url: String::new(),
            user_agent: "falcosecurity/falco".into(),
            insecure: false,
            ca_file: None,
            ca_path: "/etc/ssl/certs".into(),
            identity: None,
            echo: false,
            keep_alive: false,
            in_flight: 4,
            attempts: 8,
            request_timeout: Duration::from_secs(5),
        }
    }
}

/// `grpc`.
#[derive(Clone, Debug)]
pub struct GrpcConfig {
    /// `bind_address`.
    pub bind: GrpcBind,
    /// `threadiness`: threads that serve connections; 0: one for each CPU.
    pub threads: usize,
    /// How many alerts may wait for one subscriber. What comes when it is full is lost to that
    /// subscriber, and counted.
    pub subscriber_capacity: usize,
    /// How many bytes of alerts may wait for one subscriber.
    pub subscriber_bytes: usize,
    /// How many alerts are kept while nobody subscribes, the latest; for the first who subscribes and
    /// for `get`.
    pub backlog: usize,
    /// What `falco.version` answers.
    pub version: VersionInfo,
}

/// The unix socket that clients expect.
impl Default for GrpcConfig {
    fn default() -> Self {
        Self {
            bind: GrpcBind::Unix("/run/falco/falco.sock".into()),
            threads: 1,
            subscriber_capacity: 262_144,
            subscriber_bytes: 64 << 20,
            backlog: 4_096,
            version: VersionInfo::default(),
        }
    }
}

/// Where gRPC clients connect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GrpcBind {
    /// `unix:///path`: no encryption, for the user and group of the engine (mode 0660).
    Unix(PathBuf),
    /// `host:port`: both sides prove who they are by certificates.
    Tcp {
        /// An address or name, and a port.
        address: String,
        /// `cert_chain`: the server's certificate and its chain, PEM.
        cert_chain: PathBuf,
        /// `private_key`: the server's key, PEM.
        private_key: PathBuf,
        /// `root_certs`: who signs the clients' certificates, PEM.
        root_certs: PathBuf,
    },
}

impl GrpcBind {
    /// Reads a `bind_address`. The three files are used for TCP only.
    pub fn parse(
        bind_address: &str,
        cert_chain: impl Into<PathBuf>,
        private_key: impl Into<PathBuf>,
        root_certs: impl Into<PathBuf>,
    ) -> Self {
        match bind_address.strip_prefix("unix://") {
            Some(path) => Self::Unix(path.into()),
            None => Self::Tcp {
                address: bind_address.to_owned(),
                cert_chain: cert_chain.into(),
                private_key: private_key.into(),
                root_certs: root_certs.into(),
            },
        }
    }
}

/// What `falco.version` answers.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
#[expect(
    missing_docs,
    reason = "the parts of a semantic version, as in version.proto"
)]
pub struct VersionInfo {
    pub version: String,
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
    pub prerelease: String,
    pub build: String,
    /// Version of the rules language and of the fields; only its minor number.
    pub engine_version: u32,
    /// Changes whenever a field is added, removed or altered.
    pub engine_fields_checksum: String,
}
