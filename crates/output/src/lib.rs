//! The alert queue and its sinks.
//!
//! ```text
//! event threads ─ AlertWriter ─────────────┐
//! anybody       ─ send ─► queue ─► router ─┼─► inbox ─► thread ─► stdout
//!                                          ├─► inbox ─► thread ─► file, syslog, program
//!                                          ├─► inbox ─► thread ─► HTTP requests
//!                                          └─► hub ─┬─► buffer ─► gRPC subscriber
//!                                                   └─► buffer ─► gRPC subscriber
//! ```
//!
//! The alerts of rules are rendered by the thread that reads events, in an [`AlertWriter`], and handed
//! on in batches: rendering one is less work than passing it to somebody who does. What others say
//! goes through the queue.
//!
//! An alert must never make the engine wait, or a flood of alerts becomes a loss of events. So
//! [`Outputs::send`] only puts it into a queue, and each sink has a queue and a thread of its own: one
//! that is slow or stuck loses its own alerts and holds up nobody.
//!
//! All queues are bounded, by bytes where the configuration gives no number, since the alternative to
//! losing an alert is to be killed for want of memory and to lose all. What does not fit is refused
//! (the new alert, not an old one), and counted where it happens. [`OutputsCounters`] accounts for
//! every alert ever offered.
//!
//! Lines are rendered once for all sinks, messages encoded once for all subscribers, and both travel
//! in batches of whatever has gathered. A batch is one alert when there is little to do, and a
//! thousand when there is much, so one mechanism serves latency and throughput.
//!
//! Async is confined to gRPC, on a runtime that exists only if it is enabled, and to HTTP, on the one
//! thread of its sink. HTTP is hyper's connections without a layer above them: they come with gRPC
//! anyway, a POST needs no more, and a pool would hand each request from thread to thread. Proxies
//! are not supported.

mod batch;
mod config;
mod counters;
mod error;
mod grpc;
mod inbox;
mod monitor;
mod outputs;
mod router;
mod sink;
mod writer;

pub use config::{
    FileConfig, GrpcBind, GrpcConfig, HttpConfig, OutputsConfig, ProgramConfig, RateLimit,
    SyslogConfig, VersionInfo,
};
pub use counters::{
    GrpcCounters, OutputsCounters, QueueCounters, SinkCounters, SubscriberCounters,
};
pub use error::StartError;
pub use outputs::{BUFFERED_DELAY, Outputs};
pub use writer::AlertWriter;
