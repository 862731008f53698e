//! Flags of `capacity`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::flags::{AlertFlags, CounterFlags};
use crate::capacity_test::Kind;
use crate::go::parse_duration;
use crate::load::SyscallLoad;

/// Flags of `capacity`.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct CapacityFlags {
    /// Analyze files instead of measuring.
    #[command(subcommand)]
    pub command: Option<CapacityCommand>,
    /// Regular expression of the actions that are the load [default: the three of the 2021 article]
    pub actions: Option<String>,
    /// The engine's command line; it is started for each size, under its limits. Blanks separate
    /// arguments, quotes keep them together
    #[arg(long, value_name = "COMMAND", conflicts_with = "pid")]
    pub engine_cmd: Option<String>,
    /// Measure a process that runs already, as it is
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,
    /// What the engine is: says which flags, files and channels it knows [default: by its name]
    #[arg(long, value_name = "KIND")]
    pub engine: Option<Kind>,
    /// A name for the engine in tables [default: the kind]
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Add nothing to the engine's command line: alerts and counters are where the flags below say
    #[arg(long)]
    pub as_is: bool,
    /// CPUs of the engine, a run for each
    #[arg(long, value_name = "CPUS,…", value_delimiter = ',', value_parser = parse_cpus)]
    pub cpus: Vec<f64>,
    /// Memory of the engine, like 512Mi
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub memory: Option<u64>,
    /// Keep the engine on the last CPUs, as many as its largest size needs, and the load on the others
    #[arg(long, value_name = "WHEN", default_value = "auto", default_missing_value = "always",
          num_args = 0..=1, require_equals = true)]
    pub pin: Pin,
    /// Do it exactly as in the article: one thread, a pause that halves, 5 s of load and 5 s of
    /// rest, drops of the kernel alone, stop at the first
    #[arg(long, conflicts_with_all = ["syscalls", "workers", "precision", "start_rate"])]
    pub article: bool,
    /// Load with system calls that raise no alerts, to find the limit of system calls
    #[arg(long, value_name = "LOAD", conflicts_with = "actions")]
    pub syscalls: Option<SyscallLoad>,
    /// Threads that do the load [default: one for each CPU that the load may use]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Option<u16>,
    /// How exactly the limit is to be known
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = parse_percent)]
    pub precision: f64,
    /// Operations per second of the first round
    #[arg(long, value_name = "RATE", default_value = "1000", value_parser = parse_rate)]
    pub start_rate: f64,
    /// Most operations per second that are offered
    #[arg(long, value_name = "RATE", default_value = "100000000", value_parser = parse_rate)]
    pub max_rate: f64,
    /// How long a round is loaded; half as long while rates double, twice as long for a confirmation
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    pub round_duration: Duration,
    /// How long to wait, at most, for the engine to catch up after a round
    #[arg(long, value_name = "DURATION", default_value = "20s", value_parser = parse_duration)]
    pub max_rest: Duration,
    /// How long all sizes may take together
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = parse_duration)]
    pub max_duration: Duration,
    /// How long the engine may take to start
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_duration)]
    pub start_timeout: Duration,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub counters: CounterFlags,
    /// Beginning of the names of the result files: `.json`, `.md` and `.html` are added
    #[arg(short, long, value_name = "PATH", default_value = "capacity")]
    pub output: PathBuf,
    /// Show earlier results side by side instead of measuring; writes the page and the table
    #[arg(long, value_name = "JSON", num_args = 1.., conflicts_with_all = ["engine_cmd", "pid"])]
    pub compare: Vec<PathBuf>,
    /// Lines instead of a progress display
    #[arg(long)]
    pub plain: bool,
    #[command(flatten)]
    #[expect(missing_docs, reason = "documented at the type")]
    pub alerts: AlertFlags,
}

/// When load and engine have CPUs of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Pin {
    /// Where `--cpus` says how many the engine needs, and there are more. The rounds of the article are
    /// never pinned.
    Auto,
    /// Or not at all.
    Always,
    /// Each runs where the kernel puts it.
    Never,
}

/// What else `capacity` can do.
#[derive(Subcommand, Clone, Debug)]
pub enum CapacityCommand {
    /// Apply the method of the 2021 article to the files of an earlier run
    Analyze {
        /// Statistics file (`-s`) or metrics file of the engine
        #[arg(long, value_name = "FILE", required_unless_present = "bench_log")]
        stats: Option<PathBuf>,
        /// Log of `event-generator bench`, text or JSON
        #[arg(long, value_name = "FILE")]
        bench_log: Option<PathBuf>,
        /// Time between two samples of a statistics file
        #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
        interval: Duration,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

fn parse_cpus(text: &str) -> Result<f64, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|cpus: &f64| (0.01..=1024.0).contains(cpus))
        .ok_or_else(|| "expected a number of CPUs from 0.01 on, like 0.5".to_owned())
}

fn parse_percent(text: &str) -> Result<f64, String> {
    text.strip_suffix('%')
        .unwrap_or(text)
        .trim()
        .parse()
        .ok()
        .map(|percent: f64| percent / 100.0)
        .filter(|share| (0.001..=1.0).contains(share))
        .ok_or_else(|| "expected a percentage from 0.1% to 100%, like 5%".to_owned())
}

fn parse_rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate: &f64| (1.0..=1e12).contains(rate))
        .ok_or_else(|| "expected operations per second from 1 on, like 5000".to_owned())
}

/// A size in the units of Kubernetes: `512Mi`, `1Gi`, `500M`, or bytes.
fn parse_size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("k", 1_000),
        ("K", 1_000),
        ("M", 1_000_000),
        ("G", 1_000_000_000),
        ("", 1),
    ];
    let invalid = || "expected a size, like 512Mi or 1Gi".to_owned();
    let (number, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
        .ok_or_else(invalid)?;
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .filter(|&bytes| bytes >= 1 << 20)
        .ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_kubernetes() {
        assert_eq!(parse_size("512Mi"), Ok(512 << 20));
        assert_eq!(parse_size("1Gi"), Ok(1 << 30));
        assert_eq!(parse_size("500M"), Ok(500_000_000));
        assert_eq!(parse_size("1048576"), Ok(1 << 20));
        for text in ["", "Mi", "12", "1.5Gi", "-1Gi", "99999999999Gi"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_have_bounds() {
        assert_eq!(parse_percent("5%"), Ok(0.05));
        assert_eq!(parse_percent("10"), Ok(0.1));
        assert!(parse_percent("0").is_err() && parse_percent("x%").is_err());
        assert_eq!(parse_cpus("0.5"), Ok(0.5));
        assert!(parse_cpus("0").is_err() && parse_cpus("NaN").is_err());
        assert!(parse_rate("0").is_err() && parse_rate("inf").is_err());
    }
}
