//! The flags of kubectl → a connection to a cluster.

use std::path::Path;
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};
use kube::Config;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

use crate::cli::KubernetesFlags;

/// How long a request may take when nothing is said.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Nothing says where a cluster is.
    NoCluster,
    /// What is said is wrong.
    Wrong(String),
}

/// Where the cluster is, and who we are there: `--kubeconfig`, else `$KUBECONFIG` or
/// `~/.kube/config`, else the account of the pod that we are in; changed by the other flags.
pub(super) async fn config(flags: &KubernetesFlags) -> Result<Config, Refusal> {
    let options = KubeConfigOptions {
        context: flags.context.clone(),
        cluster: flags.cluster.clone(),
        user: flags.user.clone(),
    };
    let wrong =
        |what: &str, error: &dyn std::error::Error| Refusal::Wrong(format!("{what}: {error}"));
    let named = flags.context.is_some() || flags.cluster.is_some() || flags.user.is_some();
    let mut config = if let Some(path) = &flags.kubeconfig {
        let file = Kubeconfig::read_from(path).map_err(|error| wrong(path, &error))?;
        Config::from_custom_kubeconfig(file, &options)
            .await
            .map_err(|error| wrong(path, &error))?
    } else {
        match Config::from_kubeconfig(&options).await {
            Ok(config) => config,
            Err(error) if named => return Err(wrong("kubeconfig", &error)),
            Err(_) => match (&flags.server, Config::incluster()) {
                (Some(server), _) => Config::new(uri(server)?),
                (None, Ok(config)) => config,
                (None, Err(_)) => return Err(Refusal::NoCluster),
            },
        }
    };
    apply(flags, &mut config)?;
    Ok(config)
}

/// What flags say beats what files say.
fn apply(flags: &KubernetesFlags, config: &mut Config) -> Result<(), Refusal> {
    if let Some(server) = &flags.server {
        config.cluster_url = uri(server)?;
    }
    if let Some(path) = &flags.certificate_authority {
        config.root_cert = Some(certificates(Path::new(path))?);
        config.root_cert_file = None;
    }
    if let Some(insecure) = flags.insecure_skip_tls_verify {
        config.accept_invalid_certs = insecure;
    }
    if let Some(name) = &flags.tls_server_name {
        config.tls_server_name = Some(name.clone());
    }
    if let Some(disable) = flags.disable_compression {
        config.disable_compression = disable;
    }
    if let Some(namespace) = &flags.namespace {
        config.default_namespace.clone_from(namespace);
    }
    let timeout = match flags.request_timeout.as_deref() {
        None => Some(PATIENCE),
        // kubectl's way to say: as long as it takes.
        Some("0") => None,
        Some(text) => Some(
            crate::go::parse_duration(text)
                .map_err(|error| Refusal::Wrong(format!("--request-timeout: {error}")))?,
        ),
    };
    config.connect_timeout = timeout;
    config.read_timeout = timeout;
    config.write_timeout = timeout;
    let given: AuthInfo = serde_json::from_value(json!({"token": flags.token}))
        .map_err(|error| Refusal::Wrong(format!("--token: {error}")))?;
    let auth = &mut config.auth_info;
    if given.token.is_some() {
        auth.token = given.token;
        auth.token_file = None;
        auth.exec = None;
        auth.auth_provider = None;
    }
    if let Some(path) = &flags.client_certificate {
        auth.client_certificate = Some(path.clone());
        auth.client_certificate_data = None;
    }
    if let Some(path) = &flags.client_key {
        auth.client_key = Some(path.clone());
        auth.client_key_data = None;
    }
    if flags.as_user.is_some() {
        auth.impersonate.clone_from(&flags.as_user);
    }
    if !flags.as_group.is_empty() {
        auth.impersonate_groups = Some(flags.as_group.clone());
    }
    if let Some(uid) = &flags.as_uid {
        // The client knows the setting and does not send it.
        let value = HeaderValue::from_str(uid)
            .map_err(|error| Refusal::Wrong(format!("--as-uid '{uid}': {error}")))?;
        let name = HeaderName::from_static("impersonate-uid");
        config.headers.push((name, value));
    }
    Ok(())
}

/// An address; without a scheme, as kubectl takes it, over HTTP.
fn uri(server: &str) -> Result<Uri, Refusal> {
    let full = if server.contains("://") {
        server.to_owned()
    } else {
        format!("http://{server}")
    };
    full.parse()
        .map_err(|error| Refusal::Wrong(format!("--server '{server}': {error}")))
}

fn certificates(path: &Path) -> Result<Vec<Vec<u8>>, Refusal> {
    let wrong = |reason: String| {
        Refusal::Wrong(format!(
            "--certificate-authority {}: {reason}",
            path.display()
        ))
    };
    let bytes = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&bytes)
        .map(|certificate| certificate.map(|certificate| certificate.to_vec()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| wrong(error.to_string()))?;
    if certificates.is_empty() {
        return Err(wrong("it holds no certificate in PEM form".to_owned()));
    }
    Ok(certificates)
}
