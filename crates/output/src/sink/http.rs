//! An HTTP server that gets each alert in a POST.
//!
//! Requests go out several at once over connections that stay open, each by a lane of its own: a task
//! with a connection. All lanes share one thread, which sleeps only when none has anything to do, so
//! a flood of alerts costs a few wake-ups for many of them. There is no pipelining: few servers can
//! be trusted with it, and a lane more is as good.
//!
//! A request that fails is tried again, with growing pauses: refused connections, timeouts, and
//! answers that say "later" (408, 429, 5xx). Then the alert counts as failed. A server whose answer got lost may
//! so get an alert twice; better than not at all.

use std::future::poll_fn;
use std::sync::Arc;

use hyper::body::Bytes;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::http_post::{Lane, Poster};
use super::{Sink, SinkInbox};
use crate::batch::Slice;
use crate::config::HttpConfig;
use crate::error::StartError;
use crate::inbox::{Load, Next};

/// An HTTP server.
#[derive(Debug)]
pub(crate) struct HttpSink {
    poster: Arc<Poster>,
    runtime: Runtime,
    lanes: usize,
}

impl HttpSink {
    /// `json` decides the content type.
    pub(crate) fn new(config: &HttpConfig, json: bool) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(StartError::Thread)?;
        Ok(Self {
            poster: Arc::new(Poster::new(config, json)?),
            runtime,
            lanes: config.in_flight.clamp(1, 1_024),
        })
    }

    /// Whether URL and certificates are of use.
    pub(crate) fn check(config: &HttpConfig) -> Result<(), StartError> {
        Poster::new(config, true).map(drop)
    }
}

impl Sink for HttpSink {
    fn name(&self) -> &'static str {
        "http"
    }

    fn run(&mut self, inbox: &SinkInbox) {
        let source = Arc::new(Mutex::new(Source::new(Arc::clone(inbox))));
        let mut lanes = JoinSet::new();
        for _ in 0..self.lanes {
            let lane = Lane::new(Arc::clone(&self.poster));
            let (source, inbox) = (Arc::clone(&source), Arc::clone(inbox));
            lanes.spawn_on(run_lane(lane, source, inbox), self.runtime.handle());
        }
        self.runtime
            .block_on(async { while lanes.join_next().await.is_some() {} });
    }
}

/// Posts one alert after another, until there are no more.
async fn run_lane(mut lane: Lane, source: Arc<Mutex<Source>>, inbox: SinkInbox) {
    loop {
        // Whoever waits for alerts holds the lock, and the others wait for it.
        let alert = source.lock().await.next().await;
        let Some(alert) = alert else {
            return;
        };
        match lane.post(alert, &|| inbox.is_abandoned()).await {
            Ok(()) => drop(inbox.settle(1)),
            Err(error) => inbox.fail(1, error),
        }
    }
}

/// Where lanes get their alerts.
#[derive(Debug)]
struct Source {
    inbox: SinkInbox,
    slice: Option<Slice>,
    /// Of the slice, from the beginning.
    bytes: usize,
}

impl Source {
    fn new(inbox: SinkInbox) -> Self {
        Self {
            inbox,
            slice: None,
            bytes: 0,
        }
    }

    /// The next alert, for as long as it takes; `None` once there will be no more.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.inbox.is_abandoned() {
                return None;
            }
            if let Some(slice) = &mut self.slice {
                if let Some(line) = slice.pop_line() {
                    return Some(Bytes::copy_from_slice(line.as_bytes()));
                }
                self.slice = None;
                self.inbox.release(self.bytes);
            }
            match poll_fn(|context| self.inbox.poll_next(context)).await {
                Next::Item(slice) => {
                    self.bytes = slice.bytes();
                    self.slice = Some(slice);
                }
                Next::Reopen => {}
                Next::Closed => return None,
            }
        }
    }
}
