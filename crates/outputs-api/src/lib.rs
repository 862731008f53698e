//! The gRPC services that alerts are streamed over: messages, clients and servers, generated from
//! the files in `proto/` when the crate is built.
//!
//! The protocol is the one Falco offered up to 0.43: packages `falco.outputs` (`sub`, a stream that
//! lasts, and `get`, what has piled up) and `falco.version`. Names and field numbers are the
//! contract; clients built for Falco connect unchanged.
//!
//! An alert goes to every subscriber, and at a high rate the cost of one alert is the cost of
//! encoding it. So a server does not send [`outputs::Response`] but [`EncodedAlert`]: the same
//! bytes, made once, shared by all.
//!
//! Build only what is used: feature `client` for the clients, `server` for the servers.

mod encoded;
mod generated;

pub use encoded::EncodedAlert;
pub use prost_types::Timestamp;

/// Metadata key of a `sub` call. With the value [`BACKLOG_SKIP`] the stream starts with the first
/// alert raised after the call, and the backlog stays for others.
pub const BACKLOG_HEADER: &str = "peregrine-backlog";
/// See [`BACKLOG_HEADER`].
pub const BACKLOG_SKIP: &str = "skip";

/// Enumerations of the messages.
pub mod schema {
    pub use crate::generated::schema::{Priority, Source};
}

/// The alert stream: messages, client, server.
pub mod outputs {
    #[cfg(feature = "client")]
    pub use crate::generated::outputs::service_client::ServiceClient;
    pub use crate::generated::outputs::{Request, Response};
    #[cfg(feature = "server")]
    pub use crate::generated::server::outputs::service_server::{Service, ServiceServer};
}

/// Which engine answers: messages, client, server.
pub mod version {
    #[cfg(feature = "server")]
    pub use crate::generated::server::version::service_server::{Service, ServiceServer};
    #[cfg(feature = "client")]
    pub use crate::generated::version::service_client::ServiceClient;
    pub use crate::generated::version::{Request, Response};
}
