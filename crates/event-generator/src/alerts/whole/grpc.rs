//! Whole alerts over gRPC.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use outputs_api::outputs::{Request, Response, ServiceClient};
use outputs_api::{BACKLOG_HEADER, BACKLOG_SKIP};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::metadata::MetadataValue;
use tonic::transport::{ClientTlsConfig, Endpoint};

use super::{Listener, Whole};
use crate::alerts::{Ear, Error};

/// How long an engine may take to answer the call.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn over_socket(
    path: &Path,
    polling_interval: Duration,
    listener: Arc<dyn Listener>,
) -> Result<Ear, Error> {
    let address = format!("unix://{}", path.display());
    let endpoint = Endpoint::from_shared(address.clone())
        .map_err(|error| Error::unreachable(&address, &error))?;
    start(endpoint, address, polling_interval, listener)
}

pub(super) fn over_tcp(
    host: &str,
    port: u16,
    tls: ClientTlsConfig,
    polling_interval: Duration,
    listener: Arc<dyn Listener>,
) -> Result<Ear, Error> {
    let address = format!("https://{host}:{port}");
    let endpoint = Endpoint::from_shared(address.clone())
        .and_then(|endpoint| endpoint.tls_config(tls))
        .map_err(|error| Error::unreachable(&address, &error))?;
    start(endpoint, address, polling_interval, listener)
}

fn start(
    endpoint: Endpoint,
    address: String,
    polling_interval: Duration,
    listener: Arc<dyn Listener>,
) -> Result<Ear, Error> {
    Ear::start(true, async move {
        let channel = endpoint
            .connect_timeout(PATIENCE)
            .connect()
            .await
            .map_err(|error| Error::unreachable(&address, &error))?;
        // Room for one: a request that is still waiting to be sent makes another one needless.
        let (requests, sent) = mpsc::channel(1);
        let _ = requests.try_send(Request {});
        let mut request = tonic::Request::new(ReceiverStream::new(sent));
        let metadata = request.metadata_mut();
        metadata.insert(BACKLOG_HEADER, MetadataValue::from_static(BACKLOG_SKIP));
        let mut client = ServiceClient::new(channel);
        let alerts = tokio::time::timeout(PATIENCE, client.sub(request))
            .await
            .map_err(|error| Error::unreachable(&address, &error))?
            .map_err(|status| Error::unreachable(&address, &status))?
            .into_inner();
        Ok((address, hear(alerts, requests, polling_interval, listener)))
    })
}

/// Hears alerts until the stream ends, and says why it did.
async fn hear(
    mut alerts: Streaming<Response>,
    requests: mpsc::Sender<Request>,
    polling_interval: Duration,
    listener: Arc<dyn Listener>,
) -> String {
    // Zero would ask without pause.
    let interval = polling_interval.max(Duration::from_millis(1));
    loop {
        match tokio::time::timeout(interval, alerts.next()).await {
            Ok(Some(Ok(alert))) => listener.alert(Whole {
                priority: priority(alert.priority),
                rule: alert.rule,
                source: alert.source,
                hostname: alert.hostname,
                output: alert.output,
                fields: alert.output_fields.into_iter().collect(),
            }),
            Ok(Some(Err(status))) => return format!("the engine broke off the stream: {status}"),
            Ok(None) => return "the engine ended the stream".to_owned(),
            // An engine of old hands out what has piled up when it is asked.
            Err(_silent) => {
                let _ = requests.try_send(Request {});
            }
        }
    }
}

/// The name of a priority by its number in the protocol.
fn priority(number: i32) -> String {
    const NAMES: [&str; 8] = [
        "Emergency",
        "Alert",
        "Critical",
        "Error",
        "Warning",
        "Notice",
        "Informational",
        "Debug",
    ];
    let name = usize::try_from(number).ok().and_then(|at| NAMES.get(at));
    name.map_or_else(|| number.to_string(), |name| (*name).to_owned())
}
