//! From the paths of rules files, the configuration and the command line to a ruleset.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use alert::Priority;
use anyhow::{Context, Result, anyhow, bail};
use config::{Config, RuleMatching, RuleSelector};
use rules::{
    AppendOutput, EventSource, ExtraField, Loaded, Matching, Pick, Ruleset, Selection, Settings,
    Source, load, report,
};

use crate::args::Args;
use crate::metrics::FileSum;

/// What `-pk` and `-pc` append.
const KUBERNETES_OUTPUT: &str =
    "k8s_ns=%k8s.ns.name k8s_pod_name=%k8s.pod.name container_id=%container.id";
const CONTAINER_OUTPUT: &str = "container_id=%container.id container_image=%container.image.repository \
     container_image_tag=%container.image.tag container_name=%container.name";

/// Loads the rules files that the command line or the configuration name.
///
/// # Errors
///
/// When a file cannot be read. What is wrong inside of files is in the result.
pub(crate) fn load_rules(args: &Args, config: &Config) -> Result<Loaded> {
    let files = if args.rules.is_empty() {
        // Entries of the configuration may be absent: packages name files that only some have.
        let present: Vec<PathBuf> = config
            .rules_files
            .iter()
            .filter(|path| path.exists())
            .cloned()
            .collect();
        read_all(&present)?
    } else {
        read_all(&args.rules)?
    };
    if files.is_empty() {
        bail!(
            "no rules to load: name a file or folder with -r, or under `rules_files` in the \
             configuration"
        );
    }
    for file in &files {
        tracing::info!("Loading rules from: {}", file.name);
    }
    Ok(load(files, sources(config)?, &settings(args, config)?))
}

/// The rules of these files alone, after saying what is wrong in them, and the files' sums.
///
/// # Errors
///
/// When a file cannot be read, or the rules have errors.
pub(crate) fn load_ruleset(args: &Args, config: &Config) -> Result<(Ruleset, Vec<FileSum>)> {
    let loaded = load_rules(args, config)?;
    report_problems(&loaded)?;
    let sums = sums(&loaded);
    let ruleset = loaded
        .ruleset
        .ok_or_else(|| anyhow!("the rules have errors"))?;
    Ok((ruleset, sums))
}

/// Checks rules files alone (`-V`).
///
/// # Errors
///
/// When a file cannot be read.
pub(crate) fn validate(args: &Args, config: &Config) -> Result<Loaded> {
    let files = read_all(&args.validate)?;
    Ok(load(files, sources(config)?, &settings(args, config)?))
}

/// The checksums of the files.
pub(crate) fn sums(loaded: &Loaded) -> Vec<FileSum> {
    let files = loaded.files.iter();
    files
        .map(|(_, file)| FileSum::of(&file.name, file.text.as_bytes()))
        .collect()
}

/// Prints what was found while loading, on standard error, and turns errors into one.
///
/// # Errors
///
/// When the rules have errors.
#[expect(clippy::print_stderr, reason = "diagnostics go to standard error")]
pub(crate) fn report_problems(loaded: &Loaded) -> Result<()> {
    let text = report::human(loaded, std::io::stderr().is_terminal());
    if !text.is_empty() {
        eprint!("{text}");
    }
    if let [first, ..] = loaded.settings_problems.as_slice() {
        bail!("{first}");
    }
    if loaded.has_errors() {
        let errors = loaded
            .diagnostics
            .iter()
            .filter(|found| found.is_error())
            .count();
        let noun = if errors == 1 { "error" } else { "errors" };
        bail!("the rules have {errors} {noun}; nothing was started");
    }
    Ok(())
}

/// Reads files, and those in folders by name.
pub(crate) fn read_all(paths: &[PathBuf]) -> Result<Vec<Source>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let mut inside: Vec<PathBuf> = fs::read_dir(path)
                .with_context(|| format!("failed to read the rules folder {}", path.display()))?
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(|path| is_rules_file(path) && !is_beside(path))
                .collect();
            inside.sort();
            for file in inside {
                files.push(read(&file)?);
            }
        } else {
            files.push(read(path)?);
        }
    }
    Ok(files)
}

/// What the name of a file of examples beside a rules file ends with.
pub(crate) const BESIDE: &str = ".examples.yaml";

/// Whether a path is a file of examples beside a rules file.
pub(crate) fn is_beside(path: &Path) -> bool {
    path.to_string_lossy().ends_with(BESIDE)
}

/// Whether a path is a file that ends like one of rules.
pub(crate) fn is_rules_file(path: &Path) -> bool {
    let yaml = path
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml");
    yaml && path.is_file()
}

/// Reads one file.
pub(crate) fn read(path: &Path) -> Result<Source> {
    let bytes = fs::read(path)
        .with_context(|| format!("failed to read the rules file {}", path.display()))?;
    Ok(Source::from_bytes(path.to_string_lossy(), &bytes))
}

fn sources(config: &Config) -> Result<Vec<EventSource>> {
    let mut syscall = EventSource::syscall();
    for (name, value) in &config.static_fields {
        syscall
            .fields
            .add_static(name, value)
            .map_err(|err| anyhow!("static_fields.{name}: {err}"))?;
    }
    Ok(vec![syscall])
}

fn settings(args: &Args, config: &Config) -> Result<Settings> {
    let mut append_output: Vec<AppendOutput> =
        config.append_output.iter().map(append_output).collect();
    if let Some(format) = args.print.as_deref() {
        let extra_output = match format {
            "k" | "kubernetes" => KUBERNETES_OUTPUT,
            "c" | "container" => CONTAINER_OUTPUT,
            other => other,
        };
        append_output.push(AppendOutput {
            extra_output: Some(extra_output.to_owned()),
            ..AppendOutput::default()
        });
    }
    Ok(Settings {
        minimum_priority: priority(&config.priority)?,
        matching: match config.rule_matching {
            RuleMatching::First => Matching::First,
            RuleMatching::All => Matching::All,
        },
        selections: selections(args, config),
        append_output,
        ..Settings::default()
    })
}

fn priority(text: &str) -> Result<Priority> {
    text.parse().map_err(|err| anyhow!("priority: {err}"))
}

/// What the configuration switches on and off, then what the older options do.
fn selections(args: &Args, config: &Config) -> Vec<Selection> {
    let mut out: Vec<Selection> = config
        .rules
        .iter()
        .map(|entry| Selection {
            enable: entry.enable,
            pick: match &entry.selector {
                RuleSelector::Rule(name) => Pick::Name(name.clone()),
                RuleSelector::Tag(tag) => Pick::Tag(tag.clone()),
            },
        })
        .collect();
    if !args.only_tags.is_empty() {
        out.extend(Selection::only_tags(args.only_tags.iter().cloned()));
    }
    let off = |pick| Selection {
        enable: false,
        pick,
    };
    out.extend(
        args.disable_tags
            .iter()
            .map(|tag| off(Pick::Tag(tag.clone()))),
    );
    out.extend(
        args.disable_rules
            .iter()
            .map(|text| off(Pick::Substring(text.clone()))),
    );
    out
}

fn append_output(entry: &config::AppendOutput) -> AppendOutput {
    AppendOutput {
        source: entry.source.clone(),
        tags: entry.tags.clone(),
        rule: entry.rule.clone(),
        extra_output: entry.extra_output.clone(),
        extra_fields: entry
            .extra_fields
            .iter()
            .map(|field| match field {
                config::ExtraField::Field(name) => ExtraField::Field(name.clone()),
                config::ExtraField::Template(name, format) => ExtraField::Format {
                    name: name.clone(),
                    format: format.clone(),
                },
            })
            .collect(),
        suggested_output: entry.suggested_output,
    }
}
