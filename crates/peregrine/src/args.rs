//! The command line, as written.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

/// Watches what programs do on this machine and says at once when a rule is broken.
///
/// Rules, configuration, captures and alerts are those of Falco 0.44; options that older versions
/// had and later ones dropped (`-s`, `--stats-interval`, `--cri`, `-e`, `-w`, …) work again.
#[derive(Parser, Debug)]
#[command(
    name = "peregrine",
    disable_version_flag = true,
    disable_help_subcommand = true,
    args_conflicts_with_subcommands = true,
    max_term_width = 100
)]
pub(crate) struct Args {
    /// Configuration file [default: /etc/falco/falco.yaml, if it exists].
    #[arg(short = 'c', value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Rules file or folder; takes the place of `rules_files` (may be repeated).
    #[arg(short = 'r', value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,

    /// Override a value of the configuration, e.g. `-o json_output=true` (may be repeated).
    #[arg(short = 'o', long = "option", value_name = "KEY=VALUE")]
    pub(crate) options: Vec<String>,

    /// Check these rules files and exit (may be repeated).
    #[arg(short = 'V', long = "validate", value_name = "FILE")]
    pub(crate) validate: Vec<PathBuf>,

    /// List all rules and exit.
    #[arg(short = 'L')]
    pub(crate) list_rules: bool,

    /// Describe one rule and exit.
    #[arg(short = 'l', value_name = "RULE")]
    pub(crate) describe_rule: Option<String>,

    /// List the fields that conditions and outputs can name, of one source or of all, and exit.
    #[arg(long = "list", value_name = "SOURCE", num_args = 0..=1, require_equals = true,
          default_missing_value = "")]
    pub(crate) list_fields: Option<String>,

    /// With `--list`: names only.
    #[arg(short = 'N')]
    pub(crate) names_only: bool,

    /// Print the JSON schema of rules files and exit.
    #[arg(long = "rule-schema")]
    pub(crate) rule_schema: bool,

    /// List the events that can be seen and exit.
    #[arg(long = "list-events")]
    pub(crate) list_events: bool,

    /// The form of `--list` and `--list-events`.
    #[arg(
        long = "format",
        value_name = "FORMAT",
        value_enum,
        conflicts_with = "markdown"
    )]
    pub(crate) format: Option<Format>,

    /// Older spelling of `--format markdown`.
    #[arg(long = "markdown")]
    pub(crate) markdown: bool,

    /// Start up, say what would be done, and exit before any event is read.
    #[arg(long = "dry-run")]
    pub(crate) dry_run: bool,

    /// List the system calls that are left out by default and exit.
    #[arg(short = 'i', long = "ignored-events")]
    pub(crate) ignored: bool,

    /// Trace reads and writes too (older spelling of `base_syscalls.all`).
    #[arg(short = 'A')]
    pub(crate) all_events: bool,

    /// Say what of each rule the kernel decides and what is left to user space, and exit; as JSON
    /// with `--format json` or `-o json_output=true`.
    #[arg(long = "explain-filter")]
    pub(crate) explain_filter: bool,

    /// Stop after this many seconds.
    #[arg(short = 'M', value_name = "SECONDS")]
    pub(crate) duration: Option<u64>,

    /// Append to every rule's output; `-pc`/`-pcontainer` and `-pk`/`-pkubernetes` stand for the
    /// fields of containers and pods.
    #[arg(short = 'p', long = "print", value_name = "FORMAT")]
    pub(crate) print: Option<String>,

    /// Write the process id to a file.
    #[arg(short = 'P', long = "pidfile", value_name = "FILE")]
    pub(crate) pidfile: Option<PathBuf>,

    /// Flush each alert as it is written.
    #[arg(short = 'U', long = "unbuffered")]
    pub(crate) unbuffered: bool,

    /// Say more at the end: events, drops, rates. With `--list`: types too.
    #[arg(short = 'v')]
    pub(crate) verbose: bool,

    /// Print versions and exit.
    #[arg(long = "version")]
    pub(crate) version: bool,

    /// Print configuration, rules and system as one line of JSON and exit.
    #[arg(long = "support")]
    pub(crate) support: bool,

    /// Print the size of a page and exit.
    #[arg(long = "page-size")]
    pub(crate) page_size: bool,

    /// Read events from a capture file instead of this machine.
    #[arg(short = 'e', value_name = "CAPTURE")]
    pub(crate) replay: Option<PathBuf>,

    /// Record every event into a capture file.
    #[arg(short = 'w', value_name = "CAPTURE")]
    pub(crate) record: Option<PathBuf>,

    /// Watch a command and all it starts, without privileges (`engine.kind: ptrace`); the command
    /// comes last, behind `--`.
    #[arg(short = 'u', long = "userspace", conflicts_with = "replay")]
    pub(crate) userspace: bool,

    /// Append a line of statistics to a file periodically.
    #[arg(short = 's', value_name = "FILE")]
    pub(crate) stats_file: Option<PathBuf>,

    /// Milliseconds between two lines of statistics.
    #[arg(long = "stats-interval", value_name = "MS", default_value_t = 5000,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) stats_interval: u64,

    /// Socket of the container runtime.
    #[arg(long = "cri", value_name = "SOCKET")]
    pub(crate) cri: Vec<PathBuf>,

    /// Disable rules whose name contains this text (may be repeated).
    #[arg(short = 'D', value_name = "TEXT")]
    pub(crate) disable_rules: Vec<String>,

    /// Run only rules with this tag (may be repeated).
    #[arg(short = 't', value_name = "TAG", conflicts_with_all = ["disable_tags", "disable_rules"])]
    pub(crate) only_tags: Vec<String>,

    /// Disable rules with this tag (may be repeated).
    #[arg(short = 'T', value_name = "TAG")]
    pub(crate) disable_tags: Vec<String>,

    /// Bytes of each read and write that are kept.
    #[arg(short = 'S', long = "snaplen", value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(0..=65000))]
    pub(crate) snaplen: Option<u32>,

    /// Byte buffers as base64 in outputs.
    #[arg(short = 'b', long = "print-base64")]
    pub(crate) base64: bool,

    /// Do not use this event source (may be repeated).
    #[arg(
        long = "disable-source",
        value_name = "SOURCE",
        conflicts_with = "enable_source"
    )]
    pub(crate) disable_source: Vec<String>,

    /// Use only this event source (may be repeated).
    #[arg(long = "enable-source", value_name = "SOURCE")]
    pub(crate) enable_source: Vec<String>,

    #[command(flatten)]
    pub(crate) not_yet: NotYet,

    /// The command to watch, with its arguments; implies `-u`.
    #[arg(last = true, value_name = "COMMAND", conflicts_with = "replay")]
    pub(crate) watched: Vec<OsString>,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What else the program can do; without any of them, it watches.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Try rules on the examples that stand beside them.
    TestRules(TestRules),
    /// Show what a running engine is busy with: rules, system calls, processes, losses.
    Top(Top),
}

/// Options of `top`.
#[derive(clap::Args, Debug)]
pub(crate) struct Top {
    /// Socket of the engine (`top.socket` of its configuration).
    #[arg(long = "socket", value_name = "PATH", default_value = config::TOP_SOCKET)]
    pub(crate) socket: PathBuf,

    /// Print one report, of all since the engine's start, and exit.
    #[arg(long = "once")]
    pub(crate) once: bool,

    /// Print reports one after another instead of showing them on a screen; the default when
    /// standard output is not a terminal.
    #[arg(short = 'o', long = "output", value_name = "FORMAT", value_enum)]
    pub(crate) output: Option<TopFormat>,

    /// Milliseconds between two reports.
    #[arg(long = "interval", value_name = "MS", default_value_t = 1000,
          value_parser = clap::value_parser!(u64).range(50..))]
    pub(crate) interval: u64,

    /// Lines of each table in text.
    #[arg(long = "rows", value_name = "N", default_value_t = 15)]
    pub(crate) rows: usize,
}

/// Forms of `top`.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum TopFormat {
    /// Lines for reading.
    Text,
    /// Totals since the engine's start, a line of JSON for each report.
    Json,
}

/// Options of `test-rules`.
#[derive(clap::Args, Debug)]
pub(crate) struct TestRules {
    /// Rules file or folder, in the order of loading (may be repeated) [default: those beside the
    /// examples].
    #[arg(short = 'r', value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,

    /// Fail when a rule lacks a positive or a negative example.
    #[arg(long = "strict")]
    pub(crate) strict: bool,

    /// Print results as one document of JSON.
    #[arg(long = "json")]
    pub(crate) json: bool,

    /// A file of examples, a rules file with `NAME.examples.yaml` beside it, or a folder of rules
    /// with examples in `examples/`.
    #[arg(value_name = "FILE_OR_FOLDER", required = true)]
    pub(crate) paths: Vec<PathBuf>,
}

/// Options that parse, and whose work is not done yet: using one is an error, never a silent
/// nothing.
#[derive(clap::Args, Debug)]
pub(crate) struct NotYet {
    #[arg(long = "config-schema", hide = true)]
    config_schema: bool,
    #[arg(long = "list-plugins", hide = true)]
    list_plugins: bool,
    #[arg(long = "plugin-info", value_name = "NAME", hide = true)]
    plugin_info: Option<String>,
    #[arg(short = 'd', long = "daemon", hide = true)]
    daemon: bool,
    #[arg(short = 'k', long = "k8s-api", value_name = "URL", hide = true)]
    k8s_api: Option<String>,
    #[arg(
        short = 'K',
        long = "k8s-api-cert",
        value_name = "CREDENTIALS",
        hide = true
    )]
    k8s_api_cert: Option<String>,
    #[arg(long = "k8s-node", value_name = "NODE", hide = true)]
    k8s_node: Option<String>,
    #[arg(short = 'm', long = "mesos-api", value_name = "URL", hide = true)]
    mesos_api: Option<String>,
    #[arg(short = 'g', long = "gvisor-config", value_name = "FILE", hide = true)]
    gvisor_config: Option<PathBuf>,
    #[arg(long = "disable-cri-async", hide = true, action = ArgAction::SetTrue)]
    disable_cri_async: bool,
    #[arg(long = "alternate-lua-dir", value_name = "DIR", hide = true)]
    alternate_lua_dir: Option<PathBuf>,
    #[arg(long = "modern-bpf", hide = true)]
    modern_bpf: bool,
    #[arg(long = "nodriver", hide = true)]
    nodriver: bool,
}

impl NotYet {
    /// The first of these options that was given, and what to do instead.
    pub(crate) fn given(&self) -> Option<String> {
        let table: [(bool, &str, &str); 13] = [
            (
                self.config_schema,
                "--config-schema",
                "no schema is published yet",
            ),
            (
                self.list_plugins,
                "--list-plugins",
                "plugins cannot be loaded yet",
            ),
            (
                self.plugin_info.is_some(),
                "--plugin-info",
                "plugins cannot be loaded yet",
            ),
            (
                self.daemon,
                "-d",
                "run it under systemd, or with `&`, instead",
            ),
            (
                self.k8s_api.is_some(),
                "-k",
                "metadata of Kubernetes is not collected yet; leave it out",
            ),
            (
                self.k8s_api_cert.is_some(),
                "-K",
                "metadata of Kubernetes is not collected yet; leave it out",
            ),
            (
                self.k8s_node.is_some(),
                "--k8s-node",
                "metadata of Kubernetes is not collected yet; leave it out",
            ),
            (self.mesos_api.is_some(), "-m", "Mesos is not supported"),
            (
                self.gvisor_config.is_some(),
                "-g",
                "gVisor is not supported",
            ),
            (
                self.disable_cri_async,
                "--disable-cri-async",
                "metadata of containers is not collected yet; leave it out",
            ),
            (
                self.alternate_lua_dir.is_some(),
                "--alternate-lua-dir",
                "there is no Lua in this engine",
            ),
            (
                self.modern_bpf,
                "--modern-bpf",
                "use `-o engine.kind=modern_ebpf`, which is the default",
            ),
            (self.nodriver, "--nodriver", "use `-o engine.kind=nodriver`"),
        ];
        table
            .iter()
            .find(|(given, _, _)| *given)
            .map(|(_, option, instead)| format!("{option} is not available: {instead}"))
    }
}

/// Forms of lists.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(crate) enum Format {
    /// For reading.
    Text,
    /// For documents.
    Markdown,
    /// For programs.
    Json,
}
