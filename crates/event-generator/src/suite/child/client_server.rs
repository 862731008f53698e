//! A server, and a client that talks to it.

use std::os::fd::{AsRawFd, OwnedFd};

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect, listen,
    socket_with, sockopt,
};
use suite::Protocol;

use super::Failure;

/// Both ends. They are closed with it.
pub(super) struct ClientServer {
    client: OwnedFd,
    /// What the server has of the connection; the socket itself when there is none.
    server: OwnedFd,
    /// The socket that listens, and the path that it made.
    _listener: Option<OwnedFd>,
    path: Option<String>,
}

impl ClientServer {
    /// Makes them; with a stream, connects them.
    pub(super) fn new(protocol: Protocol, address: Option<&str>) -> Result<Self, Failure> {
        let (family, kind) = match protocol {
            Protocol::Udp4 => (AddressFamily::INET, SocketType::DGRAM),
            Protocol::Udp6 => (AddressFamily::INET6, SocketType::DGRAM),
            Protocol::Tcp4 => (AddressFamily::INET, SocketType::STREAM),
            Protocol::Tcp6 => (AddressFamily::INET6, SocketType::STREAM),
            Protocol::Unix => (AddressFamily::UNIX, SocketType::STREAM),
        };
        let socket =
            || socket_with(family, kind, SocketFlags::empty(), None).map_err(Failure::at("socket"));
        let (server, client) = (socket()?, socket()?);
        let mut path = None;
        let connected = match (protocol, address) {
            (Protocol::Unix, given) => {
                let place = match given.and_then(|address| address.strip_prefix("unix://")) {
                    Some(place) => place.to_owned(),
                    None => {
                        let name = format!("event-generator-{}.sock", super::program::random()?);
                        std::env::temp_dir()
                            .join(name)
                            .to_string_lossy()
                            .into_owned()
                    }
                };
                let at = format!("unix://{place}");
                let address = SocketAddrUnix::new(place.as_str()).map_err(Failure::at(&at))?;
                bind(&server, &address).map_err(Failure::at(format!("bind {at}")))?;
                path = Some(place);
                listen(&server, 1).map_err(Failure::at(format!("listen {at}")))?;
                connect(&client, &address).map_err(Failure::at(format!("connect {at}")))?;
                true
            }
            (_, None) => return Err(Failure::new("clientServer", "it has no address")),
            (_, Some(text)) => {
                let address: std::net::SocketAddr = text.parse().map_err(Failure::at(text))?;
                sockopt::set_socket_reuseaddr(&server, true)
                    .map_err(Failure::at("reuse address"))?;
                bind(&server, &address).map_err(Failure::at(format!("bind {text}")))?;
                if kind == SocketType::STREAM {
                    listen(&server, 8).map_err(Failure::at(format!("listen {text}")))?;
                    connect(&client, &address).map_err(Failure::at(format!("connect {text}")))?;
                }
                kind == SocketType::STREAM
            }
        };
        if !connected {
            return Ok(Self {
                client,
                server,
                _listener: None,
                path,
            });
        }
        let accepted = accept_with(&server, SocketFlags::empty()).map_err(Failure::at("accept"))?;
        Ok(Self {
            client,
            server: accepted,
            _listener: Some(server),
            path,
        })
    }

    /// The descriptors of client and server.
    pub(super) fn descriptors(&self) -> (i32, i32) {
        (self.client.as_raw_fd(), self.server.as_raw_fd())
    }
}

impl Drop for ClientServer {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}
