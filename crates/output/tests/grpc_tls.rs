//! The gRPC server on TCP, with certificates on both sides.

#![expect(clippy::unwrap_used, reason = "what a test cannot do without ends it")]

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use output::{GrpcBind, GrpcConfig, Outputs, OutputsConfig, StartError};
use outputs_api::version;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::{TempDir, tempdir};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use common::grpc::{receive, runtime, subscribe};
use common::{numbered, start};

/// Certificates in files, as an operator has them.
struct Pki {
    directory: TempDir,
}

impl Pki {
    fn new() -> Self {
        let directory = tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(directory.path().join("ca.crt"), authority.pem()).unwrap();
        for name in ["server", "client"] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &authority).unwrap();
            fs::write(
                directory.path().join(format!("{name}.crt")),
                certificate.pem(),
            )
            .unwrap();
            fs::write(
                directory.path().join(format!("{name}.key")),
                key.serialize_pem(),
            )
            .unwrap();
        }
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn config(&self, address: &str) -> OutputsConfig {
        let bind = GrpcBind::parse(
            address,
            self.path("server.crt"),
            self.path("server.key"),
            self.path("ca.crt"),
        );
        let grpc = GrpcConfig {
            bind,
            ..GrpcConfig::default()
        };
        OutputsConfig {
            grpc: Some(grpc),
            ..OutputsConfig::default()
        }
    }
}

/// A port that is free, for a moment.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn tcp_wants_certificates_of_both_sides() {
    let pki = Pki::new();
    let address = format!("127.0.0.1:{}", free_port());
    let outputs = start(&pki.config(&address));
    let runtime = runtime();
    let endpoint = |tls: ClientTlsConfig| {
        Endpoint::from_shared(format!("https://{address}"))
            .unwrap()
            .tls_config(tls)
            .unwrap()
    };
    let trusting = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(pki.read("ca.crt")))
        .domain_name("localhost");

    let anonymous = runtime.block_on(async {
        let channel = endpoint(trusting.clone()).connect().await.map_err(|_| ())?;
        let mut client = version::ServiceClient::new(channel);
        client.version(version::Request {}).await.map_err(|_| ())
    });
    assert!(anonymous.is_err(), "no certificate, no answer");

    let identity = Identity::from_pem(pki.read("client.crt"), pki.read("client.key"));
    let (_sender, mut responses) = runtime.block_on(async {
        let channel = endpoint(trusting.identity(identity))
            .connect()
            .await
            .unwrap();
        subscribe(channel).await
    });
    outputs.send(numbered(1));
    assert_eq!(runtime.block_on(receive(&mut responses, 1)), [1]);
    let grpc = outputs.counters().grpc.unwrap();
    assert!(
        grpc.subscribers[0].peer.starts_with("127.0.0.1:"),
        "{grpc:?}"
    );

    let error = Outputs::start(&pki.config(&address)).unwrap_err();
    assert!(matches!(error, StartError::InUse { .. }), "{error}");
}

#[test]
fn certificates_of_no_use_are_named() {
    let pki = Pki::new();
    let refused = |spoil: &dyn Fn(&Path), file: &str, key: &str| {
        let config = pki.config("127.0.0.1:0");
        let good = pki.read(file);
        spoil(&pki.path(file));
        let error = Outputs::check(&config).unwrap_err().to_string();
        assert_eq!(error, Outputs::start(&config).unwrap_err().to_string());
        fs::write(pki.path(file), good).unwrap();
        assert!(error.contains(key) && error.contains(file), "{error}");
    };
    for (file, key) in [
        ("server.crt", "grpc.cert_chain"),
        ("server.key", "grpc.private_key"),
        ("ca.crt", "grpc.root_certs"),
    ] {
        refused(&|path| fs::remove_file(path).unwrap(), file, key);
        refused(&|path| fs::write(path, "nonsense").unwrap(), file, key);
    }
    Outputs::check(&pki.config("127.0.0.1:0")).unwrap();
    let mut other = pki.config("127.0.0.1:0");
    if let Some(GrpcBind::Tcp { private_key, .. }) = other.grpc.as_mut().map(|grpc| &mut grpc.bind)
    {
        *private_key = pki.path("client.key");
    }
    let error = Outputs::start(&other).unwrap_err();
    assert!(
        matches!(error, StartError::Tls { what: "grpc", .. }),
        "{error}"
    );

    let error = Outputs::start(&pki.config("no port")).unwrap_err();
    assert!(error.to_string().contains("expected host:port"), "{error}");
}
