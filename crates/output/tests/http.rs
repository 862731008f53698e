//! The HTTP sink against servers that answer, refuse, stall and come back.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without ends it")]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use alert::Format;
use output::{HttpConfig, Outputs, OutputsConfig, StartError};
use rcgen::{CertificateParams, CertifiedKey, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use tempfile::tempdir;

use common::{assert_complete, eventually, number_of, numbered, sink, start};

const PATIENCE: Duration = Duration::from_secs(20);

/// A request as the server saw it.
#[derive(Debug)]
struct Seen {
    line: String,
    headers: Vec<String>,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|header| {
            let (found, value) = header.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// A server of few words. `answer` is asked for the status of each request; none: hang up.
struct Server {
    url: String,
    seen: Receiver<Seen>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    fn start(answer: impl FnMut() -> Option<&'static str> + Send + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), answer, Some)
    }

    fn on<S: Read + Write>(
        listener: TcpListener,
        answer: impl FnMut() -> Option<&'static str> + Send + 'static,
        wrap: impl Fn(TcpStream) -> Option<S> + Clone + Send + 'static,
    ) -> Self {
        let url = format!("http://{}/alerts?x=1", listener.local_addr().unwrap());
        let (sender, seen) = channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        let answer = Arc::new(Mutex::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                count.fetch_add(1, Ordering::Relaxed);
                let (sender, answer, wrap) = (sender.clone(), Arc::clone(&answer), wrap.clone());
                thread::spawn(move || {
                    if let Some(stream) = wrap(stream.unwrap()) {
                        serve(stream, &sender, &*answer);
                    }
                });
            }
        });
        Self {
            url,
            seen,
            connections,
        }
    }

    fn next(&self) -> Seen {
        self.seen.recv_timeout(PATIENCE).expect("a request in time")
    }
}

fn serve<S: Read + Write>(
    stream: S,
    sender: &Sender<Seen>,
    answer: &Mutex<impl FnMut() -> Option<&'static str>>,
) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            match stream.read_line(&mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if line.trim_end().is_empty() => break,
                Ok(_) => head.push(line.trim_end().to_owned()),
            }
        }
        let mut seen = Seen {
            line: head.remove(0),
            headers: head,
            body: String::new(),
        };
        let length = seen.header("content-length").unwrap().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        seen.body = String::from_utf8(body).unwrap();
        let Some(status) = (answer.lock().unwrap())() else {
            return;
        };
        // The test may have seen enough.
        let _ = sender.send(seen);
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nok");
        if stream.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn to(url: &str) -> OutputsConfig {
    let http = HttpConfig {
        url: url.to_owned(),
        attempts: 3,
        ..HttpConfig::default()
    };
    OutputsConfig {
        http: Some(http),
        ..OutputsConfig::default()
    }
}

#[test]
fn each_alert_is_posted_once() {
    let server = Server::start(|| Some("200 OK"));
    let outputs = start(&to(&format!("\"{}\"", server.url)));
    for number in 0..500 {
        outputs.send(numbered(number));
    }
    let mut numbers: Vec<_> = (0..500)
        .map(|_| {
            let seen = server.next();
            assert_eq!(seen.line, "POST /alerts?x=1 HTTP/1.1");
            assert_eq!(seen.header("content-type"), Some("text/plain"));
            assert_eq!(seen.header("user-agent"), Some("falcosecurity/falco"));
            number_of(&seen.body)
        })
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..500).collect::<Vec<_>>());
    let counters = outputs.stop(PATIENCE);
    assert_complete(&counters);
    assert_eq!(sink(&counters, "http").sent, 500);
    let connections = server.connections.load(Ordering::Relaxed);
    assert!(connections <= 8, "{connections} connections for 500 alerts");
}

#[test]
fn one_at_a_time_keeps_the_order_and_json_says_so() {
    let server = Server::start(|| Some("204 No Content"));
    let mut config = to(&server.url.replace("http://", "http://me:p%40ss@"));
    config.format = Format {
        json: true,
        ..Format::default()
    };
    let http = config.http.as_mut().unwrap();
    (http.in_flight, http.user_agent) = (1, "test/1".to_owned());
    let outputs = start(&config);
    for number in 0..100 {
        outputs.send(numbered(number));
    }
    for number in 0..100u64 {
        let seen = server.next();
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert_eq!(seen.header("user-agent"), Some("test/1"));
        // me:p@ss
        assert_eq!(seen.header("authorization"), Some("Basic bWU6cEBzcw=="));
        let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
        assert_eq!(body["output_fields"]["number"], number);
    }
    assert_complete(&outputs.stop(PATIENCE));
}

#[test]
fn trouble_is_tried_again_and_refusals_are_not() {
    let mut answers = [
        Some("503 Service Unavailable"),
        None,
        Some("200 OK"),
        Some("404 Not Found"),
    ]
    .into_iter()
    .chain(std::iter::repeat(Some("500 Internal Server Error")));
    let server = Server::start(move || answers.next().unwrap());
    let mut config = to(&server.url);
    config.http.as_mut().unwrap().in_flight = 1;
    let outputs = start(&config);
    let state = |outputs: &Outputs| {
        let http = sink(&outputs.counters(), "http");
        (http.sent, http.failed)
    };
    outputs.send(numbered(1));
    eventually("the third try", || state(&outputs) == (1, 0));
    outputs.send(numbered(2));
    eventually("no second try", || state(&outputs) == (1, 1));
    outputs.send(numbered(3));
    eventually("three tries are enough", || state(&outputs) == (1, 2));
    let seen: Vec<_> = (0..6).map(|_| number_of(&server.next().body)).collect();
    assert_eq!(seen, [1, 1, 2, 3, 3, 3]);
    assert_complete(&outputs.stop(PATIENCE));
}

#[test]
fn server_that_comes_later_gets_what_waited() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut config = to(&format!("http://{address}"));
    config.http.as_mut().unwrap().attempts = 20;
    let outputs = start(&config);
    for number in 0..50 {
        outputs.send(numbered(number));
    }
    thread::sleep(Duration::from_millis(500));
    let listener = TcpListener::bind(address).unwrap();
    let server = Server::on(listener, || Some("200 OK"), Some);
    for _ in 0..50 {
        server.next();
    }
    let counters = outputs.stop(PATIENCE);
    assert_complete(&counters);
    assert_eq!(sink(&counters, "http").sent, 50);
}

#[test]
fn server_that_stalls_is_given_up_at_the_end() {
    let server = Server::start(|| {
        thread::sleep(Duration::from_secs(600));
        None
    });
    let outputs = start(&to(&server.url));
    for number in 0..50 {
        outputs.send(numbered(number));
    }
    let counters = outputs.stop(Duration::from_millis(300));
    assert_complete(&counters);
    assert_eq!(sink(&counters, "http").discarded, 50);
}

#[test]
fn tls_and_its_options() {
    let directory = tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let make = |name: &str| {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let signing_key = KeyPair::generate().unwrap();
        CertifiedKey {
            cert: params.self_signed(&signing_key).unwrap(),
            signing_key,
        }
    };
    let (server_cert, client_cert) = (make("localhost"), make("client"));
    let mut clients = RootCertStore::empty();
    clients.add(client_cert.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(clients), Arc::clone(&provider))
            .build()
            .unwrap();
    let key = server_cert.signing_key.serialize_pem();
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(server_cert.cert.pem().as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    let tls = Arc::new(tls);
    let server = Server::on(
        TcpListener::bind("127.0.0.1:0").unwrap(),
        || Some("200 OK"),
        move |stream| {
            Some(StreamOwned::new(
                ServerConnection::new(Arc::clone(&tls)).ok()?,
                stream,
            ))
        },
    );
    let url = server.url.replace("http://127.0.0.1", "https://localhost");
    let server_pem = write("server.crt", server_cert.cert.pem());
    let identity = (
        write("client.crt", client_cert.cert.pem()),
        write("client.key", client_cert.signing_key.serialize_pem()),
    );
    let attempt = |change: &dyn Fn(&mut HttpConfig)| {
        let mut config = to(&url);
        let http = config.http.as_mut().unwrap();
        (http.attempts, http.ca_file, http.identity) =
            (1, Some(server_pem.clone()), Some(identity.clone()));
        change(http);
        let outputs = start(&config);
        outputs.send(numbered(1));
        let counters = outputs.stop(PATIENCE);
        assert_complete(&counters);
        sink(&counters, "http").sent == 1
    };
    assert!(attempt(&|_| {}));
    assert!(
        !attempt(&|http| http.identity = None),
        "the server wants a certificate"
    );
    assert!(
        !attempt(&|http| http.ca_file = Some(identity.0.clone())),
        "not its authority"
    );
    assert!(attempt(&|http| {
        http.ca_file = Some(identity.0.clone());
        http.insecure = true;
    }));
    // A directory with the right one among others.
    assert!(attempt(&|http| {
        http.ca_file = None;
        http.ca_path = directory.path().to_owned();
    }));

    let refused = |change: &dyn Fn(&mut HttpConfig)| {
        let mut config = to(&url);
        change(config.http.as_mut().unwrap());
        Outputs::start(&config).unwrap_err()
    };
    let error = refused(&|http| http.ca_file = Some("/nonexistent.pem".into()));
    assert!(
        error
            .to_string()
            .contains("http_output.ca_cert /nonexistent.pem"),
        "{error}"
    );
    let error = refused(&|http| http.identity = Some((identity.1.clone(), identity.0.clone())));
    assert!(error.to_string().contains("client_key"), "{error}");
}

#[test]
fn urls_of_no_use_are_named() {
    for url in [
        "",
        "localhost:80",
        "ftp://localhost/",
        "http://",
        "http://a b/",
    ] {
        let error = Outputs::start(&to(url)).unwrap_err();
        assert_eq!(
            Outputs::check(&to(url)).unwrap_err().to_string(),
            error.to_string()
        );
        assert!(
            matches!(
                error,
                StartError::Address {
                    key: "http_output.url",
                    ..
                }
            ),
            "{error}"
        );
    }
}
