//! Alerts over gRPC: a stream that we open.
//!
//! The stream goes both ways. Engines of old hand out what has piled up each time the client sends
//! an (empty) request, so one is sent whenever the stream has been silent for the polling interval;
//! others push, and ignore the requests. Alerts raised before the call are of no use here; the
//! engine is asked to keep them for others, which those that cannot ignore.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Buf;
use outputs_api::outputs::Request;
use outputs_api::{BACKLOG_HEADER, BACKLOG_SKIP};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};
use tonic::{Status, Streaming};

use super::{Ear, Error, Take};

const SUB: PathAndQuery = PathAndQuery::from_static("/falco.outputs.service/sub");

/// How long an engine may take to answer the call.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn over_socket(
    path: &Path,
    polling_interval: Duration,
    take: Arc<dyn Take>,
) -> Result<Ear, Error> {
    let address = format!("unix://{}", path.display());
    let endpoint = Endpoint::from_shared(address.clone())
        .map_err(|error| Error::unreachable(&address, &error))?;
    start(endpoint, address, polling_interval, take)
}

pub(super) fn over_tcp(
    host: &str,
    port: u16,
    tls: ClientTlsConfig,
    polling_interval: Duration,
    take: Arc<dyn Take>,
) -> Result<Ear, Error> {
    let address = format!("https://{host}:{port}");
    let endpoint = Endpoint::from_shared(address.clone())
        .and_then(|endpoint| endpoint.tls_config(tls))
        .map_err(|error| Error::unreachable(&address, &error))?;
    start(endpoint, address, polling_interval, take)
}

fn start(
    endpoint: Endpoint,
    address: String,
    polling_interval: Duration,
    take: Arc<dyn Take>,
) -> Result<Ear, Error> {
    Ear::start(true, async move {
        let channel = endpoint
            .connect_timeout(PATIENCE)
            .connect()
            .await
            .map_err(|error| Error::unreachable(&address, &error))?;
        // Room for one: a request that is still waiting to be sent makes another one needless.
        let (requests, sent) = mpsc::channel(1);
        requests
            .try_send(Request {})
            .expect("there is room for one");
        let call = subscribe(channel, ReceiverStream::new(sent), take);
        let alerts = tokio::time::timeout(PATIENCE, call)
            .await
            .map_err(|error| Error::unreachable(&address, &error))?
            .map_err(|status| Error::unreachable(&address, &status))?;
        Ok((address, listen(alerts, requests, polling_interval)))
    })
}

async fn subscribe(
    channel: Channel,
    requests: ReceiverStream<Request>,
    take: Arc<dyn Take>,
) -> Result<Streaming<()>, Status> {
    let mut client = Grpc::new(channel);
    client
        .ready()
        .await
        .map_err(|error| Status::unavailable(crate::error::reasons(&error)))?;
    let mut request = tonic::Request::new(requests);
    request
        .metadata_mut()
        .insert(BACKLOG_HEADER, MetadataValue::from_static(BACKLOG_SKIP));
    let codec = Taking(take);
    Ok(client.streaming(request, SUB, codec).await?.into_inner())
}

/// Hands each alert on while its message is still in the buffer it arrived in.
struct Taking(Arc<dyn Take>);

impl Codec for Taking {
    type Encode = Request;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self(Arc::clone(&self.0))
    }

    fn decoder(&mut self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Encoder for Taking {
    type Item = Request;
    type Error = Status;

    /// A request is an empty message.
    fn encode(&mut self, Request {}: Request, _: &mut EncodeBuf<'_>) -> Result<(), Status> {
        Ok(())
    }
}

impl Decoder for Taking {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        let length = message.remaining();
        let copy;
        let bytes = if message.chunk().len() == length {
            message.chunk()
        } else {
            copy = message.copy_to_bytes(length);
            &copy[..]
        };
        self.0
            .message(bytes)
            .map_err(|reason| Status::internal(format!("not an alert: {reason}")))?;
        message.advance(message.remaining());
        Ok(Some(()))
    }
}

/// Hears alerts until the stream ends, and says why it did.
async fn listen(
    mut alerts: Streaming<()>,
    requests: mpsc::Sender<Request>,
    polling_interval: Duration,
) -> String {
    // Zero would ask without pause.
    let interval = polling_interval.max(Duration::from_millis(1));
    loop {
        match tokio::time::timeout(interval, alerts.next()).await {
            // The decoder has handed it on.
            Ok(Some(Ok(()))) => {}
            Ok(Some(Err(status))) => return format!("the engine broke off the stream: {status}"),
            Ok(None) => return "the engine ended the stream".to_owned(),
            Err(_silent) => {
                // Fails only when a request is waiting to be sent already.
                let _ = requests.try_send(Request {});
            }
        }
    }
}
