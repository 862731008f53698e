//! Alerts over HTTP: posts to us.
//!
//! Any path, `POST` only; the body is one alert as JSON. What is no alert is answered with 400 and the
//! reason, so that a wrong configuration shows on the engine's side too.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{Alert, Ear, Error, Hearer, Process};

/// The most an alert may be. Real ones are a few kilobytes.
const LIMIT: usize = 4 << 20;

/// The part of an alert that is looked at.
#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    rule: Cow<'a, str>,
    #[serde(borrow, default)]
    source: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Option<Cow<'a, str>>,
    #[serde(default)]
    output_fields: Fields,
}

/// The numbers of processes among the output fields.
#[derive(Default)]
struct Fields(Process);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;

        impl<'de> Visitor<'de> for Visit {
            type Value = Fields;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object or null")
            }

            fn visit_unit<E>(self) -> Result<Fields, E> {
                Ok(Fields::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut process = Process::default();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    if !Process::is_wanted(&name) {
                        map.next_value::<IgnoredAny>()?;
                    } else if let Some(pid) = map.next_value::<serde_json::Value>()?.as_u64() {
                        process.note(&name, u32::try_from(pid).unwrap_or(u32::MAX));
                    }
                }
                Ok(Fields(process))
            }
        }

        deserializer.deserialize_any(Visit)
    }
}

impl Head<'_> {
    fn alert(&self) -> Alert<'_> {
        let time = self.time.as_deref().and_then(|time| {
            let time: jiff::Timestamp = time.parse().ok()?;
            u64::try_from(time.as_nanosecond()).ok()
        });
        Alert {
            rule: &self.rule,
            source: &self.source,
            time,
            process: self.output_fields.0,
        }
    }
}

pub(super) fn serve(
    address: &str,
    tls: Option<TlsAcceptor>,
    hearer: Arc<dyn Hearer>,
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
        Ok((format!("{scheme}://{bound}"), accept(listener, tls, hearer)))
    })
}

/// Accepts connections for ever.
async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    hearer: Arc<dyn Hearer>,
) -> String {
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
        let hearer = Arc::clone(&hearer);
        let tls = tls.clone();
        tokio::spawn(async move {
            match tls {
                None => converse(stream, hearer).await,
                // A handshake that fails is the engine's to report.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        converse(stream, hearer).await;
                    }
                }
            }
        });
    }
}

/// Serves one connection to its end.
async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    hearer: Arc<dyn Hearer>,
) {
    let service = service_fn(|request| answer(request, &*hearer));
    // How a connection ends is of no interest.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    hearer: &dyn Hearer,
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
    Ok(match serde_json::from_slice::<Head<'_>>(&body) {
        Ok(alert) => {
            hearer.alert(&alert.alert());
            respond(StatusCode::OK, String::new())
        }
        Err(error) => {
            let reason =
                format!("not an alert: {error}; expected JSON with a rule (json_output)\n");
            respond(StatusCode::BAD_REQUEST, reason)
        }
    })
}

fn respond(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_and_processes_are_read() {
        let text = r#"{"hostname":"h","output":"\"","output_fields":{"evt.time":1,"proc.name":"\u00fc",
            "proc.pid":4242,"proc.ppid":"text","proc.apid[2]":17,"n":null},"priority":"Warning",
            "rule":"R","source":"syscall","tags":[],"time":"2023-11-14T22:13:20.123456789Z"}"#;
        let head: Head<'_> = serde_json::from_str(text).unwrap();
        let alert = head.alert();
        assert_eq!((alert.rule, alert.source), ("R", "syscall"));
        assert_eq!(alert.time, Some(1_700_000_000_123_456_789));
        assert_eq!(alert.process.is_of(4242), Some(true));
        assert_eq!(alert.process.is_of(17), Some(true));
        assert_eq!(alert.process.is_of(1), Some(false));
    }

    #[test]
    fn what_is_missing_or_odd_is_not_known() {
        for text in [
            r#"{"rule":"R"}"#,
            r#"{"rule":"R","output_fields":null,"time":"yesterday"}"#,
            r#"{"rule":"R","output_fields":{},"time":null}"#,
        ] {
            let head: Head<'_> = serde_json::from_str(text).unwrap();
            let alert = head.alert();
            assert_eq!((alert.time, alert.process.is_of(1)), (None, None), "{text}");
        }
    }
}
