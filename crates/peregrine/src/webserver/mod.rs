//! The web server (`webserver`): health, versions, metrics.
//!
//! One thread, whatever `threadiness` says: it answers a few small requests a minute. What it is
//! sent is untrusted: heads have a size and a time limit, bodies are not read, and so many
//! connections may be open at once. It only ever reads.

mod tls;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use config::WebserverConfig;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsAcceptor;

use crate::info;
use crate::metrics::Scrape;

/// So many connections at once; who comes then waits.
const CONNECTIONS: usize = 64;
/// How long a handshake and the head of a request may take, the pause before it included.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// The pause after a connection could not be accepted, for want of descriptors for example.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

/// The running server; ends when dropped.
#[derive(Debug)]
pub(crate) struct WebServer {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

/// What answers are made of.
#[derive(Debug)]
struct Pages {
    health: String,
    versions: String,
    /// Whom to ask for metrics, if they are served.
    scrape: Option<Arc<Scrape>>,
}

impl WebServer {
    /// Listens. `scrape`: serve `/metrics` from there.
    ///
    /// # Errors
    ///
    /// When the address cannot be had or the certificate is of no use.
    pub(crate) fn start(config: &WebserverConfig, scrape: Option<Arc<Scrape>>) -> Result<Self> {
        let wanted = SocketAddr::new(config.listen_address, config.listen_port);
        let failed = || {
            format!(
                "the web server cannot listen at {wanted} (webserver.listen_address, webserver.listen_port)"
            )
        };
        let tls = config
            .ssl_enabled
            .then(|| tls::acceptor(&config.ssl_certificate))
            .transpose()?;
        let listener = TcpListener::bind(wanted).with_context(failed)?;
        let address = listener.local_addr().with_context(failed)?;
        listener.set_nonblocking(true).with_context(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .with_context(failed)?;
        let pages = Arc::new(Pages {
            health: config.k8s_healthz_endpoint.clone(),
            versions: info::versions().to_string(),
            scrape,
        });
        let (stop, stopped) = oneshot::channel::<()>();
        thread::Builder::new()
            .name("webserver".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(listener, tls, pages) => {}
                        // The sender is dropped, never used.
                        _ = stopped => {}
                    }
                });
            })
            .with_context(failed)?;
        Ok(Self {
            address,
            _stop: stop,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, pages: Arc<Pages>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(err) => {
            tracing::error!("The web server ends: {err}");
            return;
        }
    };
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(err) => {
                tracing::debug!("webserver: {err}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (tls, pages) = (tls.clone(), Arc::clone(&pages));
        tokio::spawn(async move {
            match tls {
                None => talk(stream, pages).await,
                Some(tls) => match tokio::time::timeout(HEAD_TIME, tls.accept(stream)).await {
                    Ok(Ok(stream)) => talk(stream, pages).await,
                    Ok(Err(err)) => tracing::debug!("webserver: {err}"),
                    Err(_) => tracing::debug!("webserver: no handshake in time"),
                },
            }
            drop(slot);
        });
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, pages: Arc<Pages>) {
    let answer = service_fn(|request| {
        let pages = Arc::clone(&pages);
        async move { Ok::<_, Infallible>(pages.answer(&request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    if let Err(err) = served {
        tracing::debug!("webserver: {err}");
    }
}

impl Pages {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        let is_metrics = path == "/metrics" && self.scrape.is_some();
        if !is_metrics && path != self.health && path != "/versions" {
            return page(StatusCode::NOT_FOUND, TEXT, "not found\n".into());
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut answer = page(StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET\n".into());
            answer
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return answer;
        }
        if let Some(scrape) = self.scrape.as_ref().filter(|_| is_metrics) {
            return match scrape.ask().await {
                Some(text) => page(
                    StatusCode::OK,
                    PROMETHEUS,
                    Bytes::copy_from_slice(text.as_bytes()),
                ),
                None => page(
                    StatusCode::SERVICE_UNAVAILABLE,
                    TEXT,
                    "the engine did not answer in time\n".into(),
                ),
            };
        }
        if path == "/versions" {
            return page(StatusCode::OK, JSON, self.versions.clone().into());
        }
        page(StatusCode::OK, JSON, r#"{"status": "ok"}"#.into())
    }
}

fn page(status: StatusCode, kind: HeaderValue, body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    fn config() -> WebserverConfig {
        let (config, _) = config::load(None, &[], &|_| None).unwrap();
        WebserverConfig {
            listen_address: [127, 0, 0, 1].into(),
            listen_port: 0,
            ..config.webserver
        }
    }

    fn ask(server: &WebServer, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("HTTP");
        (head.to_lowercase(), body.to_owned())
    }

    #[test]
    fn every_page_answers() {
        let scrape = Arc::new(Scrape::new());
        let server = WebServer::start(&config(), Some(Arc::clone(&scrape))).unwrap();
        let (head, body) = ask(&server, "GET /healthz");
        assert!(
            head.starts_with("http/1.1 200") && head.contains("application/json"),
            "{head}"
        );
        assert_eq!(body, r#"{"status": "ok"}"#);
        let (_, body) = ask(&server, "GET /versions");
        let versions: serde_json::Value = serde_json::from_str(&body).unwrap();
        for key in [
            "falco_version",
            "engine_version",
            "engine_version_semver",
            "plugin_versions",
        ] {
            assert!(!versions[key].is_null(), "{key}: {body}");
        }
        assert!(ask(&server, "GET /other").0.starts_with("http/1.1 404"));
        let (head, _) = ask(&server, "POST /healthz");
        assert!(
            head.starts_with("http/1.1 405") && head.contains("allow: get, head"),
            "{head}"
        );

        let engine = thread::spawn(move || {
            while !scrape.is_wanted() {
                thread::yield_now();
            }
            scrape.answer("peregrine_x 1\n");
        });
        let (head, body) = ask(&server, "GET /metrics");
        assert!(head.contains("text/plain; version=0.0.4"), "{head}");
        assert_eq!(body, "peregrine_x 1\n");
        engine.join().unwrap();
        let (head, _) = ask(&server, "GET /metrics");
        assert!(head.starts_with("http/1.1 503"), "nobody answers: {head}");
    }

    #[test]
    fn metrics_are_served_only_when_wanted() {
        let server = WebServer::start(&config(), None).unwrap();
        assert!(ask(&server, "GET /metrics").0.starts_with("http/1.1 404"));
        let address = server.address();
        let taken = WebserverConfig {
            listen_port: address.port(),
            ..config()
        };
        let error = format!("{:#}", WebServer::start(&taken, None).unwrap_err());
        assert!(error.contains("webserver.listen_port"), "{error}");
        drop(server);
        while TcpStream::connect(address).is_ok() {
            thread::yield_now();
        }
    }

    #[test]
    fn certificate_and_key_come_from_one_file() {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let path = std::env::temp_dir().join(format!("peregrine-web-{}.pem", std::process::id()));
        let key = made.signing_key.serialize_pem();
        std::fs::write(&path, format!("{}{key}", made.cert.pem())).unwrap();
        let secure = WebserverConfig {
            ssl_enabled: true,
            ssl_certificate: path.clone(),
            ..config()
        };
        let server = WebServer::start(&secure, None);
        std::fs::remove_file(&path).unwrap();
        let server = server.unwrap();

        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "localhost".try_into().unwrap();
        let client = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
        let stream = TcpStream::connect(server.address()).unwrap();
        let mut stream = rustls::StreamOwned::new(client, stream);
        write!(stream, "GET /healthz HTTP/1.0\r\n\r\n").unwrap();
        let mut text = String::new();
        // The server need not say goodbye before it closes.
        let _ = stream.read_to_string(&mut text);
        assert!(text.ends_with(r#"{"status": "ok"}"#), "{text}");
        // Who does not speak TLS gets no page.
        assert!(plain(&server).is_none_or(|answer| !answer.contains("200 OK")));
    }

    fn plain(server: &WebServer) -> Option<String> {
        let mut stream = TcpStream::connect(server.address()).ok()?;
        write!(stream, "GET /healthz HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer).into_owned())
    }

    #[test]
    fn a_certificate_of_no_use_is_named() {
        let bad = WebserverConfig {
            ssl_enabled: true,
            ssl_certificate: "/dev/null".into(),
            ..config()
        };
        let error = format!("{:#}", WebServer::start(&bad, None).unwrap_err());
        assert!(
            error.contains("webserver.ssl_certificate /dev/null"),
            "{error}"
        );
    }
}
