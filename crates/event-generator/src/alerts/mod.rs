//! Hearing what an engine says.
//!
//! Two ways: over gRPC we call the engine and it streams alerts; over HTTP the engine posts them to
//! us. [`listen`] picks the way the flags ask for: gRPC if one of its flags is given, HTTP if one of
//! its flags is given, and without any, gRPC if the default socket exists, else HTTP.
//!
//! Either way runs on a thread of its own, which calls a [`Hearer`]. Nothing else is shared with the
//! threads that do actions, so an alert that arrives never delays one.

mod alert;
mod ear;
mod grpc;
mod http;
mod json;
mod tally;
mod tls;
pub mod whole;
mod wire;

pub use alert::{Alert, Process};
pub use ear::Ear;
pub use tally::Tally;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cli::AlertFlags;
use crate::log::Log;

/// Where engines open their gRPC server.
const DEFAULT_SOCKET: &str = "/run/falco/falco.sock";

/// Takes what arrives, in the form it arrived in, on the thread that receives it.
trait Take: Send + Sync + 'static {
    /// JSON, as engines write it; the reason if it is no alert.
    fn json(&self, text: &[u8]) -> Result<(), String>;
    /// A message of the outputs API; the reason if it is no alert.
    fn message(&self, bytes: &[u8]) -> Result<(), String>;
}

/// Reads only so much of each alert as a [`Hearer`] wants to know.
struct Heads(Arc<dyn Hearer>);

impl Take for Heads {
    fn json(&self, text: &[u8]) -> Result<(), String> {
        let head: json::Head<'_> =
            serde_json::from_slice(text).map_err(|error| error.to_string())?;
        self.0.alert(&head.alert());
        Ok(())
    }

    fn message(&self, bytes: &[u8]) -> Result<(), String> {
        self.0.alert(&wire::alert(bytes)?);
        Ok(())
    }
}

/// Is told of every alert, on the thread that receives them: it must not block.
pub trait Hearer: Send + Sync + 'static {
    /// An alert has arrived.
    fn alert(&self, alert: &Alert<'_>);
}

/// Why alerts cannot be heard.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// Flags of both ways.
    #[error("alerts come over gRPC or over HTTP: give flags of one of them")]
    BothWays,
    /// Flags of what the engine writes and of what it is asked for.
    #[error("give either flags for following what the engine writes, or those of gRPC or HTTP")]
    FollowAndAsk,
    /// What the engine writes cannot be read.
    #[error("cannot follow {from}: {reason}")]
    Follow {
        /// File or command.
        from: String,
        /// What the system said.
        reason: String,
    },
    /// Nobody listens at the socket or port.
    #[error(
        "cannot reach an engine at {address}: {reason}; is it running, with grpc.enabled and \
         grpc_output.enabled in its configuration?"
    )]
    Unreachable {
        /// Socket, or host and port.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// Our own port cannot be opened.
    #[error(
        "cannot take alerts on {address}: {reason}; choose another with --http-server-address, and \
         point the engine's http_output.url there"
    )]
    Listen {
        /// Host and port.
        address: String,
        /// What the system said.
        reason: String,
    },
    /// A certificate or key.
    #[error("{path}: {reason}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The thread that listens.
    #[error("cannot start listening: {0}")]
    Start(std::io::Error),
}

impl Error {
    /// Nobody answers at `address`.
    fn unreachable(address: &str, error: &dyn std::error::Error) -> Self {
        Self::Unreachable {
            address: address.to_owned(),
            reason: crate::error::reasons(error),
        }
    }
}

/// A way for alerts to come.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Way {
    /// gRPC over a socket, in the clear.
    Socket(PathBuf),
    /// gRPC over TCP, both sides with certificates.
    Port { host: String, port: u16 },
    /// Posts to us.
    Http,
}

/// Starts to listen; alerts come until the [`Ear`] is dropped.
///
/// # Errors
/// When no alert can ever come: the engine's gRPC server cannot be reached or our HTTP port cannot be
/// opened. That an engine which is to post to us exists cannot be seen from here.
pub fn listen(
    flags: &AlertFlags,
    polling_interval: Duration,
    hearer: Arc<dyn Hearer>,
    log: &Log,
) -> Result<Ear, Error> {
    let ear = receive(flags, polling_interval, Arc::new(Heads(hearer)))?;
    log.debug("listening for alerts", &[("address", ear.address().into())]);
    Ok(ear)
}

/// Receives in the way the flags ask for.
fn receive(
    flags: &AlertFlags,
    polling_interval: Duration,
    take: Arc<dyn Take>,
) -> Result<Ear, Error> {
    match choose(flags, Path::new(DEFAULT_SOCKET).exists())? {
        Way::Socket(path) => grpc::over_socket(&path, polling_interval, take),
        Way::Port { host, port } => {
            let tls = tls::for_client(flags)?;
            grpc::over_tcp(&host, port, tls, polling_interval, take)
        }
        Way::Http => {
            let tls = tls::for_server(flags)?;
            http::serve(&flags.http_server_address, tls, take)
        }
    }
}

fn choose(flags: &AlertFlags, default_socket_exists: bool) -> Result<Way, Error> {
    let given = flags.given;
    if given.grpc && given.http {
        return Err(Error::BothWays);
    }
    if given.http || !given.grpc && !default_socket_exists {
        return Ok(Way::Http);
    }
    let port = || Way::Port {
        host: flags.grpc_hostname.clone(),
        port: flags.grpc_port,
    };
    Ok(match flags.grpc_unix_socket.as_deref() {
        // As in the original, a socket goes before host and port unless it is empty. A host or port
        // that differs from its default says that no socket is meant.
        Some("") => port(),
        Some(socket) => Way::Socket(socket_path(socket)),
        None if flags.grpc_hostname != "localhost" || flags.grpc_port != 5060 => port(),
        None => Way::Socket(DEFAULT_SOCKET.into()),
    })
}

/// `unix:///run/x.sock`, `unix:/run/x.sock` or a plain path.
fn socket_path(socket: &str) -> PathBuf {
    let path = socket.strip_prefix("unix:").unwrap_or(socket);
    path.strip_prefix("//").unwrap_or(path).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Given, SecurityMode};

    fn flags() -> AlertFlags {
        AlertFlags {
            http_server_address: "localhost:8080".to_owned(),
            http_server_security_mode: SecurityMode::Insecure,
            http_server_cert: PathBuf::new(),
            http_server_key: PathBuf::new(),
            http_client_ca: PathBuf::new(),
            grpc_unix_socket: None,
            grpc_hostname: "localhost".to_owned(),
            grpc_port: 5060,
            grpc_cert: PathBuf::new(),
            grpc_key: PathBuf::new(),
            grpc_ca: PathBuf::new(),
            given: Given::default(),
        }
    }

    #[test]
    fn the_flags_choose_the_way() {
        let default = || Way::Socket(DEFAULT_SOCKET.into());
        assert_eq!(choose(&flags(), true).unwrap(), default());
        assert_eq!(choose(&flags(), false).unwrap(), Way::Http);

        let http = AlertFlags {
            given: Given {
                http: true,
                grpc: false,
            },
            ..flags()
        };
        assert_eq!(choose(&http, true).unwrap(), Way::Http);

        let grpc = AlertFlags {
            given: Given {
                http: false,
                grpc: true,
            },
            ..flags()
        };
        assert_eq!(choose(&grpc, false).unwrap(), default());
        let socket = AlertFlags {
            grpc_unix_socket: Some("unix:///x/y".to_owned()),
            ..grpc.clone()
        };
        assert_eq!(choose(&socket, false).unwrap(), Way::Socket("/x/y".into()));
        let port = AlertFlags {
            grpc_unix_socket: Some(String::new()),
            ..grpc.clone()
        };
        let expected = Way::Port {
            host: "localhost".to_owned(),
            port: 5060,
        };
        assert_eq!(choose(&port, true).unwrap(), expected);
        let host = AlertFlags {
            grpc_hostname: "engine".to_owned(),
            ..grpc
        };
        let expected = Way::Port {
            host: "engine".to_owned(),
            port: 5060,
        };
        assert_eq!(choose(&host, true).unwrap(), expected);

        let both = AlertFlags {
            given: Given {
                http: true,
                grpc: true,
            },
            ..flags()
        };
        assert!(matches!(choose(&both, true), Err(Error::BothWays)));
    }

    #[test]
    fn sockets_are_written_in_three_ways() {
        for socket in ["unix:///run/x.sock", "unix:/run/x.sock", "/run/x.sock"] {
            assert_eq!(socket_path(socket), Path::new("/run/x.sock"));
        }
    }
}
