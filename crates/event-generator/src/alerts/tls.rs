//! Certificates and keys.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::Error;
use crate::cli::{AlertFlags, SecurityMode};

/// Our side of a gRPC connection: both sides show a certificate.
pub(super) fn for_client(flags: &AlertFlags) -> Result<ClientTlsConfig, Error> {
    let identity = Identity::from_pem(read(&flags.grpc_cert)?, read(&flags.grpc_key)?);
    Ok(ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(read(&flags.grpc_ca)?))
        .identity(identity)
        .domain_name(flags.grpc_hostname.clone()))
}

/// Our side of an HTTP connection; `None` when it is in the clear.
pub(super) fn for_server(flags: &AlertFlags) -> Result<Option<TlsAcceptor>, Error> {
    let mode = flags.http_server_security_mode;
    if mode == SecurityMode::Insecure {
        return Ok(None);
    }
    // Named, because a second provider in the build would make the default ambiguous.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&flags.http_server_cert, &error))?;
    let builder = if mode == SecurityMode::Mtls {
        let ca = &flags.http_client_ca;
        let mut roots = RootCertStore::empty();
        for certificate in certificates(ca)? {
            roots.add(certificate).map_err(|error| wrong(ca, &error))?;
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| wrong(ca, &error))?;
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_slice(&read(&flags.http_server_key)?)
        .map_err(|error| wrong(&flags.http_server_key, &error))?;
    let config = builder
        .with_single_cert(certificates(&flags.http_server_cert)?, key)
        .map_err(|error| wrong(&flags.http_server_cert, &error))?;
    Ok(Some(Arc::new(config).into()))
}

/// The certificates in a file; there must be one.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let certificates = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(path, &error))?;
    if certificates.is_empty() {
        return Err(Error::Certificate {
            path: path.to_owned(),
            reason: "holds no certificate in PEM form".to_owned(),
        });
    }
    Ok(certificates)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| wrong(path, &error))
}

fn wrong(path: &Path, error: &dyn std::error::Error) -> Error {
    Error::Certificate {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
