//! The certificate of the web server: one PEM file with the chain and the key.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Reads the file.
///
/// # Errors
///
/// When it cannot be read, or does not hold a certificate and its key.
pub(super) fn acceptor(path: &Path) -> Result<TlsAcceptor> {
    let file = format!("webserver.ssl_certificate {}", path.display());
    let pem = std::fs::read(path).with_context(|| format!("{file}: failed to read it"))?;
    let chain = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .with_context(|| format!("{file}: not a PEM file"))?;
    if chain.is_empty() {
        bail!(
            "{file}: expected a certificate and its private key in PEM form, found no certificate"
        );
    }
    let key = PrivateKeyDer::from_pem_slice(&pem).with_context(|| {
        format!("{file}: expected a private key in PEM form beside the certificate")
    })?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .with_context(|| format!("{file}: of no use"))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
