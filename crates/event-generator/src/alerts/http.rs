//! Alerts over HTTP: posts to us.
//!
//! Any path, `POST` only; the body is one alert as JSON. What is no alert is answered with 400 and the
//! reason, so that a wrong configuration shows on the engine's side too.

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

use super::{Ear, Error, Take};

/// The most an alert may be. Real ones are a few kilobytes.
const LIMIT: usize = 4 << 20;

pub(super) fn serve(
    address: &str,
    tls: Option<TlsAcceptor>,
    take: Arc<dyn Take>,
) -> Result<Ear, Error> {
    let address = address.to_owned();
    Ear::start(false, async move {
        let refuse = |error: std::io::Error| Error::Listen {
            address: address.clone(),
            reason: error.to_string(),
        };
        let listener = TcpListener::bind(&address).await.map_err(refuse)?;
        let bound = listener.local_addr().map_err(refuse)?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        Ok((format!("{scheme}://{bound}"), accept(listener, tls, take)))
    })
}

/// Accepts connections for ever.
async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, take: Arc<dyn Take>) -> String {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // Out of descriptors, or the peer has gone already: neither is for good.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        // An engine waits for each answer before it posts the next alert.
        let _ = stream.set_nodelay(true);
        let take = Arc::clone(&take);
        let tls = tls.clone();
        tokio::spawn(async move {
            match tls {
                None => converse(stream, take).await,
                // A handshake that fails is the engine's to report.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        converse(stream, take).await;
                    }
                }
            }
        });
    }
}

/// Serves one connection to its end.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    take: Arc<dyn Take>,
) {
    let service = service_fn(|request| answer(request, &*take));
    // How a connection ends is of no interest.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    take: &dyn Take,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::POST {
        let mut response = respond(
            StatusCode::METHOD_NOT_ALLOWED,
            "alerts are posted\n".to_owned(),
        );
        response
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("POST"));
        return Ok(response);
    }
    let body = match Limited::new(request.into_body(), LIMIT).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Ok(respond(StatusCode::BAD_REQUEST, format!("{error}\n"))),
    };
    Ok(match take.json(&body) {
        Ok(()) => respond(StatusCode::OK, String::new()),
        Err(reason) => {
            let reason =
                format!("not an alert: {reason}; expected JSON with a rule (json_output)\n");
            respond(StatusCode::BAD_REQUEST, reason)
        }
    })
}

fn respond(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}
