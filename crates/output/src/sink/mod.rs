//! Where alerts go, one thread for each.
//!
//! A sink may block for as long as it likes: its own inbox fills and overflows, and is counted, while
//! the router and the other sinks go on.

mod file;
mod http;
mod http_post;
mod http_tls;
mod lines;
mod program;
mod stdout;
mod syslog;

use std::io;
use std::sync::Arc;
use std::thread;

use crate::batch::Slice;
use crate::inbox::{Inbox, Load, Next};

pub(crate) use self::file::FileSink;
pub(crate) use self::http::HttpSink;
pub(crate) use self::program::ProgramSink;
pub(crate) use self::stdout::StdoutSink;
pub(crate) use self::syslog::SyslogSink;

/// A sink's inbox, which also keeps its books.
pub(crate) type SinkInbox = Arc<Inbox<Slice>>;

/// Where alerts go.
pub(crate) trait Sink: Send + 'static {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Takes alerts from the inbox until it is closed and empty, and finishes what is under way.
    /// Each alert must be settled or failed in the inbox.
    fn run(&mut self, inbox: &SinkInbox);
}

/// A sink that does one batch after another, each at once.
pub(crate) trait BatchSink: Send + 'static {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Delivers alerts. Each must be settled or failed in the inbox.
    fn deliver(&mut self, slice: Slice, inbox: &SinkInbox);

    /// Opens again what it writes to.
    fn reopen(&mut self) {}

    /// Finishes what is under way.
    fn close(&mut self, _inbox: &SinkInbox) {}
}

impl<S: BatchSink> Sink for S {
    fn name(&self) -> &'static str {
        BatchSink::name(self)
    }

    fn run(&mut self, inbox: &SinkInbox) {
        loop {
            match inbox.next() {
                Next::Item(slice) => {
                    let bytes = slice.bytes();
                    self.deliver(slice, inbox);
                    inbox.release(bytes);
                }
                Next::Reopen => self.reopen(),
                Next::Closed => break,
            }
        }
        self.close(inbox);
    }
}

/// Runs a sink on its own thread until its inbox is closed and empty.
pub(crate) fn spawn(mut sink: Box<dyn Sink>, inbox: SinkInbox) -> io::Result<()> {
    thread::Builder::new()
        .name(format!("out-{}", inbox.name()))
        .spawn(move || {
            sink.run(&inbox);
            inbox.finish();
        })?;
    Ok(())
}
