//! From the queue to the sinks: renders alerts and hands them to every inbox. Never waits for a sink.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::batch::{BatchMaker, Queued, Slice};
use crate::grpc::Hub;
use crate::inbox::{Inbox, Load};
use crate::sink::SinkInbox;

/// The common queue.
pub(crate) type Queue = Arc<Inbox<Queued>>;

/// Everything alerts go to.
#[derive(Debug)]
pub(crate) struct Router {
    pub(crate) queue: Queue,
    pub(crate) maker: BatchMaker,
    pub(crate) ways: Ways,
    /// How long to let alerts gather. An alert after a quiet time does not wait for this; it bounds
    /// how often a busy engine wakes the router, and the router the sinks.
    pub(crate) linger: Duration,
}

impl Router {
    /// Runs on its own thread until the queue is closed and empty.
    pub(crate) fn spawn(mut self) -> io::Result<()> {
        thread::Builder::new()
            .name("out-router".to_owned())
            .spawn(move || {
                self.run();
                self.queue.finish();
            })?;
        Ok(())
    }

    fn run(&mut self) {
        let mut waiting = VecDeque::new();
        while self.queue.take_all(&mut waiting) {
            while !waiting.is_empty() {
                let mut bytes = 0;
                while !self.maker.is_full() {
                    let Some(queued) = waiting.pop_front() else {
                        break;
                    };
                    bytes += queued.bytes();
                    self.maker.add(&queued.alert);
                }
                let Some(slice) = self.maker.finish() else {
                    break;
                };
                if !self.queue.settle(slice.alerts()) {
                    return;
                }
                self.ways.hand_out(slice);
                self.queue.release(bytes);
            }
            self.queue.linger(self.linger);
        }
    }
}

/// The ways out.
#[derive(Clone, Debug)]
pub(crate) struct Ways {
    pub(crate) sinks: Vec<SinkInbox>,
    pub(crate) hub: Option<Arc<Hub>>,
}

impl Ways {
    /// Hands alerts to every sink.
    pub(crate) fn hand_out(&self, slice: Slice) {
        for sink in &self.sinks {
            sink.push(slice.clone());
        }
        if let Some(hub) = &self.hub {
            hub.publish(slice);
        }
    }
}
