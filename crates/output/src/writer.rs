//! The short way of the alerts of rules: rendered where they are made, on the thread that reads
//! events, and handed to the sinks in batches.
//!
//! To render an alert is less work than to put together all that somebody else would need to render
//! it, and spares a queue and a wake-up.

use std::time::{Duration, Instant};

use alert::{Alert, Draft, Stencil, StencilSubject};

use crate::batch::BatchMaker;
use crate::inbox::Load;
use crate::router::{Queue, Ways};

/// Renders alerts and hands them out; made by [`Outputs::writer`](crate::Outputs::writer). Whoever
/// has one must [`flush`](Self::flush) it whenever there is a pause, or alerts stay where they are.
#[derive(Debug)]
pub struct AlertWriter {
    maker: BatchMaker,
    queue: Queue,
    ways: Ways,
    /// How long alerts may wait for others.
    delay: Duration,
    /// Since when the oldest has been waiting.
    since: Option<Instant>,
}

impl AlertWriter {
    pub(crate) fn new(maker: BatchMaker, queue: Queue, ways: Ways, delay: Duration) -> Self {
        Self {
            maker,
            queue,
            ways,
            delay,
            since: None,
        }
    }

    /// Prepares what all alerts of a rule have in common.
    pub fn stencil(&self, subject: StencilSubject) -> Stencil {
        self.maker.renderer().stencil(subject)
    }

    /// Adds an alert. Never blocks; what a sink has no room for is lost to it and counted there.
    pub fn add(&mut self, stencil: &Stencil, draft: &Draft) {
        self.maker.add_draft(stencil, draft);
        if self.maker.is_full() {
            self.hand_out();
        }
    }

    /// Adds an alert that somebody has put together.
    pub fn add_alert(&mut self, alert: &Alert) {
        self.maker.add(alert);
        if self.maker.is_full() {
            self.hand_out();
        }
    }

    /// Hands out what has been added, unless outputs are buffered and it has not waited long enough
    /// for others. Cheap when there is nothing.
    pub fn flush(&mut self) {
        if self.maker.is_empty() {
            return;
        }
        if !self.delay.is_zero() {
            let now = Instant::now();
            if now < *self.since.get_or_insert(now) + self.delay {
                return;
            }
        }
        self.hand_out();
    }

    /// Hands out what has been added, at once.
    pub fn finish(&mut self) {
        self.hand_out();
    }

    fn hand_out(&mut self) {
        self.since = None;
        if let Some(slice) = self.maker.finish() {
            let alerts = slice.alerts();
            self.ways.hand_out(slice);
            // Afterwards, so that what was routed is always somewhere.
            self.queue.pass_by(alerts);
        }
    }
}

impl Drop for AlertWriter {
    fn drop(&mut self) {
        self.hand_out();
    }
}
