//! `peregrine test-rules`: rules against the examples beside them.
//!
//! Files are found and read here, and results printed; what an example is, and whether it passes,
//! is in [`rules::examples`].

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail};
use rules::examples::{
    Coverage, Difference, Events, Example, Sign, Trial, conditions_not_met, read,
};
use rules::{EventSource, Matching, Pick, Ruleset, Selection, Settings, Source, load, report};
use serde_json::json;
use state::{Limits, State};

use crate::args::TestRules;
use crate::replay::{Listener, replay};
use crate::rule_files::{self, BESIDE, is_beside};

/// The folder of examples in a folder of rules.
const FOLDER: &str = "examples";

/// Runs all examples. The exit code is 1 when one fails.
///
/// # Errors
///
/// When files cannot be read, or are not valid.
pub(crate) fn test_rules(options: &TestRules) -> Result<ExitCode> {
    let found = find(&options.paths, !options.rules.is_empty())?;
    let rules = if options.rules.is_empty() {
        found.rules
    } else {
        options.rules.clone()
    };
    if rules.is_empty() {
        bail!("no rules beside the examples; name them with -r");
    }
    if found.examples.is_empty() {
        bail!(
            "no examples: they are in `{FOLDER}/` of a folder of rules, or in `NAME{BESIDE}` \
             beside a rules file"
        );
    }
    let ruleset = load_rules(&rules)?;
    let sources = found
        .examples
        .iter()
        .map(|path| rule_files::read(path))
        .collect::<Result<Vec<Source>>>()?;
    let examples = read(sources, &ruleset);
    let problems = examples.diagnostics.len();
    if problems > 0 {
        let styled = io::stderr().is_terminal();
        let text = report::problems(&examples.files, &examples.diagnostics, styled);
        let _ = io::stderr().write_all(text.as_bytes());
        let noun = if problems == 1 { "error" } else { "errors" };
        bail!("the examples have {problems} {noun}; none was tried");
    }
    let mut results = Vec::with_capacity(examples.examples.len());
    for example in &examples.examples {
        let path = examples.files.name(example.span.file);
        let line = examples
            .files
            .position(example.span.file, example.span.start)
            .line;
        let folder = Path::new(path).parent().unwrap_or(Path::new(""));
        results.push(Tried {
            example,
            place: format!("{path}:{line}"),
            outcome: run(example, folder, &ruleset)?,
        });
    }
    let coverage = Coverage::of(&examples.examples, &ruleset);
    let mut out = io::stdout().lock();
    if options.json {
        write_json(&mut out, &results, &coverage)?;
    } else {
        write_text(&mut out, &results, &coverage, options.strict)?;
    }
    let is_covered = coverage.without_positive.is_empty() && coverage.without_negative.is_empty();
    let all_pass = results.iter().all(Tried::passes);
    Ok(if all_pass && (is_covered || !options.strict) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[derive(Default)]
struct Found {
    rules: Vec<PathBuf>,
    examples: Vec<PathBuf>,
}

/// Tells rules from examples. Where rules are named apart, a folder without a folder of examples is
/// one.
fn find(paths: &[PathBuf], rules_are_named: bool) -> Result<Found> {
    let mut found = Found::default();
    for path in paths {
        if path.is_dir() {
            let folder = path.join(FOLDER);
            if path.file_name().is_some_and(|name| name == FOLDER) {
                found.examples.extend(files_in(path)?);
                found.rules.extend(rules_in(path.parent().unwrap_or(path))?);
            } else if rules_are_named && !folder.is_dir() {
                found.examples.extend(files_in(path)?);
            } else {
                found.rules.extend(rules_in(path)?);
                let beside = files_in(path)?.into_iter().filter(|path| is_beside(path));
                found.examples.extend(beside);
                if folder.is_dir() {
                    found.examples.extend(files_in(&folder)?);
                }
            }
            continue;
        }
        if !path.exists() {
            bail!("{} does not exist", path.display());
        }
        if is_beside(path) {
            let rules = sibling(path, BESIDE, ".yaml");
            found.rules.extend(rules.filter(|rules| rules.exists()));
            found.examples.push(path.clone());
        } else if let Some(beside) = sibling(path, ".yaml", BESIDE).filter(|path| path.exists()) {
            found.rules.push(path.clone());
            found.examples.push(beside);
        } else {
            found.examples.push(path.clone());
        }
    }
    Ok(found)
}

/// The rules files in a folder.
fn rules_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = files_in(folder)?;
    files.retain(|path| !is_beside(path));
    Ok(files)
}

/// The path with another ending.
fn sibling(path: &Path, ending: &str, other: &str) -> Option<PathBuf> {
    let text = path.to_str()?;
    Some(PathBuf::from(format!(
        "{}{other}",
        text.strip_suffix(ending)?
    )))
}

/// The YAML files in a folder, in the order in which rules build on each other: those of less
/// maturity after the others.
fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|err| anyhow!("failed to read the folder {}: {err}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| rule_files::is_rules_file(path))
        .collect();
    let maturity = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match () {
            () if name.contains("sandbox") => 2,
            () if name.contains("incubating") => 1,
            () => 0,
        }
    };
    files.sort_by_cached_key(|path| (maturity(path), path.clone()));
    Ok(files)
}

/// Loads rules so that each is tried by itself: all are enabled, and one event can match several.
fn load_rules(paths: &[PathBuf]) -> Result<Arc<Ruleset>> {
    let settings = Settings {
        matching: Matching::All,
        selections: vec![Selection {
            enable: true,
            pick: Pick::All,
        }],
        ..Settings::default()
    };
    let files = rule_files::read_all(paths)?;
    let loaded = load(files, vec![EventSource::syscall()], &settings);
    rule_files::report_problems(&loaded)?;
    let ruleset = loaded
        .ruleset
        .ok_or_else(|| anyhow!("the rules have errors"))?;
    Ok(Arc::new(ruleset))
}

/// An example that was tried.
struct Tried<'a> {
    example: &'a Example,
    /// File and line.
    place: String,
    /// What came otherwise than expected.
    outcome: Vec<(Difference, Vec<String>)>,
}

impl Tried<'_> {
    fn passes(&self) -> bool {
        self.outcome.is_empty()
    }
}

/// Runs an example. With each difference comes what of the rule's condition did not hold.
fn run(
    example: &Example,
    folder: &Path,
    ruleset: &Arc<Ruleset>,
) -> Result<Vec<(Difference, Vec<String>)>> {
    let no_source = || anyhow!("the rules have none for system calls");
    let mut trial = Trial::new(ruleset).ok_or_else(no_source)?;
    feed(example, folder, &mut trial)?;
    let differences = example.judge(&trial.raised);
    Ok(differences
        .into_iter()
        .map(|difference| {
            let raised = trial
                .raised
                .iter()
                .any(|raised| raised.rule == difference.rule);
            let rule = ruleset
                .rules()
                .iter()
                .find(|rule| *rule.name() == difference.rule);
            let why = match rule {
                Some(rule) if difference.sign == Sign::Missing && !raised => {
                    conditions_not_met(rule, &EventSource::syscall(), &mut |trial| {
                        // It could be read a moment ago.
                        let _ = feed(example, folder, trial);
                    })
                }
                _ => Vec::new(),
            };
            (difference, why)
        })
        .collect())
}

fn feed(example: &Example, folder: &Path, trial: &mut Trial) -> Result<()> {
    match &example.events {
        Events::Written(written) => trial.run(written),
        Events::Capture(path) => {
            let mut listener = Captured(trial);
            replay(
                &folder.join(path),
                &mut listener,
                &Limits::default(),
                &|| false,
            )?;
        }
    }
    Ok(())
}

struct Captured<'a>(&'a mut Trial);

impl Listener for Captured<'_> {
    fn state(&mut self) -> &mut State {
        &mut self.0.state
    }

    fn event(&mut self, _cpu: u16, record: &[u8], with_rules: bool) {
        self.0.record(record, with_rules);
    }
}

fn write_text(
    out: &mut impl Write,
    results: &[Tried<'_>],
    coverage: &Coverage,
    strict: bool,
) -> Result<()> {
    for tried in results {
        let verdict = if tried.passes() { "pass" } else { "FAIL" };
        let name = &tried.example.name;
        match &tried.example.rule {
            Some(rule) => writeln!(out, "{verdict}  {rule}: {name}")?,
            None => writeln!(out, "{verdict}  {name}")?,
        }
        if !tried.passes() {
            writeln!(out, "      at {}", tried.place)?;
        }
        for (difference, why) in &tried.outcome {
            let sign = match difference.sign {
                Sign::Missing => '-',
                Sign::Unexpected => '+',
            };
            let (rule, text) = (&difference.rule, &difference.text);
            writeln!(out, "    {sign} {rule}: {text}")?;
            for part in why {
                writeln!(out, "        does not hold: {part}")?;
            }
        }
    }
    let level = if strict { "Error" } else { "Warning" };
    let lacking = [
        ("positive", &coverage.without_positive),
        ("negative", &coverage.without_negative),
    ];
    for (kind, rules) in lacking {
        for rule in rules {
            writeln!(out, "{level}: no {kind} example for rule `{rule}`")?;
        }
    }
    let failed = results.iter().filter(|tried| !tried.passes()).count();
    writeln!(out, "{} passed, {failed} failed", results.len() - failed)?;
    Ok(())
}

fn write_json(out: &mut impl Write, results: &[Tried<'_>], coverage: &Coverage) -> Result<()> {
    let examples: Vec<serde_json::Value> = results
        .iter()
        .map(|tried| {
            let differences: Vec<serde_json::Value> = tried
                .outcome
                .iter()
                .map(|(difference, why)| {
                    json!({
                        "kind": match difference.sign {
                            Sign::Missing => "missing",
                            Sign::Unexpected => "unexpected",
                        },
                        "rule": &*difference.rule,
                        "text": difference.text,
                        "conditions_not_met": why,
                    })
                })
                .collect();
            json!({
                "example": tried.example.name,
                "rule": tried.example.rule.as_deref(),
                "place": tried.place,
                "passed": tried.passes(),
                "differences": differences,
            })
        })
        .collect();
    let names = |rules: &[Arc<str>]| -> Vec<String> {
        rules.iter().map(|rule| rule.as_ref().to_owned()).collect()
    };
    let failed = results.iter().filter(|tried| !tried.passes()).count();
    let document = json!({
        "examples": examples,
        "passed": results.len() - failed,
        "failed": failed,
        "rules_without_positive_example": names(&coverage.without_positive),
        "rules_without_negative_example": names(&coverage.without_negative),
    });
    writeln!(out, "{document}")?;
    Ok(())
}
