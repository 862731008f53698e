//! Watches what programs do on this machine and says at once when a rule is broken.
//!
//! Start-up goes step by step, and each step may end it: options that only print something, the
//! configuration, the rules, then (unless it is a dry run) outputs, state, the source of events and
//! the event loop. Errors are one line `Error: …` on standard error, and exit code 1.

mod activity;
mod alerts;
mod args;
mod channels;
mod drafts;
mod drops;
mod engine;
mod filter;
mod host;
mod housekeeping;
mod info;
mod live;
mod log;
mod match_capture;
mod memory;
mod metrics;
mod picture;
#[cfg(feature = "live")]
mod probe_source;
mod ptrace_source;
mod recorder;
mod replay;
mod rule_files;
mod run;
mod selection;
mod signals;
mod statistics;
mod summary;
mod test_rules;
mod top;
#[cfg(test)]
mod warm;
mod webserver;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use clap::Parser;
use clap::error::ErrorKind;
use config::{Config, EngineKind, Override};
use field::{ListFormat, ListOptions};
use rules::report;

use crate::args::{Args, Command, Format};
use crate::metrics::FileSum;

/// Where the configuration is unless `-c` says otherwise.
const DEFAULT_CONFIG: &str = "/etc/falco/falco.yaml";

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(err) => {
            // Falco's users expect 1, not clap's 2.
            let _ = err.print();
            let asked_for = matches!(err.kind(), ErrorKind::DisplayHelp);
            return if asked_for {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            };
        }
    };
    match start(&args) {
        Ok(code) => code,
        // The reader of a list went away (`peregrine --list | head`): nobody is left to tell.
        Err(err) if is_broken_pipe(&err) => ExitCode::SUCCESS,
        Err(err) => {
            let _ = writeln!(io::stderr(), "Error: {err:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(err: &anyhow::Error) -> bool {
    err.downcast_ref::<io::Error>()
        .is_some_and(|err| err.kind() == io::ErrorKind::BrokenPipe)
}

fn start(args: &Args) -> Result<ExitCode> {
    if let Some(message) = args.not_yet.given() {
        bail!("{message}");
    }
    match &args.command {
        Some(Command::TestRules(options)) => return test_rules::test_rules(options),
        Some(Command::Top(options)) => return top::top(options),
        None => {}
    }
    let mut out = io::stdout().lock();
    let format = match args.format {
        None if args.markdown => Format::Markdown,
        format => format.unwrap_or(Format::Text),
    };
    if args.rule_schema {
        out.write_all(rules::SCHEMA.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.ignored {
        info::ignored(&mut out)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.list_events {
        info::list_events(&mut out, format)?;
        return Ok(ExitCode::SUCCESS);
    }

    let (mut config, config_files) = load_config(args)?;
    apply_options(args, &mut config);
    if args.version {
        info::version(&mut out, config.json_output)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.page_size {
        writeln!(out, "Your system page size is: {} bytes", page_size())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(source) = &args.list_fields {
        let options = ListOptions {
            source: (!source.is_empty()).then_some(source.as_str()),
            names_only: args.names_only,
            verbose: args.verbose,
            format: match format {
                Format::Text => ListFormat::Text,
                Format::Markdown => ListFormat::Markdown,
                Format::Json => ListFormat::Json,
            },
        };
        out.write_all(field::list_fields(options).as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }

    log::start(
        config.log_stderr,
        &config.log_level,
        config.time_format_iso_8601,
    );
    if !args.validate.is_empty() {
        return validate(args, &config, &mut out);
    }
    drop(out);
    if args.list_rules || args.describe_rule.is_some() || args.support {
        return describe(args, &config);
    }
    if args.explain_filter {
        return explain_filter(args, &config);
    }
    tracing::info!(
        "Peregrine version: {} ({})",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH
    );
    if config_files.is_empty() {
        tracing::info!("No configuration file; defaults are used");
    } else {
        tracing::info!("Falco initialized with configuration files:");
        for path in &config_files {
            tracing::info!("   {}", path.display());
        }
    }
    not_yet_in_configuration(&config)?;
    if config.engine.kind == EngineKind::Ptrace && args.watched.is_empty() && !args.dry_run {
        return Err(ptrace::Error::NoCommand.into());
    }

    // Meanwhile: the rules take as long.
    let source = run::prepare_source(args, &config);
    let (ruleset, rules) = rule_files::load_ruleset(args, &config)?;
    let files = run::Files {
        config: config_files
            .iter()
            // A file that was just read and is gone now has no sum that means anything.
            .filter_map(|path| {
                Some(FileSum::of(
                    &path.to_string_lossy(),
                    &std::fs::read(path).ok()?,
                ))
            })
            .collect(),
        rules,
    };
    run::run(args, &config, ruleset, files, source)
}

/// Reads the configuration that `-c` names, or the default one if it exists. Beside it, the files
/// that it came from.
fn load_config(args: &Args) -> Result<(Config, Vec<PathBuf>)> {
    let path = match &args.config {
        Some(path) if !path.exists() => {
            bail!("Could not find configuration file at {}", path.display())
        }
        Some(path) => Some(path.clone()),
        None => Some(PathBuf::from(DEFAULT_CONFIG)).filter(|path| path.exists()),
    };
    let mut options = Vec::new();
    for text in &args.options {
        options.push(Override::parse(text).map_err(|problem| anyhow!("{problem}"))?);
    }
    let variable = |name: &str| std::env::var(name).ok();
    let (config, sources) = config::load(path.as_deref(), &options, &variable)
        .map_err(|err| anyhow!("the configuration is not valid:\n{err}"))?;
    for problem in sources.iter().flat_map(|source| &source.unknown_keys) {
        let _ = writeln!(io::stderr(), "Warning: {problem}");
    }
    let paths = sources.into_iter().map(|source| source.path).collect();
    Ok((config, paths))
}

/// Options that stand for keys of the configuration.
fn apply_options(args: &Args, config: &mut Config) {
    if let Some(path) = &args.replay {
        config.engine.kind = EngineKind::Replay;
        config.engine.capture_file = Some(path.clone());
    }
    if args.userspace || !args.watched.is_empty() {
        config.engine.kind = EngineKind::Ptrace;
    }
    if let Some(snaplen) = args.snaplen {
        config.snaplen = snaplen;
    }
    config.base_syscalls_all |= args.all_events;
    config.buffer_format_base64 |= args.base64;
    // Without a configuration file at all, alerts that go nowhere would be of no use.
    let outputs = &config.outputs;
    let any = outputs.stdout
        || outputs.syslog
        || outputs.file.is_some()
        || outputs.program.is_some()
        || outputs.http.is_some()
        || outputs.grpc.is_some();
    if !any && args.config.is_none() && !Path::new(DEFAULT_CONFIG).exists() {
        config.outputs.stdout = true;
    }
}

/// What the configuration asks for and is not there yet.
fn not_yet_in_configuration(config: &Config) -> Result<()> {
    // The fields of containers are built in, so the plugin that Falco needs for them is not needed.
    if let Some(plugin) = config
        .plugins
        .iter()
        .find(|plugin| plugin.name != "container")
    {
        bail!(
            "plugin '{}' cannot be loaded: plugins are not available yet; take it out of \
             `load_plugins`",
            plugin.name
        );
    }
    Ok(())
}

fn validate(args: &Args, config: &Config, out: &mut impl Write) -> Result<ExitCode> {
    let loaded = rule_files::validate(args, config)?;
    if config.json_output {
        let results = serde_json::json!({ "falco_load_results": report::json(&loaded) });
        writeln!(out, "{results}")?;
    } else {
        for (file, _) in loaded.files.iter() {
            write!(out, "{}", report::text(&loaded, file, true))?;
        }
    }
    if let Some(problem) = loaded.settings_problems.first() {
        bail!("{problem}");
    }
    let errors = loaded
        .diagnostics
        .iter()
        .filter(|found| found.is_error())
        .count();
    if errors > 0 {
        bail!("the rules files are not valid: {errors} errors");
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(args: &Args, config: &Config) -> Result<ExitCode> {
    if args.support {
        bail!("--support is not available yet");
    }
    let loaded = rule_files::load_rules(args, config)?;
    rule_files::report_problems(&loaded)?;
    let mut out = io::stdout().lock();
    let text = summary::describe(&loaded, args.describe_rule.as_deref(), config.json_output)?;
    out.write_all(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// What the kernel decides for the rules, and what is left to user space.
fn explain_filter(args: &Args, config: &Config) -> Result<ExitCode> {
    let (ruleset, _) = rule_files::load_ruleset(args, config)?;
    let chosen = filter::choose(&ruleset, config, args.record.is_some());
    let Some(plan) = chosen.plan else {
        bail!(
            "the kernel drops nothing: `engine.modern_ebpf.kernel_filter` is off, events are not \
             live, or everything is recorded"
        );
    };
    let mut out = io::stdout().lock();
    if config.json_output || args.format == Some(Format::Json) {
        writeln!(out, "{}", pushdown::json(&plan))?;
    } else {
        out.write_all(pushdown::text(&plan).as_bytes())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn page_size() -> u64 {
    // The kernel says it once per mapping; the first one will do.
    let maps = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    let kib = maps.lines().find_map(|line| {
        line.strip_prefix("KernelPageSize:")?
            .split_whitespace()
            .next()?
            .parse::<u64>()
            .ok()
    });
    kib.unwrap_or(4) * 1024
}
