//! The flags of `run` and `test`: how often, how many at a time, how far from the machine.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::flags::{AlertFlags, RunFlags};
use crate::go::parse_duration;

/// Flags of `run`.
#[derive(Args, Clone, Debug)]
pub struct RunCommandFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub run: RunFlags,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub passes: PassFlags,
    /// Only say what would be done, and where
    #[arg(long)]
    pub plan: bool,
}

/// How actions are done: how often, how many at a time, and how far from the machine.
#[derive(Args, Clone, Debug)]
pub struct PassFlags {
    /// Actions by name, with or without their package; besides or instead of the expression
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub action: Vec<String>,
    /// Go over the actions this many times
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Begin no action after this long; without --count, again and again until then
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// How many actions are under way at the same time
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallel: u16,
    /// How long an action may take before it is killed
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    pub action_timeout: Duration,
    /// Do actions on the machine itself, not in private namespaces; a journal tells what to undo
    #[arg(long)]
    pub in_place: bool,
    /// Where journals lie [default: /var/lib/event-generator, or below the home directory]
    #[arg(long, value_name = "DIRECTORY")]
    pub journal_directory: Option<PathBuf>,
    /// Do actions for containers in one that this runtime makes, instead of in one of our own
    #[arg(long, value_name = "RUNTIME")]
    pub container_runtime: Option<ContainerRuntime>,
    /// Socket of that runtime
    #[arg(
        long,
        value_name = "SOCKET",
        default_value = "/run/containerd/containerd.sock"
    )]
    pub container_runtime_unix_socket: PathBuf,
}

/// A program that makes containers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ContainerRuntime {
    /// containerd, through its tool ctr.
    Containerd,
}

/// Flags of `test`.
#[derive(Args, Clone, Debug)]
pub struct TestFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub run: RunFlags,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub passes: PassFlags,
    /// How long to wait for the alert of an action
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = parse_duration)]
    pub test_timeout: Duration,
    /// How long the gRPC stream may be silent before it is asked again
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = parse_duration)]
    pub polling_interval: Duration,
    /// How often a test that failed is tried again
    #[arg(long, value_name = "NUMBER", default_value = "0")]
    pub retries: u32,
    /// Rule that an action must raise instead of its own, or with ! must not; may be repeated
    #[arg(long, value_name = "ACTION=[!]RULE")]
    pub expect: Vec<String>,
    /// Actions (regular expression) whose rules must raise nothing
    #[arg(long, value_name = "REGEX")]
    pub negative: Option<String>,
    /// How long nothing may come before silence is believed
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = parse_duration)]
    pub silence: Duration,
    /// Which alerts count for an action
    #[arg(long, value_name = "HOW", default_value = "auto")]
    pub correlate: Correlate,
    /// Write a report: junit, json or tap, to a file or standard output; may be repeated
    #[arg(long, value_name = "FORMAT[=FILE]")]
    pub report: Vec<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub follow: FollowFlags,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub alerts: AlertFlags,
}

/// Which alerts count for an action.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Correlate {
    /// Those of its processes, if alerts say whose they are; else those of its rule.
    Auto,
    /// Only those that say that they are of its processes.
    Strict,
    /// Those of its rule, whoever's they are.
    Rule,
}

/// Alerts from where the engine writes them.
#[derive(Args, Clone, Default, Debug)]
#[command(next_help_heading = "Alerts (from the engine's output, as JSON lines)")]
pub struct FollowFlags {
    /// File the engine writes alerts to, from its end on; - for standard input
    #[arg(long, value_name = "FILE")]
    pub follow: Option<PathBuf>,
    /// Command that prints alerts, such as 'journalctl -fu peregrine -o cat'
    #[arg(long, value_name = "COMMAND", conflicts_with = "follow")]
    pub follow_command: Option<String>,
}
