//! From files to [`Config`]: read, expand, merge, override, resolve.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{ConfigError, Problem};
use crate::expand::expand;
use crate::model::Config;
use crate::node::{Node, Place, Value};
use crate::overrides::Override;
use crate::resolve::resolve;

/// Looks up an environment variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A file that the configuration came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Its path.
    pub path: PathBuf,
    /// Keys in it that are unknown, which is only worth a warning: a newer or older version may
    /// know them.
    pub unknown_keys: Vec<Problem>,
}

/// How a further file is merged into what is there. Works on top-level keys only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Strategy {
    /// Lists grow, everything else is replaced.
    Append,
    /// Replaced.
    Override,
    /// What is there stays.
    AddOnly,
}

/// Reads the main file, the files of its `config_files`, and the overrides of the command line.
///
/// Without a main file the result is the defaults with the overrides.
///
/// # Errors
///
/// Every problem of every file: not readable, not YAML, wrong values.
pub fn load(
    main: Option<&Path>,
    options: &[Override],
    environment: Environment<'_>,
) -> Result<(Config, Vec<Source>), ConfigError> {
    let mut problems = Vec::new();
    let mut sources = Vec::new();
    let mut root = match main {
        Some(path) => {
            let node = read_file(path, environment)?;
            sources.push(Source {
                path: path.to_owned(),
                unknown_keys: Vec::new(),
            });
            node
        }
        None => Node {
            value: Value::Map(Vec::new()),
            place: Place::file("defaults"),
        },
    };
    if root.value == Value::Null {
        root.value = Value::Map(Vec::new());
    }
    if !matches!(root.value, Value::Map(_)) {
        return Err(Problem {
            place: root.place.clone(),
            key: String::new(),
            message: format!("expected a mapping of keys, found {}", root.value.kind()),
        }
        .into());
    }

    for option in options.iter().filter(|option| option.is_config_files()) {
        option.apply(&mut root).map_err(ConfigError::from)?;
    }
    for (path, strategy) in further_files(&root, main, &mut problems) {
        match read_file(&path, environment) {
            Ok(node) => {
                if let Some(nested) = node.get("config_files") {
                    problems.push(Problem {
                        place: nested.place.clone(),
                        key: "config_files".into(),
                        message: "only the main file may name further files".into(),
                    });
                }
                merge(&mut root, node, strategy);
                sources.push(Source {
                    path,
                    unknown_keys: Vec::new(),
                });
            }
            Err(problem) => problems.push(problem),
        }
    }
    for option in options.iter().filter(|option| !option.is_config_files()) {
        if let Err(problem) = option.apply(&mut root) {
            problems.push(problem);
        }
    }

    let (config, unknown) = match resolve(&root) {
        Ok(resolved) => resolved,
        Err(mut found) => {
            problems.append(&mut found);
            return Err(ConfigError { problems });
        }
    };
    if !problems.is_empty() {
        return Err(ConfigError { problems });
    }
    for problem in unknown {
        let of_file =
            |source: &&mut Source| source.path.to_string_lossy() == problem.place.file.as_ref();
        match sources.iter_mut().find(of_file) {
            Some(source) => source.unknown_keys.push(problem),
            None => problems.push(problem),
        }
    }
    // An unknown key on the command line is a typing mistake, not a matter of versions.
    if problems.is_empty() {
        Ok((config, sources))
    } else {
        Err(ConfigError { problems })
    }
}

fn read_file(path: &Path, environment: Environment<'_>) -> Result<Node, Problem> {
    let file: Arc<str> = path.to_string_lossy().into();
    let text = fs::read_to_string(path).map_err(|err| Problem {
        place: Place::file(Arc::clone(&file)),
        key: String::new(),
        message: format!("failed to read the file: {err}"),
    })?;
    let mut node = Node::parse(&text, &file)?;
    expand(&mut node, environment);
    Ok(node)
}

/// The files that `config_files` names, with folders replaced by their files in order of name.
/// Entries that do not exist are passed over.
fn further_files(
    root: &Node,
    main: Option<&Path>,
    problems: &mut Vec<Problem>,
) -> Vec<(PathBuf, Strategy)> {
    let Some(node) = root.get("config_files") else {
        return Vec::new();
    };
    let Value::List(entries) = &node.value else {
        if node.value != Value::Null {
            problems.push(Problem {
                place: node.place.clone(),
                key: "config_files".into(),
                message: format!("expected a list, found {}", node.value.kind()),
            });
        }
        return Vec::new();
    };
    let main = main.and_then(|path| fs::canonicalize(path).ok());
    let mut files = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let mut problem = |message: String| {
            problems.push(Problem {
                place: entry.place.clone(),
                key: format!("config_files[{index}]"),
                message,
            });
        };
        let text = |node: Option<&Node>| match node.map(|node| &node.value) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        let (path, strategy) = match &entry.value {
            Value::String(path) => (Some(path.clone()), Strategy::Append),
            Value::Map(_) => {
                let strategy = match text(entry.get("strategy")).as_deref() {
                    None | Some("append") => Strategy::Append,
                    Some("override") => Strategy::Override,
                    Some("add-only") => Strategy::AddOnly,
                    Some(other) => {
                        problem(format!(
                            "expected a strategy of append, override or add-only, found {other:?}"
                        ));
                        Strategy::Append
                    }
                };
                (text(entry.get("path")), strategy)
            }
            _ => (None, Strategy::Append),
        };
        let Some(path) = path.map(PathBuf::from) else {
            problem("expected a path, or a mapping with path and strategy".into());
            continue;
        };
        let found = if path.is_dir() {
            let mut found: Vec<PathBuf> = fs::read_dir(&path)
                .map(|entries| {
                    entries
                        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
                        .collect()
                })
                .unwrap_or_default();
            found.retain(|path| path.is_file());
            found.sort();
            found
        } else if path.exists() {
            vec![path]
        } else {
            Vec::new()
        };
        for file in found {
            if main.is_some() && fs::canonicalize(&file).ok() == main {
                problem("the main file cannot be one of its own further files".into());
            } else {
                files.push((file, strategy));
            }
        }
    }
    files
}

fn merge(root: &mut Node, further: Node, strategy: Strategy) {
    let (Value::Map(entries), Value::Map(added)) = (&mut root.value, further.value) else {
        return;
    };
    for (key, node) in added {
        match entries.iter_mut().find(|(name, _)| *name == key) {
            None => entries.push((key, node)),
            Some((_, existing)) => match (strategy, &mut existing.value, node.value) {
                (Strategy::AddOnly, _, _) => {}
                (Strategy::Append, Value::List(items), Value::List(more)) => items.extend(more),
                (_, _, value) => {
                    *existing = Node {
                        value,
                        place: node.place,
                    }
                }
            },
        }
    }
}
