//! Whole alerts over HTTP: posts to us, on any path.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Listener, from_json};
use crate::alerts::{Ear, Error};

/// The most an alert may be. Real ones are a few kilobytes.
const LIMIT: usize = 4 << 20;

pub(super) fn serve(
    address: &str,
    tls: Option<TlsAcceptor>,
    listener: Arc<dyn Listener>,
) -> Result<Ear, Error> {
    let address = address.to_owned();
    Ear::start(false, async move {
        let refuse = |error: std::io::Error| Error::Listen {
            address: address.clone(),
            reason: error.to_string(),
        };
        let socket = TcpListener::bind(&address).await.map_err(refuse)?;
        let bound = socket.local_addr().map_err(refuse)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        Ok((format!("{scheme}://{bound}"), accept(socket, tls, listener)))
    })
}

/// Accepts connections for ever.
async fn accept(
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    listener: Arc<dyn Listener>,
) -> String {
    loop {
        let Ok((stream, _)) = socket.accept().await else {
            // Out of descriptors, or the peer has gone already: neither is for good.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let listener = Arc::clone(&listener);
        let tls = tls.clone();
        tokio::spawn(async move {
            match tls {
                None => converse(stream, listener).await,
                // A handshake that fails is the engine's to report.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        converse(stream, listener).await;
                    }
                }
            }
        });
    }
}

/// Serves one connection to its end.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    listener: Arc<dyn Listener>,
) {
    let service = service_fn(|request| answer(request, &*listener));
    // How a connection ends is of no interest.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    listener: &dyn Listener,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::POST {
        let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, "alerts are posted\n");
        let headers = response.headers_mut();
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
        return Ok(response);
    }
    let body = match Limited::new(request.into_body(), LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Ok(respond(StatusCode::BAD_REQUEST, &format!("{error}\n"))),
    };
    Ok(match from_json(&body) {
        Ok(alert) => {
            listener.alert(alert);
            respond(StatusCode::OK, "")
        }
        Err(error) => {
            listener.noise();
            let reason =
                format!("not an alert: {error}; expected JSON with a rule (json_output)\n");
            respond(StatusCode::BAD_REQUEST, &reason)
        }
    })
}

fn respond(status: StatusCode, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_owned())));
    *response.status_mut() = status;
    response
}
