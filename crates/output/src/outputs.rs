//! The running outputs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use alert::{Alert, Format, Renderer, TokenBucket};
use tokio::runtime::Runtime;
use tracing::warn;

use crate::batch::{BatchMaker, Queued};
use crate::config::OutputsConfig;
use crate::counters::{OutputsCounters, QueueCounters, SinkCounters};
use crate::error::StartError;
use crate::grpc::{BoundServer, GrpcServer};
use crate::inbox::{Inbox, Limit};
use crate::monitor::{Monitor, Watched};
use crate::router::{Queue, Router, Ways};
use crate::sink::{self, FileSink, HttpSink, ProgramSink, Sink, SinkInbox, StdoutSink, SyslogSink};
use crate::writer::AlertWriter;

/// How long alerts may wait for others when outputs are buffered.
pub const BUFFERED_DELAY: Duration = Duration::from_millis(50);
/// And when they are not: so short that nobody sees it, so long that a flood of alerts costs some
/// thousand wake-ups a second rather than one for each alert.
const UNBUFFERED_DELAY: Duration = Duration::from_micros(200);

/// The running outputs. Shared by reference between the event threads. Dropped without
/// [`stop`](Self::stop), what waits is discarded.
#[derive(Debug)]
pub struct Outputs {
    limiter: Option<Mutex<TokenBucket>>,
    queue: Queue,
    sinks: Vec<SinkInbox>,
    grpc: Option<GrpcServer>,
    runtime: Option<Runtime>,
    format: Format,
    buffered: bool,
    ended: bool,
    _monitor: Monitor,
}

impl Outputs {
    /// Opens every enabled sink and starts their threads.
    ///
    /// # Errors
    /// When a sink cannot work as configured. Everything that can fail is tried before the first
    /// thread starts, so nothing is left running then.
    pub fn start(config: &OutputsConfig) -> Result<Self, StartError> {
        let runtime = runtime(config)?;
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        if config.stdout {
            sinks.push(Box::new(StdoutSink::new()?));
        }
        if let Some(file) = &config.file {
            sinks.push(Box::new(FileSink::new(file)?));
        }
        if let Some(syslog) = &config.syslog {
            sinks.push(Box::new(SyslogSink::new(syslog)));
        }
        if let Some(program) = &config.program {
            sinks.push(Box::new(ProgramSink::new(program)));
        }
        if let Some(http) = &config.http {
            sinks.push(Box::new(HttpSink::new(http, config.format.json)?));
        }
        let server = config.grpc.as_ref().map(BoundServer::bind).transpose()?;
        if sinks.is_empty() && server.is_none() {
            return Err(StartError::NoOutput);
        }
        let limit = Limit {
            alerts: config.queue_capacity,
            bytes: config.queue_bytes,
        };
        Self::spawn(config, limit, sinks, server, runtime).map_err(StartError::Thread)
    }

    /// Whether [`start`](Self::start) has a chance: reads certificates and understands addresses, but
    /// opens nothing and listens nowhere. For a new configuration, while the old one still runs.
    ///
    /// # Errors
    /// As those of `start`.
    pub fn check(config: &OutputsConfig) -> Result<(), StartError> {
        let OutputsConfig {
            stdout,
            file,
            syslog,
            program,
            http,
            grpc,
            ..
        } = config;
        if let Some(http) = http {
            HttpSink::check(http)?;
        }
        if let Some(grpc) = grpc {
            BoundServer::check(grpc)?;
        }
        let any = *stdout
            || file.is_some()
            || syslog.is_some()
            || program.is_some()
            || http.is_some()
            || grpc.is_some();
        if any {
            Ok(())
        } else {
            Err(StartError::NoOutput)
        }
    }

    fn spawn(
        config: &OutputsConfig,
        limit: Limit,
        sinks: Vec<Box<dyn Sink>>,
        server: Option<BoundServer>,
        runtime: Option<Runtime>,
    ) -> std::io::Result<Self> {
        let queue: Queue = Arc::new(Inbox::new("queue", limit));
        let mut inboxes = Vec::new();
        for sink in sinks {
            let inbox = Arc::new(Inbox::new(sink.name(), limit));
            sink::spawn(sink, Arc::clone(&inbox))?;
            inboxes.push(inbox);
        }
        let grpc = match (server, &runtime) {
            (Some(server), Some(runtime)) => Some(server.serve(runtime.handle())),
            _ => None,
        };
        let hub = grpc.as_ref().map(|server| Arc::clone(&server.hub));
        let router = Router {
            queue: Arc::clone(&queue),
            maker: BatchMaker::new(Renderer::new(config.format.clone()), grpc.is_some()),
            ways: Ways {
                sinks: inboxes.clone(),
                hub: hub.clone(),
            },
            linger: if config.buffered {
                BUFFERED_DELAY
            } else {
                UNBUFFERED_DELAY
            },
        };
        router.spawn()?;
        let monitor = Monitor::spawn(Watched {
            queue: Arc::clone(&queue),
            sinks: inboxes.clone(),
            hub,
            timeout: config.timeout,
        })?;
        let limiter = config
            .rate_limit
            .map(|limit| Mutex::new(TokenBucket::new(limit.rate, limit.max_burst, wall_clock())));
        Ok(Self {
            limiter,
            queue,
            sinks: inboxes,
            grpc,
            runtime,
            format: config.format.clone(),
            buffered: config.buffered,
            ended: false,
            _monitor: monitor,
        })
    }

    /// Whether the rate limit lets one more alert through at the moment `now` (nanoseconds since the
    /// epoch, wall clock). Ask before making the alert of a rule; do not ask for internal messages.
    pub fn admit(&self, now: u64) -> bool {
        self.limiter.as_ref().is_none_or(|limiter| {
            limiter
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(now)
        })
    }

    /// The short way for a thread that makes many alerts.
    pub fn writer(&self) -> AlertWriter {
        let ways = Ways {
            sinks: self.sinks.clone(),
            hub: self.grpc.as_ref().map(|server| Arc::clone(&server.hub)),
        };
        let delay = if self.buffered {
            BUFFERED_DELAY
        } else {
            Duration::ZERO
        };
        let maker = BatchMaker::new(Renderer::new(self.format.clone()), ways.hub.is_some());
        AlertWriter::new(maker, Arc::clone(&self.queue), ways, delay)
    }

    /// Queues an alert. Never blocks; `false` if the queue is full and the alert is lost, and counted.
    pub fn send(&self, alert: Alert) -> bool {
        self.queue.push(Queued::new(alert))
    }

    /// Where every alert went up to now.
    pub fn counters(&self) -> OutputsCounters {
        // From the end to the start of the way, so that nothing is seen later than where it came from.
        let grpc = self.grpc.as_ref().map(|server| server.hub.counters());
        let sinks = self
            .sinks
            .iter()
            .map(|inbox| {
                let books = inbox.books();
                SinkCounters {
                    name: inbox.name(),
                    offered: books.offered,
                    sent: books.sent,
                    failed: books.failed,
                    dropped: books.dropped,
                    discarded: books.discarded,
                    pending: books.pending as u64,
                }
            })
            .collect();
        let books = self.queue.books();
        let rate_limited = self.limiter.as_ref().map_or(0, |limiter| {
            limiter
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .skipped()
        });
        OutputsCounters {
            rate_limited,
            queue: QueueCounters {
                offered: books.offered,
                routed: books.sent,
                dropped: books.dropped,
                discarded: books.discarded,
                pending: books.pending as u64,
            },
            sinks,
            grpc,
        }
    }

    /// Opens files again and restarts programs, before the next alert.
    pub fn reopen(&self) {
        for sink in &self.sinks {
            sink.reopen();
        }
    }

    /// Takes no more alerts, delivers what waits until the time is up, counts the rest as discarded,
    /// and stops. A sink that is stuck is left behind with its thread.
    pub fn stop(mut self, timeout: Duration) -> OutputsCounters {
        self.end(Instant::now() + timeout);
        self.counters()
    }

    fn end(&mut self, deadline: Instant) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        self.queue.close();
        if !self.queue.wait_finished(deadline) {
            let discarded = self.queue.abandon();
            warn!(
                discarded,
                "outputs: time is up, alerts in the queue are discarded"
            );
        }
        for sink in &self.sinks {
            sink.close();
        }
        for sink in &self.sinks {
            if !sink.wait_finished(deadline) {
                let discarded = sink.abandon();
                warn!(
                    discarded,
                    "{} output: time is up, its alerts are discarded",
                    sink.name()
                );
            }
        }
        if let Some(grpc) = &self.grpc {
            grpc.stop(deadline);
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        self.end(Instant::now());
    }
}

/// A runtime for gRPC, if it is enabled. (HTTP has its own, in its thread.)
fn runtime(config: &OutputsConfig) -> Result<Option<Runtime>, StartError> {
    let Some(grpc) = &config.grpc else {
        return Ok(None);
    };
    let threads = match grpc.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("out-net")
        .enable_all()
        .build()
        .map(Some)
        .map_err(StartError::Thread)
}

/// Nanoseconds since the epoch.
fn wall_clock() -> u64 {
    let elapsed = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}
