//! From loaded rules to the end of the event loop.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
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
use crate::filter::{Chosen, choose};
use crate::host::HostWatch;
use crate::housekeeping::{Housekeeping, wall_clock};
use crate::live::{self, End, Reloaded, Source};
use crate::match_capture::{self, MatchCapture};
use crate::metrics::{FileSum, Loads, Metrics, Scrape};
use crate::ptrace_source::PtraceSource;
use crate::recorder::Recorder;
use crate::signals::Signals;
use crate::top::TopSocket;
use crate::webserver::WebServer;
use crate::{memory, replay, rule_files, summary};

/// How long what waits in outputs may take at the end, when `output_timeout` is shorter.
const LEAST_TIME_TO_DRAIN: Duration = Duration::from_secs(5);

/// What configuration and rules came from.
#[derive(Clone, Default, Debug)]
pub(crate) struct Files {
    pub(crate) config: Vec<FileSum>,
    pub(crate) rules: Vec<FileSum>,
}

/// What of the probe is made ready while rules are read; nothing where the probe is not used.
#[cfg(feature = "live")]
pub(crate) type PreparedSource = Option<std::thread::JoinHandle<probe::Prepared>>;
#[cfg(not(feature = "live"))]
pub(crate) type PreparedSource = ();

/// Begins to make the probe ready, if it will be used.
#[cfg(feature = "live")]
pub(crate) fn prepare_source(args: &Args, config: &Config) -> PreparedSource {
    let is_used = matches!(
        config.engine.kind,
        EngineKind::ModernEbpf | EngineKind::Kmod
    ) && !args.dry_run;
    is_used.then(|| {
        let options = probe_options(config);
        std::thread::spawn(move || probe::Probe::prepare(&options))
    })
}

#[cfg(not(feature = "live"))]
pub(crate) fn prepare_source(_: &Args, _: &Config) -> PreparedSource {}

/// Watches until the end of the capture, a signal, or the time limit.
///
/// # Errors
///
/// When something that was asked for cannot be had.
pub(crate) fn run(
    args: &Args,
    config: &Config,
    ruleset: Ruleset,
    files: Files,
    source: PreparedSource,
) -> Result<ExitCode> {
    sources_wanted(args)?;
    let chosen = selection_of(&ruleset, config, args);
    let hostname = hostname();

    if args.dry_run {
        match config.engine.kind {
            EngineKind::Replay => {}
            EngineKind::Ptrace => ptrace::Tracer::check()?,
            _ => check_live(config)?,
        }
        tracing::info!(
            "Dry run: {} rules, {} system calls; nothing was started",
            ruleset.enabled().count(),
            chosen.selection.syscalls.len()
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
    if config.capture.enabled {
        engine.capture_matches(MatchCapture::new(config.capture.clone()));
    }
    let mut keeping = Housekeeping::new(
        args.stats_file
            .as_deref()
            .map(|path| (path, args.stats_interval * 1_000_000)),
        config.syscall_event_drops.clone(),
        &Arc::from(hostname.as_str()),
        wall_clock(),
    )?;
    answer_top(config, &mut keeping);
    let _webserver = answer_web(config, &mut keeping, files, &Arc::from(hostname.as_str()))?;
    let began = Instant::now();

    let result = match (&config.engine.kind, &config.engine.capture_file) {
        (EngineKind::Replay, Some(path)) => {
            if let Some(record) = &args.record {
                not_the_same_file(path, record)?;
                engine.record_into(Recorder::create(record)?);
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
        (EngineKind::ModernEbpf | EngineKind::Kmod | EngineKind::Ptrace, _) => {
            let mut run = Run {
                args,
                config,
                chosen: &chosen,
                engine: &mut engine,
                keeping: &mut keeping,
                signals: &signals,
            };
            if config.engine.kind == EngineKind::Ptrace {
                watch_command(&mut run)
            } else {
                watch_machine(&mut run, source)
            }
        }
    };

    engine.finish();
    let recorded = engine.end_recording();
    if let Some(counters) = engine.match_captures() {
        match_capture::log(&counters);
    }
    if let Some(path) = &args.pidfile {
        let _ = fs::remove_file(path);
    }
    let timeout = config.outputs.timeout.max(LEAST_TIME_TO_DRAIN);
    let rendered = summary::of_run(&engine);
    summary::log_memory(&engine);
    summary::log_state(&engine.state.counters());
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

/// Listens for `peregrine top`, if events are watched live. To watch is what matters: without the
/// socket it goes on.
fn answer_top(config: &Config, keeping: &mut Housekeeping) {
    let Some(path) = &config.top_socket else {
        return;
    };
    if config.engine.kind == EngineKind::Replay {
        return;
    }
    match TopSocket::listen(path) {
        Ok(socket) => keeping.answer_top(socket),
        Err(err) => tracing::debug!("`peregrine top` cannot be answered: {err:#}"),
    }
}

/// Takes snapshots of metrics and runs the web server, if they are wanted and events are watched
/// live.
fn answer_web(
    config: &Config,
    keeping: &mut Housekeeping,
    files: Files,
    hostname: &Arc<str>,
) -> Result<Option<WebServer>> {
    if config.engine.kind == EngineKind::Replay {
        return Ok(None);
    }
    let webserver = &config.webserver;
    let is_scraped = webserver.enabled && webserver.prometheus_metrics_enabled;
    let scrape = is_scraped.then(|| Arc::new(Scrape::new()));
    if config.metrics.enabled || is_scraped {
        let now = wall_clock();
        let loads = Loads {
            started: now,
            loaded: now,
            rules_files: files.rules,
            config_files: files.config,
        };
        keeping.give_snapshots(Metrics::new(
            &config.metrics,
            loads,
            hostname,
            scrape.clone(),
        )?);
    }
    if !webserver.enabled {
        return Ok(None);
    }
    let server = WebServer::start(webserver, scrape)?;
    tracing::info!("The web server listens at {}", server.address());
    Ok(Some(server))
}

/// Writing a capture would destroy it before it is read.
fn not_the_same_file(replayed: &Path, recorded: &Path) -> Result<()> {
    let same = || Some(fs::canonicalize(replayed).ok()? == fs::canonicalize(recorded).ok()?);
    if same() == Some(true) {
        bail!(
            "{} cannot be replayed and recorded into at once; give -w another file",
            replayed.display()
        );
    }
    Ok(())
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
fn watch_machine(run: &mut Run<'_>, prepared: PreparedSource) -> Result<Ended> {
    use crate::probe_source::ProbeSource;

    if run.config.engine.kind == EngineKind::Kmod {
        tracing::info!("There is no kernel module here; the eBPF probe does its work");
    }
    tracing::info!("Opening 'syscall' source with modern BPF probe.");
    let options = probe::Options {
        only: Some(run.chosen.selection.syscalls),
        ..probe_options(run.config)
    };
    let prepared = prepared.and_then(|thread| thread.join().ok());
    let mut source = ProbeSource::load(prepared, &options).map_err(|err| with_other_way(&err))?;
    // From here on events wait in the rings, so none of what happens during the scan is missed.
    source.start(run.chosen)?;
    let host_root = std::env::var_os("HOST_ROOT").unwrap_or_else(|| "/".into());
    watch(run, &mut source, &host_root)
}

/// Watches a command without privileges.
fn watch_command(run: &mut Run<'_>) -> Result<Ended> {
    tracing::info!("Opening 'syscall' source with ptrace.");
    let options = ptrace::Options {
        snaplen: u16::try_from(run.config.snaplen).unwrap_or(u16::MAX),
        drop_failed: run.config.engine.drop_failed_exit,
    };
    let command = &run.args.watched;
    let mut source = PtraceSource::prepare(command, &run.chosen.selection.syscalls, options)?;
    // The numbers of the command's threads are those of our own pid namespace.
    let result = watch(run, &mut source, "/".as_ref());
    if let Some(status) = source.status() {
        tracing::info!("The command ended: {status}");
    }
    result
}

/// What watching needs, whatever the source.
struct Run<'a> {
    args: &'a Args,
    config: &'a Config,
    chosen: &'a Chosen,
    engine: &'a mut Engine,
    keeping: &'a mut Housekeeping,
    signals: &'a Signals,
}

/// Seeds state, and feeds the engine until something ends it.
fn watch(run: &mut Run<'_>, source: &mut impl Source, root: &OsStr) -> Result<Ended> {
    let Run {
        args,
        config,
        chosen,
        engine,
        keeping,
        signals,
    } = run;
    let procfs = state::procfs::Procfs::new(root);
    procfs.seed_with(&mut engine.state, &source.list(&procfs));
    source.know(&engine.state);
    engine.state.set_lookup(Box::new(procfs));
    if let Some(path) = &args.record {
        engine.record_into(Recorder::create(path)?);
    }
    tracing::info!(
        "Watching {} system calls with {} rules",
        chosen.selection.syscalls.len(),
        engine.ruleset().enabled().count()
    );
    memory::give_back();
    source.begin()?;
    let reload = || {
        let (ruleset, files) = rule_files::load_ruleset(args, config)?;
        let chosen = selection_of(&ruleset, config, args);
        Ok(Reloaded {
            ruleset,
            chosen,
            files,
        })
    };
    let duration = args.duration.map(Duration::from_secs);
    let mut host = HostWatch::new(root);
    let end = live::watch(
        source, engine, keeping, signals, &mut host, duration, &reload,
    )?;
    if end == End::Signal {
        tracing::info!("Signal received, exiting...");
    }
    let counters = source.counters();
    let filtered = counters.filtered;
    if filtered > 0 {
        tracing::info!(
            "{filtered} calls made no record in the kernel, because no rule can match them"
        );
    }
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

/// Where the probe cannot run, a command can be watched all the same, or not even that.
#[cfg(feature = "live")]
fn with_other_way(err: &anyhow::Error) -> anyhow::Error {
    match ptrace::Tracer::check() {
        Ok(()) => anyhow!(
            "{err:#}. Without the probe a single command can be watched: peregrine -u … -- COMMAND"
        ),
        Err(other) => {
            anyhow!("{err:#}. Watching a single command (-u) would not work either: {other}")
        }
    }
}

#[cfg(not(feature = "live"))]
fn watch_machine(_: &mut Run<'_>, (): PreparedSource) -> Result<Ended> {
    bail!("{WITHOUT_PROBE}")
}

#[cfg(not(feature = "live"))]
const WITHOUT_PROBE: &str = "this build has no probe: it was made without clang, libelf-dev and \
    zlib1g-dev; install them and build again, watch a single command with -u … -- COMMAND, or \
    replay a capture with -e";

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
    crate::probe_source::ProbeSource::load(None, &probe_options(config)).map(drop)
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
fn selection_of(ruleset: &Ruleset, config: &Config, args: &Args) -> Chosen {
    let chosen = choose(ruleset, config, args.record.is_some());
    let selection = &chosen.selection;
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
    chosen
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
