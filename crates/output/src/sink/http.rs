//! An HTTP server that gets each alert in a POST.
//!
//! Requests go out several at once over connections that stay open. One that fails is tried again,
//! with growing pauses: refused connections, timeouts, and answers that say "later" (408, 429, 5xx).
//! Then the alert counts as failed. A server whose answer got lost may so get an alert twice; better
//! than not at all.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::{Sink, SinkInbox, http_tls};
use crate::batch::Slice;
use crate::config::HttpConfig;
use crate::error::{StartError, chain};

/// The pause before the second try; it doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Idle connections are asked whether they still live this often, if wanted.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(60);
/// Answers are read, so that the connection can be used again, up to this many bytes.
const MAX_ANSWER: usize = 64 << 10;

/// An HTTP server.
#[derive(Debug)]
pub(crate) struct HttpSink {
    poster: Arc<Poster>,
    runtime: Handle,
    /// One permit for each request that may be under way.
    slots: Arc<Semaphore>,
    in_flight: u32,
}

/// What every request needs.
#[derive(Debug)]
struct Poster {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// Everything of a request but its body.
    head: Parts,
    attempts: u32,
    timeout: Duration,
    echo: bool,
}

impl HttpSink {
    /// `json` decides the content type.
    pub(crate) fn new(
        config: &HttpConfig,
        json: bool,
        runtime: &Handle,
    ) -> Result<Self, StartError> {
        let in_flight = config.in_flight.clamp(1, 1_024) as u32;
        Ok(Self {
            poster: Arc::new(Poster::new(config, json)?),
            runtime: runtime.clone(),
            slots: Arc::new(Semaphore::new(in_flight as usize)),
            in_flight,
        })
    }
}

impl HttpSink {
    /// Whether URL and certificates are of use.
    pub(crate) fn check(config: &HttpConfig) -> Result<(), StartError> {
        Poster::new(config, true).map(drop)
    }
}

impl Sink for HttpSink {
    fn name(&self) -> &'static str {
        "http"
    }

    fn deliver(&mut self, slice: Slice, inbox: &SinkInbox) {
        for (line, _) in slice.lines() {
            let slot = self
                .runtime
                .block_on(Arc::clone(&self.slots).acquire_owned());
            let slot = slot.expect("the semaphore is never closed");
            if inbox.is_abandoned() {
                return;
            }
            let poster = Arc::clone(&self.poster);
            let body = Bytes::copy_from_slice(line.as_bytes());
            let inbox = Arc::clone(inbox);
            self.runtime.spawn(async move {
                match poster.post(body).await {
                    Ok(()) => drop(inbox.settle(1)),
                    Err(error) => inbox.fail(1, error),
                }
                drop(slot);
            });
        }
    }

    /// Waits for the requests that are under way.
    fn close(&mut self, _inbox: &SinkInbox) {
        let all = self
            .runtime
            .block_on(self.slots.acquire_many(self.in_flight));
        drop(all.expect("the semaphore is never closed"));
    }
}

impl Poster {
    fn new(config: &HttpConfig, json: bool) -> Result<Self, StartError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(config.request_timeout));
        tcp.set_keepalive(config.keep_alive.then_some(TCP_KEEP_ALIVE));
        let head = head(config, json)?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(http_tls::client(
                config,
                head.uri.scheme_str() == Some("https"),
            )?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self {
            client,
            head,
            attempts: config.attempts.max(1),
            timeout: config.request_timeout,
            echo: config.echo,
        })
    }

    /// Posts one alert, trying again as long as there is hope.
    async fn post(&self, body: Bytes) -> Result<(), String> {
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let request = Request::from_parts(self.head.clone(), Full::new(body.clone()));
            let answer = tokio::time::timeout(self.timeout, self.exchange(request)).await;
            let error = match answer {
                Ok(Ok(status)) if status.is_success() => return Ok(()),
                Ok(Ok(status)) => {
                    let error = format!("{} answered {status}", self.head.uri);
                    let later = status.is_server_error()
                        || status == StatusCode::TOO_MANY_REQUESTS
                        || status == StatusCode::REQUEST_TIMEOUT;
                    if !later {
                        return Err(error);
                    }
                    error
                }
                Ok(Err(error)) => error,
                Err(_) => format!("{} did not answer within {:?}", self.head.uri, self.timeout),
            };
            if attempt == self.attempts {
                return Err(format!("{error} ({attempt} tries)"));
            }
            attempt += 1;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<StatusCode, String> {
        let answer = self
            .client
            .request(request)
            .await
            .map_err(|error| chain(&error))?;
        let status = answer.status();
        self.read(answer).await;
        Ok(status)
    }

    /// Reads the answer to its end. It says nothing that matters, so neither do errors.
    async fn read(&self, answer: Response<Incoming>) {
        let Ok(body) = Limited::new(answer.into_body(), MAX_ANSWER).collect().await else {
            return;
        };
        if self.echo {
            let body = body.to_bytes();
            // Standard output may block, and this thread serves others.
            tokio::task::spawn_blocking(move || {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(&body).and_then(|()| out.write_all(b"\n"));
            });
        }
    }
}

/// Everything of a request but its body.
fn head(config: &HttpConfig, json: bool) -> Result<Parts, StartError> {
    let refuse = |reason: String| StartError::Address {
        key: "http_output.url",
        value: config.url.clone(),
        reason,
    };
    let text = config.url.trim_matches(['"', '\'']);
    let uri: Uri = text
        .parse()
        .map_err(|error| refuse(format!("not a URL: {error}")))?;
    let authority = uri.authority().cloned();
    let (Some("http" | "https"), Some(authority)) = (uri.scheme_str(), authority) else {
        return Err(refuse(
            "expected http://host[:port]/path or https://…".to_owned(),
        ));
    };
    // User and password belong into a header, not into the request's target.
    let (user, host) = match authority.as_str().rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority.as_str()),
    };
    let mut parts = uri.into_parts();
    parts.authority = Some(
        host.parse()
            .map_err(|error| refuse(format!("bad host: {error}")))?,
    );
    let uri = Uri::from_parts(parts).map_err(|error| refuse(error.to_string()))?;
    let kind = if json {
        "application/json"
    } else {
        "text/plain"
    };
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(USER_AGENT, config.user_agent.as_str())
        .header(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(user) = user {
        let user: Vec<u8> = percent_encoding::percent_decode_str(user).collect();
        let token = base64::engine::general_purpose::STANDARD.encode(user);
        request = request.header(AUTHORIZATION, format!("Basic {token}"));
    }
    let request = request.body(()).map_err(|error| StartError::Address {
        key: "http_output.user_agent",
        value: config.user_agent.clone(),
        reason: format!("not fit for a header: {error}"),
    })?;
    Ok(request.into_parts().0)
}
