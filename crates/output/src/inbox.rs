//! A bounded queue that keeps the books of who reads it.
//!
//! Producers never wait: what does not fit is refused and counted. What was taken out but is not yet
//! settled still counts against the bounds, so memory stays bounded however slow the reader is.
//! Counting happens under the lock that guards the queue, hence the equation of
//! [`SinkCounters`](crate::SinkCounters) holds at any moment, also while a blocked reader is given up.
//!
//! A mutex, not a lock-free queue: it is held for some ten nanoseconds, readers take everything at
//! once, and a reader that is awake is not woken again.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// What can wait in an [`Inbox`].
pub(crate) trait Load {
    /// How many alerts this is.
    fn alerts(&self) -> usize;
    /// How much memory it takes.
    fn bytes(&self) -> usize;
    /// Keeps only the first `alerts` of them, at least one.
    fn truncate(&mut self, alerts: usize);
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// 0: any number.
    pub(crate) alerts: usize,
    pub(crate) bytes: usize,
}

/// A bounded queue with one reader.
#[derive(Debug)]
pub(crate) struct Inbox<T> {
    name: &'static str,
    limit: Limit,
    state: Mutex<State<T>>,
    /// The reader waits here for items, for `reopen` and for the end.
    ready: Condvar,
    /// Who stops the reader waits here until it has finished.
    finished: Condvar,
}

/// The books of an inbox.
#[derive(Clone, Default, Debug)]
pub(crate) struct Books {
    pub(crate) offered: u64,
    pub(crate) sent: u64,
    pub(crate) failed: u64,
    pub(crate) dropped: u64,
    pub(crate) discarded: u64,
    /// Waiting or being worked on.
    pub(crate) pending: usize,
    /// Since when the reader has been working on one item.
    pub(crate) busy_since: Option<Instant>,
    /// Why the last of `failed` failed.
    pub(crate) last_error: Option<String>,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    bytes: usize,
    books: Books,
    reader: Reader,
    reopen: bool,
    closed: bool,
    abandoned: bool,
    finished: bool,
}

/// What the reader is doing.
#[derive(Debug)]
enum Reader {
    Busy,
    /// Its thread sleeps.
    Waits,
    /// It is a task, to be woken by this.
    Polls(Waker),
}

/// What a reader is to do next.
#[derive(Debug)]
pub(crate) enum Next<T> {
    Item(T),
    Reopen,
    Closed,
}

impl<T: Load> Inbox<T> {
    pub(crate) fn new(name: &'static str, limit: Limit) -> Self {
        Self {
            name,
            limit,
            state: Mutex::new(State {
                items: VecDeque::new(),
                bytes: 0,
                books: Books::default(),
                reader: Reader::Busy,
                reopen: false,
                closed: false,
                abandoned: false,
                finished: false,
            }),
            ready: Condvar::new(),
            finished: Condvar::new(),
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Offers an item; `false` if some or all of its alerts did not fit.
    pub(crate) fn push(&self, mut item: T) -> bool {
        let alerts = item.alerts();
        let mut state = self.lock();
        state.books.offered += alerts as u64;
        let fits = if state.closed || state.bytes >= self.limit.bytes {
            0
        } else if self.limit.alerts == 0 {
            alerts
        } else {
            self.limit
                .alerts
                .saturating_sub(state.books.pending)
                .min(alerts)
        };
        state.books.dropped += (alerts - fits) as u64;
        if fits == 0 {
            return alerts == 0;
        }
        if fits < alerts {
            item.truncate(fits);
        }
        state.books.pending += fits;
        state.bytes += item.bytes();
        state.items.push_back(item);
        let reader = std::mem::replace(&mut state.reader, Reader::Busy);
        drop(state);
        match reader {
            Reader::Busy => {}
            Reader::Waits => self.ready.notify_one(),
            Reader::Polls(waker) => waker.wake(),
        }
        fits == alerts
    }

    /// Books alerts that reached the other side without having waited here.
    pub(crate) fn pass_by(&self, alerts: usize) {
        let mut state = self.lock();
        state.books.offered += alerts as u64;
        state.books.sent += alerts as u64;
    }

    /// Waits for the next item, for as long as it takes. [`Next::Closed`] comes once all is taken.
    pub(crate) fn next(&self) -> Next<T> {
        let mut state = self.lock();
        loop {
            if let Some(next) = state.next() {
                return next;
            }
            state.reader = Reader::Waits;
            state = self
                .ready
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// As [`next`](Self::next), for a reader that is a task.
    pub(crate) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Next<T>> {
        let mut state = self.lock();
        match state.next() {
            Some(next) => Poll::Ready(next),
            None => {
                state.reader = Reader::Polls(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Waits for items and takes all of them, leaving the empty `items` in their place; `false` once
    /// the inbox is closed and empty.
    pub(crate) fn take_all(&self, items: &mut VecDeque<T>) -> bool {
        let mut state = self.lock();
        while state.items.is_empty() {
            if state.closed {
                return false;
            }
            state.reader = Reader::Waits;
            state = self
                .ready
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut state.items, items);
        true
    }

    /// Lets time pass so that items gather; returns early when the inbox is closed.
    pub(crate) fn linger(&self, time: Duration) {
        let state = self.lock();
        drop(
            self.ready
                .wait_timeout_while(state, time, |state| !state.closed),
        );
    }

    /// Books alerts that were taken out and delivered; `false` if the reader was given up, and they
    /// are booked as discarded already.
    pub(crate) fn settle(&self, sent: usize) -> bool {
        let mut state = self.lock();
        if state.abandoned {
            return false;
        }
        state.books.sent += sent as u64;
        state.books.pending -= sent;
        true
    }

    /// Books alerts that were taken out and cannot be delivered, and why.
    pub(crate) fn fail(&self, failed: usize, error: String) {
        let mut state = self.lock();
        if state.abandoned {
            return;
        }
        state.books.failed += failed as u64;
        state.books.pending -= failed;
        state.books.last_error = Some(error);
    }

    /// Says that what was taken out no longer takes so much memory.
    pub(crate) fn release(&self, bytes: usize) {
        let mut state = self.lock();
        state.bytes -= bytes.min(state.bytes);
    }

    /// A copy of the books.
    pub(crate) fn books(&self) -> Books {
        self.lock().books.clone()
    }

    /// Asks the reader to open what it writes to again.
    pub(crate) fn reopen(&self) {
        let mut state = self.lock();
        state.reopen = true;
        self.wake(&mut state);
    }

    /// Takes no more.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.wake(&mut state);
    }

    /// Says that the reader has ended.
    pub(crate) fn finish(&self) {
        self.lock().finished = true;
        self.finished.notify_all();
    }

    /// Waits until the reader has ended; `false` when it has not by the deadline.
    pub(crate) fn wait_finished(&self, deadline: Instant) -> bool {
        let state = self.lock();
        let time = deadline.saturating_duration_since(Instant::now());
        let (state, _) = self
            .finished
            .wait_timeout_while(state, time, |state| !state.finished)
            .unwrap_or_else(PoisonError::into_inner);
        state.finished
    }

    /// Gives up on the reader: what waits and what is under way counts as discarded. Returns how
    /// much that is.
    pub(crate) fn abandon(&self) -> u64 {
        let mut state = self.lock();
        state.closed = true;
        state.abandoned = true;
        state.items.clear();
        let discarded = std::mem::take(&mut state.books.pending) as u64;
        state.books.discarded += discarded;
        self.wake(&mut state);
        discarded
    }

    /// Whether the reader was given up.
    pub(crate) fn is_abandoned(&self) -> bool {
        self.lock().abandoned
    }

    /// Wakes whoever waits for something other than items, too.
    fn wake(&self, state: &mut State<T>) {
        if let Reader::Polls(waker) = std::mem::replace(&mut state.reader, Reader::Busy) {
            waker.wake();
        }
        self.ready.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // A panic while the lock was held leaves at worst a count off by one batch.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// What there is for the reader, whose last item is done with.
    fn next(&mut self) -> Option<Next<T>> {
        self.books.busy_since = None;
        if std::mem::take(&mut self.reopen) {
            return Some(Next::Reopen);
        }
        if let Some(item) = self.items.pop_front() {
            self.books.busy_since = Some(Instant::now());
            return Some(Next::Item(item));
        }
        self.closed.then_some(Next::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// So many alerts of ten bytes.
    #[derive(Debug)]
    struct Tens(usize);

    impl Load for Tens {
        fn alerts(&self) -> usize {
            self.0
        }

        fn bytes(&self) -> usize {
            self.0 * 10
        }

        fn truncate(&mut self, alerts: usize) {
            self.0 = alerts;
        }
    }

    fn balance(books: &Books) -> u64 {
        books.sent + books.failed + books.dropped + books.discarded + books.pending as u64
    }

    #[test]
    fn takes_what_fits_and_counts_the_rest() {
        let inbox = Inbox::new(
            "test",
            Limit {
                alerts: 5,
                bytes: 1_000,
            },
        );
        assert!(inbox.push(Tens(3)));
        assert!(!inbox.push(Tens(3)));
        assert!(!inbox.push(Tens(1)));
        assert_eq!(inbox.books().dropped, 2);
        let Next::Item(Tens(3)) = inbox.next() else {
            panic!()
        };
        // Taken is not yet gone.
        assert!(!inbox.push(Tens(1)));
        inbox.settle(3);
        inbox.release(30);
        assert!(inbox.push(Tens(3)));
        let books = inbox.books();
        assert_eq!(
            (books.offered, books.dropped, books.sent, books.pending),
            (11, 3, 3, 5)
        );
    }

    #[test]
    fn bytes_bound_it_too() {
        let inbox = Inbox::new(
            "test",
            Limit {
                alerts: 0,
                bytes: 100,
            },
        );
        assert!(inbox.push(Tens(9)));
        assert!(inbox.push(Tens(9)), "the last may reach over");
        assert!(!inbox.push(Tens(1)));
        assert_eq!(inbox.books().dropped, 1);
    }

    #[test]
    fn what_a_blocked_reader_held_is_discarded_once() {
        let inbox = Inbox::new(
            "test",
            Limit {
                alerts: 0,
                bytes: 1_000,
            },
        );
        inbox.push(Tens(2));
        inbox.push(Tens(4));
        let Next::Item(_) = inbox.next() else {
            panic!()
        };
        assert!(inbox.settle(1));
        assert!(!inbox.wait_finished(Instant::now()));
        assert_eq!(inbox.abandon(), 5);
        assert!(!inbox.settle(1));
        let books = inbox.books();
        assert_eq!((books.sent, books.discarded, books.pending), (1, 5, 0));
        assert_eq!(books.offered, balance(&books));
    }

    #[test]
    fn close_ends_after_the_last_item_and_reopen_comes_first() {
        let inbox = Inbox::new(
            "test",
            Limit {
                alerts: 0,
                bytes: 1_000,
            },
        );
        inbox.push(Tens(1));
        inbox.close();
        inbox.reopen();
        assert!(matches!(inbox.next(), Next::Reopen));
        assert!(matches!(inbox.next(), Next::Item(Tens(1))));
        assert!(matches!(inbox.next(), Next::Closed));
        assert!(!inbox.push(Tens(1)));
    }

    proptest! {
        /// Whatever happens in whatever order, every alert is in exactly one column.
        #[test]
        fn books_always_balance(
            limit in 0usize..20,
            steps in proptest::collection::vec((0u8..4, 1usize..9), 0..200),
        ) {
            let inbox = Inbox::new("test", Limit { alerts: limit, bytes: 500 });
            let mut held = VecDeque::new();
            for (step, number) in steps {
                match step {
                    0 | 1 => { inbox.push(Tens(number)); }
                    2 if inbox.books().pending > held.iter().sum::<usize>() => {
                        let Next::Item(Tens(alerts)) = inbox.next() else { panic!() };
                        held.push_back(alerts);
                    }
                    _ => if let Some(alerts) = held.pop_front() {
                        let sent = alerts.min(number);
                        inbox.settle(sent);
                        inbox.fail(alerts - sent, "why".into());
                        inbox.release(alerts * 10);
                    }
                }
                let books = inbox.books();
                prop_assert_eq!(books.offered, balance(&books));
                prop_assert!(limit == 0 || books.pending <= limit);
            }
            inbox.abandon();
            let books = inbox.books();
            prop_assert_eq!(books.pending, 0);
            prop_assert_eq!(books.offered, balance(&books));
        }
    }
}
