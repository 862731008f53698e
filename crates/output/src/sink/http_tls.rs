//! Whom the HTTP sink trusts, and how it proves who it is.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::config::HttpConfig;
use crate::error::{StartError, read};

/// The TLS settings of a client. `used`: whether the URL is an `https` one; otherwise no file is read.
pub(super) fn client(config: &HttpConfig, used: bool) -> Result<ClientConfig, StartError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| StartError::Tls {
            what: "http_output",
            reason: error.to_string(),
        })?;
    let builder = if config.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyServer { provider }))
    } else {
        builder.with_root_certificates(if used {
            roots(config)?
        } else {
            RootCertStore::empty()
        })
    };
    let Some((certificate, key)) = config.identity.as_ref().filter(|_| used) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates("http_output.client_cert", certificate)?;
    let pem = read("http_output.client_key", key)?;
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| StartError::Certificate {
        what: "http_output.client_key",
        path: key.clone(),
        reason: format!("expected a private key in PEM form: {error}"),
    })?;
    builder
        .with_client_auth_cert(chain, key)
        .map_err(|error| StartError::Tls {
            what: "http_output",
            reason: error.to_string(),
        })
}

/// The authorities to trust: those of the file, or those of all files of the directory.
fn roots(config: &HttpConfig) -> Result<RootCertStore, StartError> {
    let mut store = RootCertStore::empty();
    if let Some(file) = &config.ca_file {
        let found = certificates("http_output.ca_cert", file)?;
        store.add_parsable_certificates(found);
    } else {
        let directory = &config.ca_path;
        let entries = std::fs::read_dir(directory).map_err(|source| StartError::File {
            what: "http_output.ca_path",
            path: directory.clone(),
            source,
        })?;
        for entry in entries.flatten() {
            // A directory of authorities holds other files too, and links that lead nowhere.
            let Ok(pem) = std::fs::read(entry.path()) else {
                continue;
            };
            store.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
        }
    }
    if store.is_empty() {
        return Err(StartError::Certificate {
            what: "http_output.ca_cert, ca_bundle or ca_path",
            path: config
                .ca_file
                .clone()
                .unwrap_or_else(|| config.ca_path.clone()),
            reason: "expected certificates in PEM form, found none".to_owned(),
        });
    }
    Ok(store)
}

fn certificates(
    what: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let pem = read(what, path)?;
    CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| StartError::Certificate {
            what,
            path: path.to_owned(),
            reason: format!("not a PEM file: {error}"),
        })
}

/// Trusts any certificate, for `insecure`. Signatures are still checked: encryption is then with
/// whoever answers.
#[derive(Debug)]
struct AnyServer {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyServer {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
