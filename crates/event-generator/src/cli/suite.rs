//! The flags of `suite`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::{AlertFlags, FollowFlags};
use crate::go::parse_duration;

/// What to do with suites.
#[derive(Args, Clone, Debug)]
pub struct SuiteFlags {
    #[command(subcommand)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub command: SuiteCommand,
}

/// What to do with suites.
#[derive(Subcommand, Clone, Debug)]
pub enum SuiteCommand {
    /// Do the tests of suites; look for no alerts
    Run(SuiteRunFlags),
    /// Do the tests of suites and check that the alerts come which they expect
    Test(Box<SuiteTestFlags>),
    /// Explain what a suite may say
    Explain(SuiteExplainFlags),
}

/// Flags of everything that does the tests of suites.
#[derive(Args, Clone, Debug)]
pub struct SuiteRunFlags {
    /// File with tests; may be given several times, or several with commas between them
    #[arg(short = 'f', long, value_name = "FILE", value_delimiter = ',')]
    pub description_file: Vec<PathBuf>,
    /// Folder whose *.yaml files have tests; folders in it are left out
    #[arg(short = 'd', long, value_name = "FOLDER", value_delimiter = ',')]
    pub description_dir: Vec<PathBuf>,
    /// Tests as they are, instead of files; without any of the three, standard input is read
    #[arg(long, value_name = "YAML", conflicts_with_all = ["description_file", "description_dir"])]
    pub description: Option<String>,
    /// How long all may take
    #[arg(short, long, value_name = "DURATION", default_value = "1m", value_parser = parse_duration)]
    pub timeout: Duration,
    /// How many tests run at the same time
    #[arg(long, value_name = "NUMBER", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallel: u16,
    /// Change files where they are, instead of in memory
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, action = clap::ArgAction::Set)]
    pub in_place: bool,
    /// Of the original: no effect, the container is made here
    #[arg(long, hide = true, value_name = "SOCKET")]
    pub container_runtime_unix_socket: Option<String>,
    /// Of the original: no effect, the container has the files of this machine
    #[arg(long, hide = true, value_name = "IMAGE")]
    pub container_base_image: Option<String>,
    /// Of the original: no effect, nothing is pulled
    #[arg(long, hide = true, value_name = "POLICY")]
    pub container_image_pull_policy: Option<String>,
}

/// Flags of `suite test`.
#[derive(Args, Clone, Debug)]
pub struct SuiteTestFlags {
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub run: SuiteRunFlags,
    /// Only do the tests
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value = "false", hide_default_value = true, action = clap::ArgAction::Set)]
    pub skip_outcome_verification: bool,
    /// How the report looks
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub report_format: ReportFormat,
    /// How long after a test its alerts are waited for
    #[arg(long, value_name = "DURATION", default_value = "7s", value_parser = parse_duration)]
    pub alert_timeout: Duration,
    /// How long the gRPC stream may be silent before it is asked again
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = parse_duration)]
    pub polling_interval: Duration,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub follow: FollowFlags,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub alerts: AlertFlags,
}

/// How a report looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ReportFormat {
    /// For people.
    Text,
    /// One JSON object a line, one line a suite.
    Json,
    /// One YAML document a suite.
    Yaml,
    /// JUnit XML.
    Junit,
    /// The Test Anything Protocol.
    Tap,
}

/// Flags of `suite explain`.
#[derive(Args, Clone, Debug)]
pub struct SuiteExplainFlags {
    /// What to explain, such as tests.steps{type=syscall}{syscall=openat2}.args.how
    pub path: Option<String>,
    /// Values of keys that decide, such as type=syscall
    #[arg(long, value_name = "KEY=VALUE", value_delimiter = ',')]
    pub with: Vec<String>,
    /// How it is printed
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub format: ExplainFormat,
}

/// How an explanation looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ExplainFormat {
    /// For people.
    Text,
    /// One YAML document.
    Yaml,
}
