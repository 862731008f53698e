//! From loaded rules to the end of the event loop.

use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use config::{Config, EngineKind};
use event::render::BufferFormat;
use output::Outputs;
use rules::Ruleset;
use state::{Limits, State};

use crate::args::Args;
use crate::channels::outputs_config;
use crate::engine::{Engine, SOURCE};
use crate::housekeeping::{Housekeeping, wall_clock};
use crate::recorder::Recorder;
#[cfg(feature = "live")]
use crate::rule_files;
use crate::selection::{Selection, Wanted, select};
use crate::signals::Signals;
use crate::{replay, summary};

/// How long what waits in outputs may take at the end, when `output_timeout` is shorter.
const LEAST_TIME_TO_DRAIN: Duration = Duration::from_secs(5);

/// Watches until the end of the capture, a signal, or the time limit.
///
/// # Errors
///
/// When something that was asked for cannot be had.
pub(crate) fn run(args: &Args, config: &Config, ruleset: Ruleset) -> Result<ExitCode> {
    sources_wanted(args)?;
    let selection = selection_of(&ruleset, config);
    let hostname = hostname();

    if args.dry_run {
        if config.engine.kind != EngineKind::Replay {
            check_live(config)?;
        }
        tracing::info!(
            "Dry run: {} rules, {} system calls; nothing was started",
            ruleset.enabled().count(),
            selection.syscalls.len()
        );
        return Ok(ExitCode::SUCCESS);
    }

    let limits = limits(config);
    let signals = Signals::install().context("failed to install signal handlers")?;
    let outputs = Outputs::start(&outputs_config(config, args.unbuffered))
        .map_err(|err| anyhow!("failed to start the outputs: {err}"))?;
    if let Some(path) = &args.pidfile {
        fs::write(path, std::process::id().to_string())
            .with_context(|| format!("failed to write the pid file {}", path.display()))?;
    }
    let buffers = if config.buffer_format_base64 {
        BufferFormat::Base64
    } else {
        BufferFormat::Printable
    };
    let mut engine = Engine::new(
        State::new(limits.clone()),
        ruleset,
        outputs,
        &hostname,
        buffers,
    )
    .ok_or_else(|| anyhow!("the rules were not loaded for the source `{SOURCE}`"))?;
    if let Some(settings) = &config.deduplicate {
        engine.deduplicate(deduplicate(settings));
    }
    let mut keeping = Housekeeping::new(
        args.stats_file
            .as_deref()
            .map(|path| (path, args.stats_interval * 1_000_000)),
        config.syscall_event_drops.clone(),
        &Arc::from(hostname.as_str()),
        wall_clock(),
    )?;
    let began = Instant::now();

    let result = match (&config.engine.kind, &config.engine.capture_file) {
        (EngineKind::Replay, Some(path)) => {
            if args.record.is_some() {
                bail!("-w records live events; a capture cannot be recorded again");
            }
            tracing::info!("Reading events from {}", path.display());
            let result = replay::replay(path, &mut engine, &limits, &|| signals.stop());
            keeping.finish(engine.handled.events, 0);
            result.map(|events| Ended {
                events,
                drops: 0,
                code: ExitCode::SUCCESS,
            })
        }
        (EngineKind::Replay, None) => bail!("`engine.kind: replay` needs a capture file"),
        (EngineKind::Nodriver, _) => bail!(
            "`engine.kind: nodriver` leaves no source of events: plugins are not available yet"
        ),
        (EngineKind::ModernEbpf | EngineKind::Kmod, _) => watch_live(
            args,
            config,
            &selection,
            &mut engine,
            &mut keeping,
            &signals,
        ),
    };

    engine.finish();
    let recorded = engine.end_recording().map(Recorder::finish).transpose();
    if let Some(path) = &args.pidfile {
        let _ = fs::remove_file(path);
    }
    let timeout = config.outputs.timeout.max(LEAST_TIME_TO_DRAIN);
    let rendered = summary::of_run(&engine);
    summary::log_memory(&engine);
    let Engine {
        outputs, handled, ..
    } = engine;
    let counters = outputs.stop(timeout);
    let mut out = io::stdout().lock();
    out.write_all(rendered.as_bytes())?;
    out.flush()?;
    let ended = result?;
    recorded?;
    summary::log_losses(&handled, ended.drops, &counters);
    if args.verbose {
        summary::verbose(&mut io::stderr(), &ended, began.elapsed(), handled.events)?;
    }
    let (detected, acted) = keeping.drop_occurrences();
    if detected > 0 {
        let _ = writeln!(
            io::stderr(),
            "Syscall event drop monitoring:\n   - event drop detected: {detected} occurrences\n   \
             - num times actions taken: {acted}"
        );
    }
    Ok(ended.code)
}

fn deduplicate(settings: &config::DeduplicateConfig) -> alert::Deduplicate {
    alert::Deduplicate {
        window: u64::try_from(settings.window.as_nanos()).unwrap_or(u64::MAX),
        by: settings.by.clone(),
        rules: settings.rules.clone(),
        max_groups: usize::try_from(settings.max_groups).unwrap_or(usize::MAX),
    }
}

/// How watching ended.
pub(crate) struct Ended {
    /// Events, lost ones included.
    pub(crate) events: u64,
    /// Lost events.
    pub(crate) drops: u64,
    /// What the process says.
    pub(crate) code: ExitCode,
}

#[cfg(feature = "live")]
fn watch_live(
    args: &Args,
    config: &Config,
    selection: &Selection,
    engine: &mut Engine,
    keeping: &mut Housekeeping,
    signals: &Signals,
) -> Result<Ended> {
    use crate::live::{End, Live};

    if config.engine.kind == EngineKind::Kmod {
        tracing::info!("There is no kernel module here; the eBPF probe does its work");
    }
    tracing::info!("Opening 'syscall' source with modern BPF probe.");
    let mut live = Live::load(&probe_options(config))?;
    // From here on events wait in the rings, so none of what happens during the scan is missed.
    live.start(&selection.syscalls)?;
    let host_root = std::env::var_os("HOST_ROOT").unwrap_or_else(|| "/".into());
    state::procfs::Procfs::new(&host_root).seed_with(&mut engine.state, &live.open_files());
    engine
        .state
        .set_lookup(Box::new(state::procfs::Procfs::new(&host_root)));
    if let Some(path) = &args.record {
        let recorder = Recorder::create(path, &engine.state, &engine.hostname)?;
        engine.record_into(recorder);
    }
    tracing::info!(
        "Watching {} system calls with {} rules",
        selection.syscalls.len(),
        engine.ruleset().enabled().count()
    );
    let reload = || {
        let loaded = rule_files::load_rules(args, config)?;
        rule_files::report_problems(&loaded)?;
        let ruleset = loaded
            .ruleset
            .ok_or_else(|| anyhow!("the rules have errors"))?;
        let syscalls = selection_of(&ruleset, config).syscalls;
        Ok((ruleset, syscalls))
    };
    let duration = args.duration.map(Duration::from_secs);
    let end = live.watch(engine, keeping, signals, duration, &reload)?;
    if end == End::Signal {
        tracing::info!("Signal received, exiting...");
    }
    let counters = live.counters();
    Ok(Ended {
        events: counters.events,
        drops: counters.drops,
        code: if end == End::Drops {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        },
    })
}

#[cfg(not(feature = "live"))]
fn watch_live(
    _: &Args,
    _: &Config,
    _: &Selection,
    _: &mut Engine,
    _: &mut Housekeeping,
    _: &Signals,
) -> Result<Ended> {
    bail!("{WITHOUT_PROBE}")
}

#[cfg(not(feature = "live"))]
const WITHOUT_PROBE: &str = "this build has no probe: it was made without clang, libelf-dev and \
    zlib1g-dev; install them and build again, or replay a capture with -e";

#[cfg(feature = "live")]
fn probe_options(config: &Config) -> probe::Options {
    let preset = config.engine.buf_size_preset;
    let default = probe::Options::default();
    probe::Options {
        buffer_bytes: probe::Options::preset_bytes(preset).unwrap_or(default.buffer_bytes),
        snaplen: u16::try_from(config.snaplen).unwrap_or(u16::MAX),
        dynamic_snaplen: dynamic_snaplen(&config.engine.dynamic_snaplen),
        drop_failed: config.engine.drop_failed_exit,
        iterators: !config.engine.disable_iterators,
        io_uring: config.engine.io_uring,
        toctou_protection: config.engine.toctou_protection,
        log: Some(|level, line| match level {
            probe::LogLevel::Warn => tracing::warn!("libbpf: {line}"),
            probe::LogLevel::Info | probe::LogLevel::Debug => tracing::debug!("libbpf: {line}"),
        }),
        ..default
    }
}

#[cfg(feature = "live")]
fn dynamic_snaplen(config: &config::DynamicSnaplenConfig) -> Option<probe::DynamicSnaplen> {
    config.enabled.then(|| {
        let full_ports = match config.fullcapture_port_start {
            0 => probe::DynamicSnaplen::default().full_ports,
            first => first..=config.fullcapture_port_end,
        };
        probe::DynamicSnaplen {
            full_ports,
            statsd_port: config.statsd_port,
        }
    })
}

/// Whether the probe could run here.
#[cfg(feature = "live")]
fn check_live(config: &Config) -> Result<()> {
    probe::Probe::check()?;
    crate::live::Live::load(&probe_options(config)).map(drop)
}

#[cfg(not(feature = "live"))]
fn check_live(_: &Config) -> Result<()> {
    bail!("{WITHOUT_PROBE}")
}

/// `--enable-source` and `--disable-source`.
fn sources_wanted(args: &Args) -> Result<()> {
    for source in args.enable_source.iter().chain(&args.disable_source) {
        if source != SOURCE {
            bail!("unknown event source '{source}'; the only one is '{SOURCE}'");
        }
    }
    if args.disable_source.iter().any(|source| source == SOURCE) {
        bail!("Must enable at least one event source");
    }
    Ok(())
}

/// What is traced for these rules; says what is not.
fn selection_of(ruleset: &Ruleset, config: &Config) -> Selection {
    let selection = select(
        &ruleset.events(),
        &Wanted {
            custom_set: config.base_syscalls_custom_set.clone(),
            repair: config.base_syscalls_repair,
            all: config.base_syscalls_all,
        },
    );
    for name in &selection.unknown {
        tracing::warn!("base_syscalls.custom_set: `{name}` is not a system call and is left out");
    }
    if !selection.left_out.is_empty() {
        tracing::warn!(
            "Rules match events that are not traced by default: {}. Trace them with -A or \
             `base_syscalls.all: true`.",
            selection.left_out.join(", ")
        );
    }
    selection
}

fn limits(config: &Config) -> Limits {
    let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Limits {
        threads: usize::try_from(config.thread_table_size).unwrap_or(usize::MAX),
        purge_interval: nanos(config.thread_purging_interval),
        thread_timeout: nanos(config.thread_timeout),
        ..Limits::default()
    }
}

/// `FALCO_HOSTNAME`, or the name of the machine.
fn hostname() -> String {
    std::env::var("FALCO_HOSTNAME")
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| {
            fs::read_to_string("/proc/sys/kernel/hostname")
                .map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
        })
}
