//! gRPC clients for tests.

use std::path::{Path, PathBuf};
use std::time::Duration;

use output::{GrpcBind, GrpcConfig, Outputs, OutputsConfig};
use outputs_api::outputs::{Request, Response, ServiceClient};
use tempfile::{TempDir, tempdir};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

use super::number_of;

pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn on_socket(path: &Path) -> OutputsConfig {
    let grpc = GrpcConfig {
        bind: GrpcBind::Unix(path.to_owned()),
        ..GrpcConfig::default()
    };
    OutputsConfig {
        grpc: Some(grpc),
        ..OutputsConfig::default()
    }
}

pub(crate) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

pub(crate) async fn connect(path: &Path) -> Channel {
    let uri = format!("unix://{}", path.display());
    Endpoint::from_shared(uri).unwrap().connect().await.unwrap()
}

/// What a client sends; ends when the sender is dropped.
pub(crate) fn requests() -> (UnboundedSender<Request>, UnboundedReceiverStream<Request>) {
    let (sender, receiver) = unbounded_channel();
    (sender, UnboundedReceiverStream::new(receiver))
}

/// A subscription; the sender keeps the client's side of the stream open.
pub(crate) async fn subscribe(channel: Channel) -> (UnboundedSender<Request>, Streaming<Response>) {
    let (sender, stream) = requests();
    let responses = ServiceClient::new(channel)
        .sub(stream)
        .await
        .unwrap()
        .into_inner();
    (sender, responses)
}

pub(crate) async fn receive(responses: &mut Streaming<Response>, count: usize) -> Vec<usize> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let message = tokio::time::timeout(PATIENCE, responses.message()).await;
        let response = message
            .expect("an alert in time")
            .unwrap()
            .expect("an alert");
        numbers.push(number_of(&response.output));
    }
    numbers
}

pub(crate) async fn rest(responses: &mut Streaming<Response>) -> usize {
    let mut count = 0;
    while let Ok(Some(_)) = responses.message().await {
        count += 1;
    }
    count
}

pub(crate) fn subscribers(outputs: &Outputs) -> usize {
    outputs.counters().grpc.unwrap().subscribers.len()
}

pub(crate) fn fresh() -> (TempDir, PathBuf) {
    let directory = tempdir().unwrap();
    let path = directory.path().join("run/peregrine/out.sock");
    (directory, path)
}
