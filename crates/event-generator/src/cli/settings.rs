//! Values that do not come from the command line.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Arg, Command};
use serde_json::Value;

/// What is wrong with the configuration file.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not YAML.
    #[error("{path}: {reason}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and what.
        reason: String,
    },
    /// It is something else than flags with values.
    #[error("{path}: expected a mapping of flags to values, such as 'sleep: 20ms'")]
    Shape {
        /// The file.
        path: PathBuf,
    },
}

/// Flags that make no sense outside the command line.
const COMMAND_LINE_ONLY: [&str; 3] = ["config", "help", "version"];

/// The same command with an environment variable for every flag.
pub(super) fn with_environment(command: Command) -> Command {
    command
        .mut_args(|arg| match key(&arg) {
            Some(key) => {
                let variable = key.to_uppercase().replace('-', "_");
                arg.env(format!("FALCO_EVENT_GENERATOR_{variable}"))
                    .hide_env(true)
            }
            None => arg,
        })
        .mut_subcommands(with_environment)
}

/// The same command with `values` as defaults, for those of its flags that they name; and warnings
/// about values that no flag of any command has.
pub(super) fn with_defaults(
    mut command: Command,
    chosen: Option<&str>,
    values: &BTreeMap<String, String>,
) -> (Command, Vec<String>) {
    let mut warnings = Vec::new();
    for (name, value) in values {
        if !knows(&command, name) {
            warnings.push(format!(
                "the configuration file sets '{name}', which is no flag"
            ));
            continue;
        }
        let set = |arg: Arg| match key(&arg) {
            Some(key) if key == *name => arg.default_value(value.clone()),
            _ => arg,
        };
        command = command.mut_args(set);
        if let Some(chosen) = chosen {
            command = command.mut_subcommand(chosen, |command| {
                command
                    .mut_args(set)
                    .mut_subcommands(|command| command.mut_args(set))
            });
        }
    }
    (command, warnings)
}

/// Whether the command or one of its commands has a flag of this name.
fn knows(command: &Command, name: &str) -> bool {
    command
        .get_arguments()
        .any(|arg| key(arg).is_some_and(|key| key == name))
        || command
            .get_subcommands()
            .any(|command| knows(command, name))
}

/// The name under which a value for this argument may come from elsewhere.
fn key(arg: &Arg) -> Option<String> {
    arg.get_long()
        .filter(|long| !COMMAND_LINE_ONLY.contains(long))
        .map(str::to_owned)
}

/// The values in the file at `path`; in the default file, if there is one, when no path is given.
pub(super) fn read(path: Option<PathBuf>) -> Result<Option<BTreeMap<String, String>>, Error> {
    if let Some(path) = path {
        return values(&path).map(Some);
    }
    let Some(home) = std::env::var_os("HOME") else {
        return Ok(None);
    };
    match values(&Path::new(&home).join(".falco-event-generator.yaml")) {
        Err(Error::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        values => values.map(Some),
    }
}

fn values(path: &Path) -> Result<BTreeMap<String, String>, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let shape = || Error::Shape {
        path: path.to_owned(),
    };
    if text.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    let values: Value = serde_saphyr::from_str(&text).map_err(|error| Error::Syntax {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    let Value::Object(values) = values else {
        return Err(shape());
    };
    values
        .into_iter()
        .map(|(key, value)| {
            let value = match value {
                Value::String(text) => text,
                Value::Bool(flag) => flag.to_string(),
                Value::Number(number) => number.to_string(),
                Value::Null | Value::Array(_) | Value::Object(_) => return Err(shape()),
            };
            Ok((key.to_lowercase(), value))
        })
        .collect()
}
