//! Enter events that wait for their exit.
//!
//! A program can change the memory that a path or an address was read from while the call is on
//! its way. What the kernel copied is what the enter event shows; the exit event shows what is
//! there afterwards. So where both exist, the enter event is believed.

use event::{EventType, EventView};

use crate::State;

/// The longest enter event that is kept, bytes.
const MAX_LEN: usize = 4096;

/// A kept record; its buffer is used again for the next one of the same thread.
#[derive(Debug)]
pub(crate) struct Entered {
    record: Vec<u8>,
    waiting: bool,
}

impl Entered {
    /// Whether its exit is still to come.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting
    }
}

impl State {
    /// The enter event of a thread that waits for its exit, as a record.
    pub fn waiting_enter(&self, tid: i64) -> Option<&[u8]> {
        let entered = self.entered.get(&tid)?;
        entered.waiting.then_some(entered.record.as_slice())
    }

    /// All enter events that wait for their exits, as records, in no order.
    pub fn waiting_enters(&self) -> impl Iterator<Item = &[u8]> {
        self.entered
            .values()
            .filter(|entered| entered.waiting)
            .map(|entered| entered.record.as_slice())
    }

    /// Keeps an enter event until its exit comes.
    pub(crate) fn keep_entered(&mut self, event: &EventView<'_>) {
        let record = event.record();
        if record.len() > MAX_LEN || !self.threads.contains(event.tid()) {
            self.counters.n_store_evts_drops += 1;
            return;
        }
        if self.entered.len() >= self.limits.enter_events
            && !self.entered.contains_key(&event.tid())
        {
            // The buffers of those that do not wait are only kept to be used again.
            self.entered.retain(|_, entered| entered.waiting);
            if self.entered.len() >= self.limits.enter_events {
                self.counters.n_store_evts_drops += 1;
                return;
            }
        }
        let entered = self.entered.entry(event.tid()).or_insert_with(|| Entered {
            record: Vec::new(),
            waiting: false,
        });
        entered.record.clear();
        entered.record.extend_from_slice(record);
        entered.waiting = true;
        self.counters.n_stored_evts += 1;
    }

    /// Hands the kept enter event of a thread to `read`, if it is of this type. It is kept for one
    /// exit only.
    pub(crate) fn with_entered<R>(
        &mut self,
        tid: i64,
        event_type: EventType,
        read: impl FnOnce(&EventView<'_>) -> Option<R>,
    ) -> Option<R> {
        let entered = self
            .entered
            .get_mut(&tid)
            .filter(|entered| entered.waiting)?;
        entered.waiting = false;
        let view = EventView::parse(&entered.record).ok()?;
        if view.event_type() != event_type {
            self.counters.n_retrieve_evts_drops += 1;
            return None;
        }
        self.counters.n_retrieved_evts += 1;
        read(&view)
    }
}
