//! One connection to an HTTP server, over which one POST follows another.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT};
use hyper::http::request::Parts;
use hyper::http::uri::{self, PathAndQuery};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tower_service::Service;

use super::http_tls;
use crate::config::HttpConfig;
use crate::error::{StartError, chain};

/// The pause before the second try; it doubles up to the longest.
const PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Idle connections are asked whether they still live this often, if wanted.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(60);
/// Answers are read, so that the connection can be used again, up to this many bytes.
const MAX_ANSWER: usize = 64 << 10;

/// What every request needs.
#[derive(Debug)]
pub(super) struct Poster {
    connector: HttpsConnector<HttpConnector>,
    server: Uri,
    /// Everything of a request but its body.
    head: Parts,
    attempts: u32,
    timeout: Duration,
    echo: bool,
}

impl Poster {
    pub(super) fn new(config: &HttpConfig, json: bool) -> Result<Self, StartError> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(config.request_timeout));
        tcp.set_keepalive(config.keep_alive.then_some(TCP_KEEP_ALIVE));
        let (server, head) = head(config, json)?;
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(http_tls::client(
                config,
                server.scheme_str() == Some("https"),
            )?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self {
            connector,
            server,
            head,
            attempts: config.attempts.max(1),
            timeout: config.request_timeout,
            echo: config.echo,
        })
    }

    async fn connect(&self) -> Result<Sender, String> {
        let stream = self
            .connector
            .clone()
            .call(self.server.clone())
            .await
            .map_err(|error| chain(&*error))?;
        let (sender, connection) = http1::handshake(stream)
            .await
            .map_err(|error| chain(&error))?;
        // What ends a connection is said by the request that it fails; between requests it is the
        // server's right.
        tokio::spawn(connection);
        Ok(sender)
    }

    /// Reads the answer to its end; `false` when the connection is of no more use. It says nothing
    /// that matters, so neither do errors.
    async fn read(&self, answer: Response<Incoming>) -> bool {
        let Ok(body) = Limited::new(answer.into_body(), MAX_ANSWER).collect().await else {
            return false;
        };
        if self.echo {
            let body = body.to_bytes();
            // Standard output may block, and this thread serves others.
            tokio::task::spawn_blocking(move || {
                let mut out = std::io::stdout().lock();
                let _ = out.write_all(&body).and_then(|()| out.write_all(b"\n"));
            });
        }
        true
    }
}

type Sender = SendRequest<Full<Bytes>>;

/// A connection, if there is one, and how to get another.
#[derive(Debug)]
pub(super) struct Lane {
    poster: Arc<Poster>,
    connection: Option<Sender>,
}

impl Lane {
    pub(super) fn new(poster: Arc<Poster>) -> Self {
        Self {
            poster,
            connection: None,
        }
    }

    /// Posts one alert, trying again as long as there is hope and nobody has `given_up`.
    ///
    /// # Errors
    /// Why the last try failed.
    pub(super) async fn post(
        &mut self,
        body: Bytes,
        given_up: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), String> {
        let poster = Arc::clone(&self.poster);
        let mut pause = PAUSE;
        let mut attempt = 1;
        loop {
            let answer = tokio::time::timeout(poster.timeout, self.exchange(&body)).await;
            let error = match answer {
                Ok(Ok(status)) if status.is_success() => return Ok(()),
                Ok(Ok(status)) => {
                    let error = format!("{} answered {status}", poster.server);
                    let later = status.is_server_error()
                        || status == StatusCode::TOO_MANY_REQUESTS
                        || status == StatusCode::REQUEST_TIMEOUT;
                    if !later {
                        return Err(error);
                    }
                    error
                }
                Ok(Err(error)) => error,
                Err(_) => format!(
                    "{} did not answer within {:?}",
                    poster.server, poster.timeout
                ),
            };
            if attempt == poster.attempts || given_up() {
                return Err(format!("{error} ({attempt} tries)"));
            }
            attempt += 1;
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// One request and its answer. A connection that fails, or on which the answer does not come in
    /// time, is not used again.
    async fn exchange(&mut self, body: &Bytes) -> Result<StatusCode, String> {
        let mut sender = self.ready().await?;
        let request = Request::from_parts(self.poster.head.clone(), Full::new(body.clone()));
        let answer = sender
            .send_request(request)
            .await
            .map_err(|error| chain(&error))?;
        let status = answer.status();
        if self.poster.read(answer).await {
            self.connection = Some(sender);
        }
        Ok(status)
    }

    /// The connection, or another if the server has closed it meanwhile.
    async fn ready(&mut self) -> Result<Sender, String> {
        if let Some(mut sender) = self.connection.take()
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        self.poster.connect().await
    }
}

/// The server's address, and everything of a request but its body.
fn head(config: &HttpConfig, json: bool) -> Result<(Uri, Parts), StartError> {
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
    let host = host_header(&parts);
    let uri = Uri::from_parts(parts).map_err(|error| refuse(error.to_string()))?;
    let target = uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let kind = if json {
        "application/json"
    } else {
        "text/plain"
    };
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(target)
        .header(HOST, host)
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
    Ok((uri, request.into_parts().0))
}

/// The host with its port, unless it is the one that is meant anyway.
fn host_header(parts: &uri::Parts) -> String {
    let usual = match &parts.scheme {
        Some(scheme) if *scheme == uri::Scheme::HTTPS => 443,
        _ => 80,
    };
    match &parts.authority {
        None => String::new(),
        Some(authority) if authority.port_u16() == Some(usual) => authority.host().to_owned(),
        Some(authority) => authority.as_str().to_owned(),
    }
}
