//! The gRPC services, on top of the [`Hub`].

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use outputs_api::outputs::Request;
use outputs_api::{BACKLOG_HEADER, BACKLOG_SKIP, EncodedAlert, outputs, version};
use tokio_stream::Stream;
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo, UdsConnectInfo};
use tonic::{Response, Status, Streaming};

use super::hub::{Hub, Subscriber, Taken};
use crate::batch::Slice;
use crate::config::VersionInfo;
use crate::inbox::Load;

/// `falco.outputs.service`.
#[derive(Debug)]
pub(super) struct OutputsService {
    pub(super) hub: Arc<Hub>,
}

#[tonic::async_trait]
impl outputs::Service for OutputsService {
    type subStream = Subscription;
    type getStream = Backlog;

    async fn sub(
        &self,
        request: tonic::Request<Streaming<Request>>,
    ) -> Result<Response<Subscription>, Status> {
        let skip = request
            .metadata()
            .get(BACKLOG_HEADER)
            .is_some_and(|value| value == BACKLOG_SKIP);
        let subscriber = self.hub.subscribe(peer(&request), !skip);
        Ok(Response::new(Subscription {
            hub: Arc::clone(&self.hub),
            subscriber,
            current: None,
            requests: Some(request.into_inner()),
        }))
    }

    async fn get(&self, _request: tonic::Request<Request>) -> Result<Response<Backlog>, Status> {
        Ok(Response::new(Backlog {
            slices: self.hub.take_backlog(),
        }))
    }
}

/// The stream of `sub`.
#[derive(Debug)]
pub(super) struct Subscription {
    hub: Arc<Hub>,
    subscriber: Arc<Subscriber>,
    current: Option<Slice>,
    /// What the client sends, until it has no more to say. Read so that it may send any number.
    requests: Option<Streaming<Request>>,
}

impl Stream for Subscription {
    type Item = Result<EncodedAlert, Status>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(alert) = this.current.as_mut().and_then(Slice::pop_encoded) {
                return Poll::Ready(Some(Ok(alert)));
            }
            this.current = None;
            if this.client_is_gone(context) {
                return Poll::Ready(None);
            }
            match this.subscriber.take(context.waker()) {
                Taken::Slice(slice) => this.current = Some(slice),
                Taken::Nothing => return Poll::Pending,
                Taken::End => return Poll::Ready(None),
            }
        }
    }
}

impl Subscription {
    /// Reads requests. A client that sends no more may go on receiving.
    fn client_is_gone(&mut self, context: &mut Context<'_>) -> bool {
        while let Some(requests) = &mut self.requests {
            match Pin::new(requests).poll_next(context) {
                Poll::Pending => return false,
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_))) => return true,
                Poll::Ready(None) => self.requests = None,
            }
        }
        false
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let unread = self.current.as_ref().map_or(0, Slice::alerts);
        self.hub.unsubscribe(&self.subscriber, unread);
    }
}

/// The stream of `get`.
#[derive(Debug)]
pub(super) struct Backlog {
    slices: VecDeque<Slice>,
}

impl Stream for Backlog {
    type Item = Result<EncodedAlert, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while let Some(slice) = self.slices.front_mut() {
            if let Some(alert) = slice.pop_encoded() {
                return Poll::Ready(Some(Ok(alert)));
            }
            self.slices.pop_front();
        }
        Poll::Ready(None)
    }
}

/// Who the client is, for logs.
fn peer<T>(request: &tonic::Request<T>) -> String {
    let extensions = request.extensions();
    if let Some(credentials) = extensions
        .get::<UdsConnectInfo>()
        .and_then(|info| info.peer_cred)
    {
        let uid = credentials.uid();
        return match credentials.pid() {
            Some(pid) => format!("pid {pid}, uid {uid}"),
            None => format!("uid {uid}"),
        };
    }
    extensions
        .get::<TlsConnectInfo<TcpConnectInfo>>()
        .and_then(|info| info.get_ref().remote_addr())
        .map_or_else(|| "unknown".to_owned(), |address| address.to_string())
}

/// `falco.version.service`.
#[derive(Debug)]
pub(super) struct VersionService {
    pub(super) version: VersionInfo,
}

#[tonic::async_trait]
impl version::Service for VersionService {
    async fn version(
        &self,
        _request: tonic::Request<version::Request>,
    ) -> Result<Response<version::Response>, Status> {
        let version = self.version.clone();
        Ok(Response::new(version::Response {
            version: version.version,
            major: version.major,
            minor: version.minor,
            patch: version.patch,
            prerelease: version.prerelease,
            build: version.build,
            engine_version: version.engine_version,
            engine_fields_checksum: version.engine_fields_checksum,
        }))
    }
}
