//! A gRPC engine that raises the alerts it is told to.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use outputs_api::EncodedAlert;
use outputs_api::outputs::{Request, Response, Service, ServiceServer};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream, UnixListenerStream};
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Status, Streaming};

/// When an engine hands out its alerts.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Habit {
    /// As they come.
    Push,
    /// All there are, whenever it is asked.
    WhenAsked,
}

/// A gRPC engine that raises the alerts it is told to.
struct Engine {
    habit: Habit,
    told: Mutex<Option<mpsc::UnboundedReceiver<String>>>,
}

#[tonic::async_trait]
impl Service for Engine {
    type subStream = ReceiverStream<Result<EncodedAlert, Status>>;
    type getStream = ReceiverStream<Result<EncodedAlert, Status>>;

    async fn sub(
        &self,
        request: tonic::Request<Streaming<Request>>,
    ) -> Result<tonic::Response<Self::subStream>, Status> {
        let mut told = self
            .told
            .lock()
            .unwrap()
            .take()
            .ok_or(Status::resource_exhausted("one"))?;
        let (alerts, stream) = mpsc::channel(16);
        let habit = self.habit;
        tokio::spawn(async move {
            let mut requests = request.into_inner();
            loop {
                if habit == Habit::WhenAsked {
                    match requests.message().await {
                        Ok(Some(_)) => {}
                        _ => return,
                    }
                    while let Ok(rule) = told.try_recv() {
                        if alerts.send(Ok(encode(&rule))).await.is_err() {
                            return;
                        }
                    }
                } else {
                    match told.recv().await {
                        Some(rule) if alerts.send(Ok(encode(&rule))).await.is_ok() => {}
                        _ => return,
                    }
                }
            }
        });
        Ok(tonic::Response::new(ReceiverStream::new(stream)))
    }

    async fn get(
        &self,
        _: tonic::Request<Request>,
    ) -> Result<tonic::Response<Self::getStream>, Status> {
        Err(Status::unimplemented("get"))
    }
}

fn encode(rule: &str) -> EncodedAlert {
    let fields = [("proc.name".to_owned(), "x".to_owned())].into();
    let alert = Response {
        rule: rule.to_owned(),
        source: "syscall".to_owned(),
        output_fields: fields,
        ..Response::default()
    };
    let bytes = alert.encode_to_vec();
    let length = bytes.len();
    EncodedAlert::new(Arc::new(bytes), 0..length)
}

/// A gRPC engine on a socket, on a thread of its own; it ends when it is hung up on.
pub(crate) fn start_engine(name: &str, habit: Habit) -> (PathBuf, mpsc::UnboundedSender<String>) {
    let path = std::env::temp_dir().join(format!("{name}-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (tell, told) = mpsc::unbounded_channel();
    let engine = Engine {
        habit,
        told: Mutex::new(Some(told)),
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let incoming =
                UnixListenerStream::new(tokio::net::UnixListener::from_std(listener).unwrap());
            let server = Server::builder().add_service(ServiceServer::new(engine));
            server.serve_with_incoming(incoming).await.unwrap();
        });
    });
    (path, tell)
}

/// A gRPC engine on a port of this machine, which asks its clients for a certificate.
pub(crate) fn start_engine_with_tls(tls: ServerTlsConfig) -> (u16, mpsc::UnboundedSender<String>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::unbounded_channel();
    let engine = Engine {
        habit: Habit::Push,
        told: Mutex::new(Some(told)),
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let incoming =
                TcpListenerStream::new(tokio::net::TcpListener::from_std(listener).unwrap());
            let mut server = Server::builder().tls_config(tls).unwrap();
            let server = server.add_service(ServiceServer::new(engine));
            server.serve_with_incoming(incoming).await.unwrap();
        });
    });
    (port, tell)
}
