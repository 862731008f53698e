//! What the tracer counts.

/// Counters since the command was started. Nothing waits in a queue, so nothing is lost for want of
/// room: a traced thread stands still until its event has been taken.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counters {
    /// Events, lost ones included.
    pub events: u64,
    /// Lost because a parameter was longer than a record can say, or because a call carried more
    /// messages than are looked at.
    pub too_big: u64,
    /// Times that a thread stopped for its system call: twice for one that ends.
    pub call_stops: u64,
    /// Stops for calls that turned out to be wanted by nobody: what `socketcall` of 32-bit programs
    /// stands for is known only then, and new threads are always looked at.
    pub unwanted_stops: u64,
    /// All stops and ends of threads that were told to the tracer.
    pub changes: u64,
}
