//! Flags, environment and configuration file: one definition, three ways to give a value.
//!
//! A value is taken from the command line, else from the environment variable
//! `FALCO_EVENT_GENERATOR_` followed by the flag in capitals with `_` for `-`, else from the
//! configuration file under the flag's name, else it is the default. The definitions below are the
//! only ones: the variables and the keys of the file are derived from them ([`settings`]).

mod act;
mod capacity;
mod flags;
mod settings;
mod suite;

pub use act::{ContainerRuntime, Correlate, FollowFlags, PassFlags, RunCommandFlags, TestFlags};
pub use capacity::{CapacityCommand, CapacityFlags, Pin};
pub use flags::{
    AlertFlags, BenchFlags, Common, CounterFlags, Given, KubernetesFlags, ListFlags, ListFormat,
    RunFlags, SecurityMode,
};
pub use suite::{
    ExplainFormat, ReportFormat, SuiteCommand, SuiteExplainFlags, SuiteFlags, SuiteRunFlags,
    SuiteTestFlags,
};

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// What the user asked for.
#[derive(Debug)]
pub struct Cli {
    /// Flags of every command.
    pub common: Common,
    /// The command; without one, help is printed.
    pub command: Option<Command>,
    /// What looks like a mistake but does not stop us.
    pub warnings: Vec<String>,
}

/// As clap sees it.
#[derive(Parser)]
#[command(
    name = "event-generator",
    version,
    about = "Does suspicious things on purpose, and measures who notices",
    after_help = "Every flag can also be given as FALCO_EVENT_GENERATOR_<FLAG> in the environment or \
                  in the configuration file.",
    disable_help_subcommand = false
)]
struct Raw {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

/// A command and its flags.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Print the names of actions
    List(ListFlags),
    /// Explain an action: its rule, what it does, what it needs
    Explain {
        /// Name of the action, such as syscall.ReadSensitiveFileUntrusted
        action: String,
    },
    /// Do actions
    Run(RunCommandFlags),
    /// Do actions and check that each one's rule raises an alert
    Test(TestFlags),
    /// Do actions as fast as asked and count the alerts that come back
    Bench(BenchFlags),
    /// Find out which rate of system calls and alerts an engine holds, and why no more
    Capacity(Box<CapacityFlags>),
    /// Tests that are described in YAML
    Suite(SuiteFlags),
}

/// Why there is nothing to do but to say why.
#[derive(Debug)]
pub enum Stop {
    /// Help or version were asked for, or the arguments are wrong.
    Clap(clap::Error),
    /// The configuration file is wrong.
    Settings(settings::Error),
}

impl Stop {
    /// Prints it and returns the exit code: 1 for errors, 0 for help.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Clap(error) => {
                let _ = error.print();
                if error.use_stderr() {
                    ExitCode::FAILURE
                } else {
                    ExitCode::SUCCESS
                }
            }
            Self::Settings(error) => {
                let log =
                    crate::log::Log::to_stderr(crate::log::Level::Info, crate::log::Format::Text);
                log.fatal(
                    "error reading the configuration",
                    &[("error", error.to_string().into())],
                );
                ExitCode::FAILURE
            }
        }
    }
}

/// Reads the arguments, the environment and the configuration file.
///
/// # Errors
/// When there is nothing to do but to print something; see [`Stop`].
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, Stop> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut command = settings::with_environment(Raw::command());
    // A first reading, to learn where the configuration file is and which command is meant.
    let matches = command
        .try_get_matches_from_mut(&arguments)
        .map_err(Stop::Clap)?;
    let mut warnings = Vec::new();
    let mut given = given(&matches);
    let path = matches.get_one::<std::path::PathBuf>("config").cloned();
    let matches = match settings::read(path).map_err(Stop::Settings)? {
        None => matches,
        Some(values) => {
            given.grpc |= values.keys().any(|key| key.starts_with("grpc-"));
            given.http |= values.keys().any(|key| key.starts_with("http-"));
            let (command, unknown) = settings::with_defaults(
                settings::with_environment(Raw::command()),
                matches.subcommand_name(),
                &values,
            );
            warnings.extend(unknown);
            command
                .try_get_matches_from(&arguments)
                .map_err(Stop::Clap)?
        }
    };
    let mut raw = Raw::from_arg_matches(&matches).map_err(Stop::Clap)?;
    match &mut raw.command {
        Some(Command::Test(flags)) => flags.alerts.given = given,
        Some(Command::Bench(flags)) => flags.alerts.given = given,
        Some(Command::Capacity(flags)) => flags.alerts.given = given,
        Some(Command::Suite(SuiteFlags {
            command: SuiteCommand::Test(flags),
        })) => flags.alerts.given = given,
        _ => {}
    }
    Ok(Cli {
        common: raw.common,
        command: raw.command,
        warnings,
    })
}

/// Which family of alert flags the command line or the environment has.
fn given(matches: &clap::ArgMatches) -> Given {
    let Some((_, matches)) = matches.subcommand() else {
        return Given::default();
    };
    if matches.subcommand().is_some() {
        return given(matches);
    }
    let any = |family: &str| {
        matches
            .ids()
            .map(clap::Id::as_str)
            .filter(|id| id.starts_with(family))
            .any(|id| {
                let source = matches.value_source(id);
                source.is_some_and(|source| source != clap::parser::ValueSource::DefaultValue)
            })
    };
    Given {
        grpc: any("grpc_"),
        http: any("http_"),
    }
}

/// Prints the help of the whole program.
pub(crate) fn print_help() {
    let _ = Raw::command().print_help();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn parsed(arguments: &str) -> Result<Command, clap::Error> {
        let arguments = std::iter::once("event-generator").chain(arguments.split_whitespace());
        match parse(arguments.map(OsString::from)) {
            Ok(cli) => Ok(cli.command.unwrap()),
            Err(Stop::Clap(error)) => Err(error),
            Err(Stop::Settings(error)) => panic!("{error}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        settings::with_environment(Raw::command()).debug_assert();
    }

    #[test]
    fn the_command_line_of_the_article() {
        let line = "bench ChangeThreadNamespace|ReadSensitiveFileUntrusted|WriteBelowBinaryDir --all \
                    --loop --sleep 10ms --pid 4242 --round-duration 5s --polling-interval 50ms \
                    --grpc-unix-socket unix:///run/falco/falco.sock";
        let Command::Bench(bench) = parsed(line).unwrap() else {
            panic!()
        };
        assert!(bench.run.all && bench.run.looped && bench.humanize && !bench.dry_run);
        assert_eq!(bench.pid, 4242);
        assert_eq!(bench.run.sleep, Duration::from_millis(10));
        assert_eq!(bench.polling_interval, Duration::from_millis(50));
        assert_eq!(
            bench.alerts.grpc_unix_socket.as_deref(),
            Some("unix:///run/falco/falco.sock")
        );
    }

    #[test]
    fn which_alert_flags_are_given_decides_the_channel() {
        let given = |line| match parsed(line).unwrap() {
            Command::Test(test) => test.alerts.given,
            _ => panic!(),
        };
        assert_eq!(
            given("test"),
            Given {
                grpc: false,
                http: false
            }
        );
        assert_eq!(
            given("test --grpc-port 1"),
            Given {
                grpc: true,
                http: false
            }
        );
        assert_eq!(
            given("test --http-server-address x:1"),
            Given {
                grpc: false,
                http: true
            }
        );
    }

    #[test]
    fn flags_take_a_truth_value_as_in_the_original() {
        let Command::Bench(bench) = parsed("bench x --humanize=false --loop=true").unwrap() else {
            panic!()
        };
        assert!(!bench.humanize && bench.run.looped);
        assert!(parsed("bench x --humanize=perhaps").is_err());
    }

    #[test]
    fn defaults_are_those_of_the_original() {
        let Command::Test(test) = parsed("test").unwrap() else {
            panic!()
        };
        assert_eq!(test.run.sleep, Duration::from_millis(100));
        assert_eq!(test.test_timeout, Duration::from_secs(60));
        assert_eq!(test.alerts.http_server_address, "localhost:8080");
        assert_eq!(
            test.alerts.http_server_security_mode,
            SecurityMode::Insecure
        );
        assert_eq!(
            (test.alerts.grpc_hostname.as_str(), test.alerts.grpc_port),
            ("localhost", 5060)
        );
        let Command::Bench(bench) = parsed("bench x").unwrap() else {
            panic!()
        };
        assert_eq!(bench.round_duration, Duration::from_secs(5));
        assert_eq!(bench.polling_interval, Duration::from_millis(100));
        assert_eq!(bench.pid, 0);
    }

    #[test]
    fn the_flags_of_kubectl_are_known() {
        let line =
            "run -n default -s https://x --kubeconfig f --token t --insecure-skip-tls-verify";
        let Command::Run(run) = parsed(line).unwrap() else {
            panic!()
        };
        assert!(run.run.kubernetes.any());
        let Command::Run(run) = parsed("run").unwrap() else {
            panic!()
        };
        assert!(!run.run.kubernetes.any());
    }

    #[test]
    fn wrong_usage_is_an_error() {
        for line in [
            "bench",
            "run a b",
            "nosuch",
            "run --sleep x",
            "list --loop",
            "run --loglevel x",
        ] {
            assert!(parsed(line).unwrap_err().use_stderr(), "{line}");
        }
        for line in ["--help", "--version", "bench --help"] {
            assert!(!parsed(line).unwrap_err().use_stderr(), "{line}");
        }
    }
}
