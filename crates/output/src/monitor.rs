//! Says in the log what gets lost and what blocks, without a line for each alert.
//!
//! Nothing that handles alerts ever logs: this thread looks at the books now and then.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use crate::grpc::Hub;
use crate::inbox::{Books, Inbox, Load};
use crate::router::Queue;
use crate::sink::SinkInbox;

/// Losses that go on are reported this often.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// What to look at.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) queue: Queue,
    pub(crate) sinks: Vec<SinkInbox>,
    pub(crate) hub: Option<Arc<Hub>>,
    /// A sink that takes longer than this over one batch is blocked.
    pub(crate) timeout: Duration,
}

/// The running monitor; ends when dropped.
#[derive(Debug)]
pub(crate) struct Monitor {
    stop: Arc<(Mutex<bool>, Condvar)>,
}

impl Monitor {
    pub(crate) fn spawn(watched: Watched) -> io::Result<Self> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let monitor = Self {
            stop: Arc::clone(&stop),
        };
        let period = (watched.timeout / 2).clamp(Duration::from_millis(10), Duration::from_secs(1));
        thread::Builder::new()
            .name("out-monitor".to_owned())
            .spawn(move || {
                let mut reporter = Reporter::new(&watched);
                let (stopped, signal) = &*stop;
                let mut guard = stopped.lock().unwrap_or_else(PoisonError::into_inner);
                while !*guard {
                    guard = signal
                        .wait_timeout(guard, period)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                    reporter.look(&watched);
                }
            })?;
        Ok(monitor)
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
    }
}

/// What was said last.
#[derive(Debug)]
struct Reporter {
    queue: Losses,
    sinks: Vec<SinkReport>,
    subscribers: Losses,
}

#[derive(Debug, Default)]
struct SinkReport {
    dropped: Losses,
    failed: Losses,
    blocked: bool,
}

impl Reporter {
    fn new(watched: &Watched) -> Self {
        Self {
            queue: Losses::default(),
            sinks: watched
                .sinks
                .iter()
                .map(|_| SinkReport::default())
                .collect(),
            subscribers: Losses::default(),
        }
    }

    fn look(&mut self, watched: &Watched) {
        let queue = watched.queue.books();
        if let Some(lost) = self.queue.news(queue.dropped) {
            error!(
                lost,
                total = queue.dropped,
                "outputs: the queue is full, alerts are lost"
            );
        }
        for (sink, report) in watched.sinks.iter().zip(&mut self.sinks) {
            report.look(sink, watched.timeout);
        }
        if let Some(hub) = &watched.hub {
            let counters = hub.counters();
            if let Some(lost) = self.subscribers.news(counters.lost) {
                let slow = counters
                    .subscribers
                    .iter()
                    .max_by_key(|subscriber| subscriber.lost);
                let peer = slow.map_or("", |subscriber| subscriber.peer.as_str());
                warn!(
                    lost,
                    peer, "grpc: a subscriber is too slow or has left, it lost alerts"
                );
            }
        }
    }
}

impl SinkReport {
    fn look<T: Load>(&mut self, inbox: &Inbox<T>, timeout: Duration) {
        let name = inbox.name();
        let Books {
            pending,
            dropped,
            failed,
            busy_since,
            last_error,
            ..
        } = inbox.books();
        let blocked = busy_since.is_some_and(|since| since.elapsed() > timeout);
        if blocked && !self.blocked {
            error!(
                pending,
                "{name} output has been busy with one batch for more than {timeout:?}: alerts for \
                 it queue up, other outputs go on"
            );
        } else if self.blocked && !blocked {
            info!("{name} output goes on");
        }
        self.blocked = blocked;
        if let Some(lost) = self.dropped.news(dropped) {
            error!(
                lost,
                total = dropped,
                "{name} output: its queue is full, alerts are lost"
            );
        }
        if let Some(lost) = self.failed.news(failed) {
            let why = last_error.as_deref().unwrap_or("for no known reason");
            error!(
                lost,
                total = failed,
                "{name} output: alerts could not be delivered: {why}"
            );
        }
    }
}

/// A count that only grows, reported now and then.
#[derive(Debug, Default)]
struct Losses {
    reported: u64,
    when: Option<Instant>,
}

impl Losses {
    /// How many were added since the last report, if it is time for another.
    fn news(&mut self, count: u64) -> Option<u64> {
        let recent = self.when.is_some_and(|when| when.elapsed() < REPORT_EVERY);
        if count == self.reported || recent {
            return None;
        }
        self.when = Some(Instant::now());
        Some(count - std::mem::replace(&mut self.reported, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_news_once_and_not_too_often() {
        let mut losses = Losses::default();
        assert_eq!(losses.news(0), None);
        assert_eq!(losses.news(5), Some(5));
        assert_eq!(losses.news(9), None, "too soon");
        losses.when = Instant::now().checked_sub(REPORT_EVERY);
        assert_eq!(losses.news(9), Some(4));
        losses.when = Instant::now().checked_sub(REPORT_EVERY);
        assert_eq!(losses.news(9), None, "nothing new");
    }
}
