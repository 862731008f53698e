//! The alert queue and its sinks.

mod config;
mod counters;
mod error;

use std::time::Duration;

use alert::Alert;

pub use config::{
    FileConfig, GrpcBind, GrpcConfig, HttpConfig, OutputsConfig, ProgramConfig, RateLimit,
    SyslogConfig, VersionInfo,
};
pub use counters::{
    GrpcCounters, OutputsCounters, QueueCounters, SinkCounters, SubscriberCounters,
};
pub use error::StartError;

/// How long alerts may wait for others when outputs are buffered.
pub const BUFFERED_DELAY: Duration = Duration::from_millis(50);

/// The running outputs. Shared by reference between the event threads.
#[derive(Debug)]
pub struct Outputs {
    _config: OutputsConfig,
}

impl Outputs {
    /// Opens every enabled sink and starts their threads.
    ///
    /// # Errors
    /// When a sink cannot work as configured; nothing is left running then.
    pub fn start(config: &OutputsConfig) -> Result<Self, StartError> {
        Ok(Self {
            _config: config.clone(),
        })
    }

    /// Whether the rate limit lets one more alert through at the moment `now` (nanoseconds since the
    /// epoch, wall clock). Ask before making the alert of a rule; do not ask for internal messages.
    pub fn admit(&self, _now: u64) -> bool {
        true
    }

    /// Queues an alert. Never blocks; `false` if the queue is full and the alert is lost, and counted.
    pub fn send(&self, _alert: Alert) -> bool {
        false
    }

    /// Where every alert went up to now.
    pub fn counters(&self) -> OutputsCounters {
        OutputsCounters::default()
    }

    /// Opens files again and restarts programs, before the next alert.
    pub fn reopen(&self) {}

    /// Takes no more alerts, delivers what waits until the time is up, counts the rest as discarded,
    /// and stops.
    pub fn stop(self, _timeout: Duration) -> OutputsCounters {
        OutputsCounters::default()
    }
}
