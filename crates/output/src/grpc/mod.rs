//! The gRPC server: alerts as a stream, to any number of clients.
//!
//! The router hands each batch to the [`Hub`], which never waits; a small runtime moves alerts from
//! there to the connections. Messages are encoded once, however many subscribers there are.

mod hub;
mod listen;
mod message;
mod service;

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use outputs_api::{outputs, version};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tracing::error;

use self::listen::Listener;
use self::service::{OutputsService, VersionService};
use crate::config::GrpcConfig;
use crate::error::StartError;
use crate::inbox::Limit;

pub(crate) use self::hub::Hub;
pub(crate) use self::listen::SocketFile;
pub(crate) use self::message::MessageWriter;

/// How long clients have to read what is in their connections once their streams have ended.
const FAREWELL: Duration = Duration::from_millis(250);

/// How often it is looked whether all streams have ended.
const GLANCE: Duration = Duration::from_millis(5);

/// How often an idle connection is asked whether it still lives, and how long it may think.
const KEEP_ALIVE: Duration = Duration::from_secs(20);

/// The running server.
#[derive(Debug)]
pub(crate) struct GrpcServer {
    pub(crate) hub: Arc<Hub>,
    shutdown: Mutex<Option<oneshot::Sender<()>>>,
    ended: Mutex<Receiver<()>>,
    _socket: Option<SocketFile>,
}

/// A server that listens but does not serve yet, so that a start that fails elsewhere leaves nothing.
#[derive(Debug)]
pub(crate) struct BoundServer {
    listener: Listener,
    router: Router,
    hub: Arc<Hub>,
}

impl BoundServer {
    /// Reads certificates and listens.
    pub(crate) fn bind(config: &GrpcConfig) -> Result<Self, StartError> {
        let limit = Limit {
            alerts: config.subscriber_capacity,
            bytes: config.subscriber_bytes,
        };
        let hub = Arc::new(Hub::new(limit, config.backlog));
        let mut server = Server::builder()
            .http2_keepalive_interval(Some(KEEP_ALIVE))
            .http2_keepalive_timeout(Some(KEEP_ALIVE));
        if let Some(tls) = listen::tls(&config.bind)? {
            server = server.tls_config(tls).map_err(|error| StartError::Tls {
                what: "grpc",
                reason: crate::error::chain(&error),
            })?;
        }
        let listener = Listener::bind(&config.bind)?;
        let router = server
            .add_service(outputs::ServiceServer::new(OutputsService {
                hub: Arc::clone(&hub),
            }))
            .add_service(version::ServiceServer::new(VersionService {
                version: config.version.clone(),
            }));
        Ok(Self {
            listener,
            router,
            hub,
        })
    }

    /// Reads certificates only.
    pub(crate) fn check(config: &GrpcConfig) -> Result<(), StartError> {
        server(config).map(drop)
    }

    /// Serves, on the given runtime.
    pub(crate) fn serve(self, runtime: &Handle) -> GrpcServer {
        let (shutdown, signal) = oneshot::channel();
        let (end, ended) = channel();
        let (socket, connections) = self.listener.split();
        let router = self.router;
        runtime.spawn(async move {
            let signal = async {
                // An error means that the server was dropped, which is to stop as well.
                let _ = signal.await;
            };
            if let Err(error) = connections.serve(router, signal).await {
                error!("grpc: the server ended: {}", crate::error::chain(&*error));
            }
            // Nobody may be waiting any more.
            let _ = end.send(());
        });
        GrpcServer {
            hub: self.hub,
            shutdown: Mutex::new(Some(shutdown)),
            ended: Mutex::new(ended),
            _socket: socket,
        }
    }
}

/// A server with its certificates, if it needs any.
fn server(config: &GrpcConfig) -> Result<Server, StartError> {
    let server = Server::builder()
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE));
    match listen::tls(&config.bind)? {
        None => Ok(server),
        Some(tls) => server.tls_config(tls).map_err(|error| StartError::Tls {
            what: "grpc",
            reason: crate::error::chain(&error),
        }),
    }
}

impl GrpcServer {
    /// Lets subscribers take what is in their buffers until the deadline, then ends.
    ///
    /// Streams end first and connections after them: a connection that is closed while its client
    /// still answers takes with it what the client has not read yet, because the client's own write
    /// fails before it reads on.
    pub(crate) fn stop(&self, deadline: Instant) {
        let has_clients = !self.hub.is_deserted();
        self.hub.close();
        while !self.hub.is_deserted() && Instant::now() < deadline {
            thread::sleep(GLANCE);
        }
        if has_clients {
            thread::sleep(FAREWELL.min(deadline.saturating_duration_since(Instant::now())));
        }
        let shutdown = self
            .shutdown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(shutdown) = shutdown {
            // An error means that the server has ended already.
            let _ = shutdown.send(());
        }
        let time = deadline.saturating_duration_since(Instant::now());
        // Ended or too late: either way what is left is lost.
        let _ = self
            .ended
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv_timeout(time);
        self.hub.abandon();
    }
}
