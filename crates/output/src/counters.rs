//! Where every alert went.
//!
//! Two equations hold at any moment, and tests hold us to them:
//!
//! * queue: `offered = dropped + discarded + pending + routed`
//! * each sink: `offered = sent + failed + dropped + discarded + pending`
//!
//! and once all is quiet, what is routed is what each sink was offered.

/// Where every alert went.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct OutputsCounters {
    /// Alerts that the rate limit held back before they were made.
    pub rate_limited: u64,
    /// The queue between the event threads and the sinks.
    pub queue: QueueCounters,
    /// Each enabled sink but gRPC.
    pub sinks: Vec<SinkCounters>,
    /// The gRPC sink, if enabled.
    pub grpc: Option<GrpcCounters>,
}

impl OutputsCounters {
    /// Alerts lost because a queue was full, the common one or a sink's: what Falco calls
    /// `outputs_queue_num_drops`.
    pub fn queue_drops(&self) -> u64 {
        self.queue.dropped + self.sinks.iter().map(|sink| sink.dropped).sum::<u64>()
    }
}

/// The queue between the event threads and the sinks.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct QueueCounters {
    /// Alerts given to [`send`](crate::Outputs::send), or to an [`AlertWriter`](crate::AlertWriter),
    /// whose alerts count as routed at once.
    pub offered: u64,
    /// Alerts handed on to the sinks.
    pub routed: u64,
    /// Alerts lost because the queue was full.
    pub dropped: u64,
    /// Alerts still waiting when time was up at the end.
    pub discarded: u64,
    /// Alerts waiting now.
    pub pending: u64,
}

/// One sink.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SinkCounters {
    /// `stdout`, `file`, `syslog`, `program` or `http`.
    pub name: &'static str,
    /// Alerts that came to it.
    pub offered: u64,
    /// Alerts delivered.
    pub sent: u64,
    /// Alerts that could not be delivered.
    pub failed: u64,
    /// Alerts lost because its queue was full.
    pub dropped: u64,
    /// Alerts still waiting when time was up at the end.
    pub discarded: u64,
    /// Alerts waiting or under way now.
    pub pending: u64,
}

/// The gRPC sink. Each alert counts once for each subscriber it is meant for:
/// `fanned_out = delivered + lost + pending`. Alerts for which there was none are kept:
/// `kept = taken + forgotten + backlog`.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct GrpcCounters {
    /// Alerts that came to the sink.
    pub offered: u64,
    /// Alerts times the subscribers there were.
    pub fanned_out: u64,
    /// Of those, handed to the transport.
    pub delivered: u64,
    /// Of those, lost because a subscriber was too slow, or left before it got them.
    pub lost: u64,
    /// Of those, waiting.
    pub pending: u64,
    /// Alerts put into the backlog because nobody was subscribed.
    pub kept: u64,
    /// Of those, taken by `get` or by the first subscriber.
    pub taken: u64,
    /// Of those, pushed out by later ones, or still there when the sink stopped.
    pub forgotten: u64,
    /// Of those, waiting.
    pub backlog: u64,
    /// The subscribers of this moment.
    pub subscribers: Vec<SubscriberCounters>,
}

/// One subscriber.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SubscriberCounters {
    /// Address, or process and user, of the client.
    pub peer: String,
    /// Alerts meant for it.
    pub offered: u64,
    /// Alerts handed to the transport.
    pub delivered: u64,
    /// Alerts lost because it was too slow.
    pub lost: u64,
    /// Alerts waiting.
    pub pending: u64,
}
