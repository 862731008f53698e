//! Who gets which alert over gRPC.
//!
//! Every subscriber gets every alert that is raised while it is subscribed, each through its own
//! bounded buffer, so a slow one loses its own alerts and nobody else's. Alerts that are raised while
//! nobody is subscribed are kept, the latest few thousand; the first to subscribe or to `get` takes
//! them. (In Falco all clients share one queue, and each alert goes to one of them. With one client
//! there is no difference: it also finds what was raised before it connected.)

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use tracing::info;

use crate::batch::Slice;
use crate::counters::{GrpcCounters, SubscriberCounters};
use crate::inbox::{Limit, Load};

/// Distributes alerts to subscribers.
#[derive(Debug)]
pub(crate) struct Hub {
    limit: Limit,
    backlog_limit: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    subscribers: Vec<Arc<Subscriber>>,
    backlog: VecDeque<Slice>,
    closed: bool,
    /// Without what belongs to present subscribers.
    counters: GrpcCounters,
}

/// One subscriber's buffer.
#[derive(Debug)]
pub(crate) struct Subscriber {
    peer: String,
    state: Mutex<Buffer>,
}

#[derive(Debug, Default)]
struct Buffer {
    slices: VecDeque<Slice>,
    alerts: usize,
    bytes: usize,
    waker: Option<Waker>,
    closed: bool,
    offered: u64,
    delivered: u64,
    lost: u64,
}

impl Hub {
    /// `limit` is for each subscriber.
    pub(crate) fn new(limit: Limit, backlog_limit: usize) -> Self {
        Self {
            limit,
            backlog_limit,
            state: Mutex::default(),
        }
    }

    /// Hands alerts to all subscribers, or keeps them. Never waits.
    pub(crate) fn publish(&self, slice: Slice) {
        let mut state = self.lock();
        state.counters.offered += slice.alerts() as u64;
        if state.subscribers.is_empty() {
            state.keep(slice, self.backlog_limit);
            return;
        }
        for subscriber in &state.subscribers {
            subscriber.push(slice.clone(), self.limit);
        }
    }

    /// Adds a subscriber. With `take_backlog` it starts with the alerts that nobody has got.
    pub(crate) fn subscribe(&self, peer: String, take_backlog: bool) -> Arc<Subscriber> {
        let subscriber = Arc::new(Subscriber {
            peer,
            state: Mutex::default(),
        });
        let mut state = self.lock();
        if take_backlog {
            for slice in state.take_backlog() {
                subscriber.push(slice, self.limit);
            }
        }
        subscriber.lock().closed = state.closed;
        state.subscribers.push(Arc::clone(&subscriber));
        info!(
            peer = subscriber.peer,
            subscribers = state.subscribers.len(),
            "grpc: subscribed"
        );
        subscriber
    }

    /// Removes a subscriber. What it has not taken is lost; so is `unread`, which it took and did not
    /// hand on.
    pub(crate) fn unsubscribe(&self, subscriber: &Arc<Subscriber>, unread: usize) {
        let mut state = self.lock();
        state
            .subscribers
            .retain(|other| !Arc::ptr_eq(other, subscriber));
        let mut buffer = subscriber.lock();
        buffer.delivered -= unread as u64;
        buffer.lost += unread as u64;
        buffer.give_up();
        state.counters.fanned_out += buffer.offered;
        state.counters.delivered += buffer.delivered;
        state.counters.lost += buffer.lost;
        info!(
            peer = subscriber.peer,
            delivered = buffer.delivered,
            lost = buffer.lost,
            "grpc: subscriber left"
        );
    }

    /// Whether nobody is subscribed.
    pub(crate) fn is_deserted(&self) -> bool {
        self.lock().subscribers.is_empty()
    }

    /// Takes what nobody has got.
    pub(crate) fn take_backlog(&self) -> VecDeque<Slice> {
        self.lock().take_backlog()
    }

    /// Lets streams end once their buffers are empty.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.forget_backlog();
        for subscriber in &state.subscribers {
            let mut buffer = subscriber.lock();
            buffer.closed = true;
            buffer.wake();
        }
    }

    /// Ends streams at once; what is in their buffers is lost.
    pub(crate) fn abandon(&self) {
        let state = self.lock();
        for subscriber in &state.subscribers {
            let mut buffer = subscriber.lock();
            buffer.give_up();
            buffer.wake();
        }
    }

    /// Where every alert went.
    pub(crate) fn counters(&self) -> GrpcCounters {
        let state = self.lock();
        let mut counters = state.counters.clone();
        for subscriber in &state.subscribers {
            let buffer = subscriber.lock();
            counters.fanned_out += buffer.offered;
            counters.delivered += buffer.delivered;
            counters.lost += buffer.lost;
            counters.pending += buffer.alerts as u64;
            counters.subscribers.push(SubscriberCounters {
                peer: subscriber.peer.clone(),
                offered: buffer.offered,
                delivered: buffer.delivered,
                lost: buffer.lost,
                pending: buffer.alerts as u64,
            });
        }
        counters
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, slice: Slice, limit: usize) {
        self.counters.kept += slice.alerts() as u64;
        self.counters.backlog += slice.alerts() as u64;
        self.backlog.push_back(slice);
        let mut excess = (self.counters.backlog as usize).saturating_sub(limit);
        self.counters.backlog -= excess as u64;
        self.counters.forgotten += excess as u64;
        while excess > 0 {
            let oldest = self
                .backlog
                .front_mut()
                .expect("the backlog is over its limit");
            let alerts = oldest.alerts();
            if alerts > excess {
                oldest.skip(excess);
                return;
            }
            excess -= alerts;
            self.backlog.pop_front();
        }
    }

    fn take_backlog(&mut self) -> VecDeque<Slice> {
        self.counters.taken += std::mem::take(&mut self.counters.backlog);
        std::mem::take(&mut self.backlog)
    }

    fn forget_backlog(&mut self) {
        self.counters.forgotten += std::mem::take(&mut self.counters.backlog);
        self.backlog.clear();
    }
}

/// What a subscriber finds in its buffer.
#[derive(Debug)]
pub(crate) enum Taken {
    Slice(Slice),
    Nothing,
    End,
}

impl Subscriber {
    /// Takes the next alerts, which count as delivered. If there are none yet, `waker` is woken when
    /// there are.
    pub(crate) fn take(&self, waker: &Waker) -> Taken {
        let mut buffer = self.lock();
        if let Some(slice) = buffer.slices.pop_front() {
            buffer.alerts -= slice.alerts();
            buffer.bytes -= slice.bytes();
            buffer.delivered += slice.alerts() as u64;
            return Taken::Slice(slice);
        }
        if buffer.closed {
            return Taken::End;
        }
        match &mut buffer.waker {
            Some(present) => present.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        Taken::Nothing
    }

    fn push(&self, mut slice: Slice, limit: Limit) {
        let mut buffer = self.lock();
        let alerts = slice.alerts();
        buffer.offered += alerts as u64;
        let fits = if buffer.closed || buffer.bytes >= limit.bytes {
            0
        } else {
            limit.alerts.saturating_sub(buffer.alerts).min(alerts)
        };
        buffer.lost += (alerts - fits) as u64;
        if fits == 0 {
            return;
        }
        slice.truncate(fits);
        buffer.alerts += fits;
        buffer.bytes += slice.bytes();
        buffer.slices.push_back(slice);
        buffer.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Buffer {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn give_up(&mut self) {
        self.closed = true;
        self.slices.clear();
        self.lost += std::mem::take(&mut self.alerts) as u64;
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use alert::{Alert, Format, Priority, Renderer};
    use proptest::prelude::*;

    use super::*;
    use crate::batch::BatchMaker;

    fn slice(alerts: usize) -> Slice {
        let alert = Alert::internal(1, "r", Priority::Debug, "m", Vec::new(), "h".into());
        let mut maker = BatchMaker::new(Renderer::new(Format::default()), true);
        for _ in 0..alerts {
            maker.add(&alert);
        }
        maker.finish().expect("at least one")
    }

    proptest! {
        /// Whoever comes and goes when, every alert is in exactly one column for each it was meant for.
        #[test]
        fn everything_is_accounted_for(
            limit in 1usize..20,
            backlog in 0usize..20,
            steps in proptest::collection::vec((0u8..7, 1usize..9), 0..150),
        ) {
            let hub = Hub::new(Limit { alerts: limit, bytes: 10_000 }, backlog);
            let mut present: Vec<(Arc<Subscriber>, usize)> = Vec::new();
            let mut got = 0;
            for (step, number) in steps {
                match step {
                    0..=2 => hub.publish(slice(number)),
                    3 => present.push((hub.subscribe(String::new(), number % 2 == 0), 0)),
                    4 => {
                        hub.take_backlog();
                    }
                    5 => {
                        let taken = present.last().map(|(one, _)| one.take(Waker::noop()));
                        if let Some(Taken::Slice(taken)) = taken {
                            prop_assert!(taken.alerts() <= limit);
                            got += taken.alerts() as u64;
                        }
                    }
                    _ => if let Some((subscriber, unread)) = present.pop() {
                        hub.unsubscribe(&subscriber, unread);
                    }
                }
                let now = hub.counters();
                prop_assert_eq!(now.delivered, got);
                prop_assert_eq!(now.fanned_out, now.delivered + now.lost + now.pending);
                prop_assert_eq!(now.kept, now.taken + now.forgotten + now.backlog);
                prop_assert!(now.backlog <= backlog as u64);
            }
            hub.close();
            hub.abandon();
            let end = hub.counters();
            prop_assert_eq!((end.pending, end.backlog), (0, 0));
            prop_assert_eq!(end.fanned_out, end.delivered + end.lost);
        }
    }
}
