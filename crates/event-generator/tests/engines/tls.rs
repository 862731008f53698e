//! Over connections on which certificates are shown.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use event_generator::alerts::{self, Tally};
use event_generator::log::{Format, Level, Log};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use super::engine::start_engine_with_tls;
use super::http::Poster;
use super::{NAMES, RULES, alert_flags};

/// `ca.crt` and, signed by it, certificates and keys of `server` and `client`, both for `localhost`.
fn certificates() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(dir.path().join("ca.crt"), authority.pem()).unwrap();
    for name in ["server", "client"] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        std::fs::write(dir.path().join(format!("{name}.crt")), certificate.pem()).unwrap();
        std::fs::write(dir.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
    dir
}

fn file(dir: &Path, name: &str) -> Vec<u8> {
    std::fs::read(dir.join(name)).unwrap()
}

/// An engine's posts, encrypted; with a certificate if it is to show one.
fn poster(
    dir: &Path,
    address: &str,
    with_certificate: bool,
) -> Poster<StreamOwned<ClientConnection, std::net::TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(&file(dir, "ca.crt")).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = if with_certificate {
        let chain = vec![CertificateDer::from_pem_slice(&file(dir, "client.crt")).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(&file(dir, "client.key")).unwrap();
        builder.with_client_auth_cert(chain, key).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    let name = "localhost".try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = std::net::TcpStream::connect(address.strip_prefix("https://").unwrap()).unwrap();
    Poster(StreamOwned::new(connection, socket))
}

#[test]
fn posts_are_secured_as_asked() {
    let dir = certificates();
    let tally = Arc::new(Tally::new(NAMES));
    let log = Log::to_stderr(Level::Info, Format::Text);
    let path = |name: &str| dir.path().join(name).display().to_string();
    for (mode, with, heard) in [
        ("tls", false, true),
        ("tls", true, true),
        ("mtls", false, false),
        ("mtls", true, true),
    ] {
        let flags = alert_flags(&[
            "--http-server-address=127.0.0.1:0",
            &format!("--http-server-security-mode={mode}"),
            &format!("--http-server-cert={}", path("server.crt")),
            &format!("--http-server-key={}", path("server.key")),
            &format!("--http-client-ca={}", path("ca.crt")),
        ]);
        tally.begin();
        let hearer = Arc::clone(&tally);
        let ear = alerts::listen(&flags, Duration::from_millis(2), hearer, &log).unwrap();
        let mut poster = poster(dir.path(), ear.address(), with);
        let alert = format!(r#"{{"rule":"{}"}}"#, RULES[0]);
        assert_eq!(
            poster
                .try_send("POST", &alert)
                .is_ok_and(|status| status == 200),
            heard,
            "{mode}"
        );
        assert_eq!(tally.heard(0), u64::from(heard), "{mode}");
    }
}

#[test]
fn a_stream_over_tcp_shows_certificates_both_ways() {
    let dir = certificates();
    let identity = Identity::from_pem(
        file(dir.path(), "server.crt"),
        file(dir.path(), "server.key"),
    );
    let tls = ServerTlsConfig::new()
        .identity(identity)
        .client_ca_root(Certificate::from_pem(file(dir.path(), "ca.crt")));
    let (port, tell) = start_engine_with_tls(tls);
    let path = |name: &str| dir.path().join(name).display().to_string();
    let flags = alert_flags(&[
        "--grpc-unix-socket=",
        &format!("--grpc-port={port}"),
        &format!("--grpc-cert={}", path("client.crt")),
        &format!("--grpc-key={}", path("client.key")),
        &format!("--grpc-ca={}", path("ca.crt")),
    ]);
    let tally = Arc::new(Tally::new(NAMES));
    let log = Log::to_stderr(Level::Info, Format::Text);
    let hearer = Arc::clone(&tally);
    let ear = alerts::listen(&flags, Duration::from_millis(2), hearer, &log).unwrap();
    assert!(ear.is_connected());
    tell.send(RULES[1].to_owned()).unwrap();
    while tally.heard(1) == 0 {
        assert_eq!(ear.failure(), None);
        std::thread::yield_now();
    }
}

#[test]
fn what_is_no_certificate_is_an_error() {
    let dir = certificates();
    let path = |name: &str| dir.path().join(name).display().to_string();
    std::fs::write(dir.path().join("empty"), "").unwrap();
    let flags = alert_flags(&[
        "--http-server-address=127.0.0.1:0",
        "--http-server-security-mode=tls",
        &format!("--http-server-cert={}", path("empty")),
        &format!("--http-server-key={}", path("server.key")),
    ]);
    let tally = Arc::new(Tally::new(NAMES));
    let log = Log::to_stderr(Level::Info, Format::Text);
    let error = alerts::listen(&flags, Duration::ZERO, tally, &log)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        format!("{}: holds no certificate in PEM form", path("empty"))
    );
}
