//! Alerts on their way to the sinks.
//!
//! What a sink costs for each alert is a system call, a wake-up, an allocation. So alerts travel
//! together: the router renders what has gathered into one buffer, once for each form, and sinks
//! share it. A sink that writes bytes writes many lines at once, straight from that buffer.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use alert::{Alert, Draft, Priority, Renderer, Stencil};
use outputs_api::EncodedAlert;

use crate::grpc::MessageWriter;
use crate::inbox::Load;

/// At most this many alerts go together, so that queues are counted finely enough.
pub(crate) const MAX_ALERTS: usize = 1_024;
/// A batch is full at this many bytes of lines.
const MAX_BYTES: usize = 256 << 10;
/// Room for a full batch and one more line of usual length.
const ROOM: usize = MAX_BYTES + (16 << 10);
/// What an alert takes beside its line and its message.
const ALERT_BYTES: usize = 2 * size_of::<usize>() + size_of::<Priority>();
/// The memory of a batch with so many bytes of lines is used again.
const WORTH_KEEPING: usize = 64 << 10;
/// So many batches are kept for that.
const MAX_SPENT: usize = 4;

/// An alert in the common queue.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) alert: Alert,
    bytes: usize,
}

impl Queued {
    pub(crate) fn new(alert: Alert) -> Self {
        let bytes = alert.memory();
        Self { alert, bytes }
    }
}

impl Load for Queued {
    fn alerts(&self) -> usize {
        1
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn truncate(&mut self, _alerts: usize) {}
}

/// Rendered alerts.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Lines, each with its newline.
    lines: String,
    line_ends: Vec<usize>,
    priorities: Vec<Priority>,
    /// Messages for gRPC, if anybody wants them.
    encoded: Arc<Vec<u8>>,
    encoded_ends: Vec<usize>,
    /// Where the memory goes afterwards.
    spent: Arc<Spent>,
}

impl Batch {
    fn clear(&mut self) {
        self.lines.clear();
        self.line_ends.clear();
        self.priorities.clear();
        self.encoded_ends.clear();
    }
}

impl Clone for Batch {
    fn clone(&self) -> Self {
        Self {
            lines: self.lines.clone(),
            line_ends: self.line_ends.clone(),
            priorities: self.priorities.clone(),
            encoded: Arc::clone(&self.encoded),
            encoded_ends: self.encoded_ends.clone(),
            spent: Arc::default(),
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if self.lines.len() >= WORTH_KEEPING {
            let spent = std::mem::take(&mut self.spent);
            spent.keep(self);
        }
    }
}

/// Batches that nobody needs any more, for their memory.
#[derive(Debug, Default)]
struct Spent(Mutex<Vec<Batch>>);

impl Spent {
    fn keep(&self, batch: &mut Batch) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MAX_SPENT {
            let mut batch = std::mem::take(batch);
            batch.clear();
            batch.encoded = Arc::default();
            kept.push(batch);
        }
    }

    fn take(&self) -> Batch {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.unwrap_or_default()
    }
}

/// Makes batches.
#[derive(Debug)]
pub(crate) struct BatchMaker {
    renderer: Renderer,
    messages: Option<MessageWriter>,
    batch: Batch,
    encoded: Vec<u8>,
    spent: Arc<Spent>,
}

impl BatchMaker {
    /// `encode`: also make gRPC messages.
    pub(crate) fn new(renderer: Renderer, encode: bool) -> Self {
        Self {
            renderer,
            messages: encode.then(MessageWriter::default),
            batch: Batch::default(),
            encoded: Vec::new(),
            spent: Arc::default(),
        }
    }

    /// Adds an alert.
    pub(crate) fn add(&mut self, alert: &Alert) {
        let start = self.batch.lines.len();
        self.renderer.line(&mut self.batch.lines, alert);
        if let Some(messages) = &mut self.messages {
            let line = &self.batch.lines[start..];
            messages.write(&mut self.encoded, &mut self.renderer, alert, line);
            self.batch.encoded_ends.push(self.encoded.len());
        }
        self.end_line(alert.priority);
    }

    /// Adds a drafted alert.
    pub(crate) fn add_draft(&mut self, stencil: &Stencil, draft: &Draft) {
        let start = self.batch.lines.len();
        self.renderer
            .draft_line(&mut self.batch.lines, stencil, draft);
        if let Some(messages) = &mut self.messages {
            let line = &self.batch.lines[start..];
            let renderer = &mut self.renderer;
            messages.write_draft(&mut self.encoded, renderer, stencil, draft, line);
            self.batch.encoded_ends.push(self.encoded.len());
        }
        self.end_line(stencil.subject().priority);
    }

    fn end_line(&mut self, priority: Priority) {
        self.batch.lines.push('\n');
        self.batch.line_ends.push(self.batch.lines.len());
        self.batch.priorities.push(priority);
    }

    /// What lines look like.
    pub(crate) fn renderer(&self) -> &Renderer {
        &self.renderer
    }

    /// Whether nothing was added since the last [`finish`](Self::finish).
    pub(crate) fn is_empty(&self) -> bool {
        self.batch.priorities.is_empty()
    }

    /// Whether it is time to [`finish`](Self::finish).
    pub(crate) fn is_full(&self) -> bool {
        self.batch.priorities.len() >= MAX_ALERTS || self.batch.lines.len() >= MAX_BYTES
    }

    /// What was added since the last time, if anything.
    pub(crate) fn finish(&mut self) -> Option<Slice> {
        let alerts = self.batch.priorities.len();
        if alerts == 0 {
            return None;
        }
        let mut batch = if self.batch.lines.len() >= WORTH_KEEPING {
            let mut next = self.spent.take();
            next.lines.reserve_exact(ROOM);
            let mut batch = std::mem::replace(&mut self.batch, next);
            // Queues are bounded by what alerts are long, so memory must not be much longer.
            if batch.lines.capacity() > batch.lines.len() / 4 * 5 {
                batch.lines.shrink_to_fit();
            }
            batch
        } else {
            // A batch may be kept long, and then a few alerts must not keep the room of a thousand.
            let small = self.batch.clone();
            self.batch.clear();
            small
        };
        // Messages are shared with the transport, which keeps what it likes for as long as it likes.
        batch.encoded = Arc::new(self.encoded.as_slice().into());
        self.encoded.clear();
        batch.spent = Arc::clone(&self.spent);
        Some(Slice {
            batch: Arc::new(batch),
            range: 0..alerts,
        })
    }
}

/// Some consecutive alerts of a batch. Cloning shares them.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    batch: Arc<Batch>,
    range: Range<usize>,
}

impl Slice {
    /// The lines, one after another, each with its newline.
    pub(crate) fn text(&self) -> &str {
        let ends = &self.batch.line_ends;
        &self.batch.lines[start(ends, self.range.start)..start(ends, self.range.end)]
    }

    /// The lines one by one, without newlines, with their priorities.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&str, Priority)> {
        self.range.clone().map(|index| {
            let line = start(&self.batch.line_ends, index)..self.batch.line_ends[index] - 1;
            (&self.batch.lines[line], self.batch.priorities[index])
        })
    }

    /// Takes the first alert off, as its line without newline.
    pub(crate) fn pop_line(&mut self) -> Option<&str> {
        let index = self.range.next()?;
        let line = start(&self.batch.line_ends, index)..self.batch.line_ends[index] - 1;
        Some(&self.batch.lines[line])
    }

    /// How many of the lines end within the first `bytes` of the text.
    pub(crate) fn lines_within(&self, bytes: usize) -> usize {
        let end = start(&self.batch.line_ends, self.range.start) + bytes;
        self.batch.line_ends[self.range.clone()].partition_point(|&line_end| line_end <= end)
    }

    /// Takes the first alert off, encoded.
    pub(crate) fn pop_encoded(&mut self) -> Option<EncodedAlert> {
        let index = self.range.next()?;
        let message =
            start(&self.batch.encoded_ends, index)..*self.batch.encoded_ends.get(index)?;
        Some(EncodedAlert::new(Arc::clone(&self.batch.encoded), message))
    }

    /// Takes the first alerts off, unseen.
    pub(crate) fn skip(&mut self, alerts: usize) {
        self.range.start = self.range.end.min(self.range.start + alerts);
    }
}

impl Load for Slice {
    fn alerts(&self) -> usize {
        self.range.len()
    }

    fn bytes(&self) -> usize {
        let encoded = start(&self.batch.encoded_ends, self.range.end)
            - start(&self.batch.encoded_ends, self.range.start);
        self.text().len() + encoded + self.range.len() * ALERT_BYTES
    }

    fn truncate(&mut self, alerts: usize) {
        self.range.end = self.range.end.min(self.range.start + alerts);
    }
}

/// Where the item at `index` starts.
fn start(ends: &[usize], index: usize) -> usize {
    index
        .checked_sub(1)
        .and_then(|before| ends.get(before))
        .copied()
        .unwrap_or(0)
}
