//! Where the gRPC server listens: a unix socket, or TCP with certificates on both sides.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{TcpListener, ToSocketAddrs};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::server::{Router, TcpIncoming};
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::config::GrpcBind;
use crate::error::{StartError, read};

/// Owner and group may connect, as root's own clients and those of a group given to the socket do.
const SOCKET_MODE: u32 = 0o660;
const DIRECTORY_MODE: u32 = 0o755;

/// An open listening socket, not yet part of a runtime.
#[derive(Debug)]
pub(super) enum Listener {
    Unix(UnixListener, SocketFile),
    Tcp(TcpListener),
}

impl Listener {
    pub(super) fn bind(bind: &GrpcBind) -> Result<Self, StartError> {
        match bind {
            GrpcBind::Unix(path) => bind_unix(path),
            GrpcBind::Tcp { address, .. } => bind_tcp(address).map(Self::Tcp),
        }
    }

    pub(super) fn split(self) -> (Option<SocketFile>, Connections) {
        match self {
            Self::Unix(listener, file) => (Some(file), Connections::Unix(listener)),
            Self::Tcp(listener) => (None, Connections::Tcp(listener)),
        }
    }
}

/// Where connections come from.
#[derive(Debug)]
pub(super) enum Connections {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Connections {
    /// Serves until the signal comes and the connections have ended.
    pub(super) async fn serve(
        self,
        router: Router,
        signal: impl Future<Output = ()>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        match self {
            Self::Unix(listener) => {
                let listener = tokio::net::UnixListener::from_std(listener)?;
                let incoming = UnixListenerStream::new(listener);
                router
                    .serve_with_incoming_shutdown(incoming, signal)
                    .await?;
            }
            Self::Tcp(listener) => {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                router
                    .serve_with_incoming_shutdown(incoming, signal)
                    .await?;
            }
        }
        Ok(())
    }
}

/// The file of a unix socket; removed when dropped, unless it is no longer ours.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode) {
            // Left behind, it is stale and the next start replaces it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Listens under a temporary name, then moves the socket to its place: so it never has other rights
/// than meant, and never stands there before it is listened on.
fn bind_unix(path: &Path) -> Result<Listener, StartError> {
    let listen_error = |step| {
        move |source| StartError::Listen {
            address: path.display().to_string(),
            step,
            source,
        }
    };
    if !path.is_absolute() {
        return Err(StartError::Address {
            key: "grpc.bind_address",
            value: format!("unix://{}", path.display()),
            reason: "expected unix:// and an absolute path, such as unix:///run/falco/falco.sock"
                .to_owned(),
        });
    }
    match std::fs::symlink_metadata(path) {
        Ok(file) if !file.file_type().is_socket() => {
            return Err(StartError::NotASocket {
                path: path.to_owned(),
            });
        }
        Ok(_) => match UnixStream::connect(path) {
            Ok(_) => {
                return Err(StartError::InUse {
                    address: path.display().to_string(),
                });
            }
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                tracing::info!(path = %path.display(), "grpc: replacing a socket nobody listens on");
            }
            Err(error) => {
                return Err(listen_error(
                    "asking who listens on the socket that is there",
                )(error));
            }
        },
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(listen_error("looking at the path")(error)),
    }
    if let Some(directory) = path.parent() {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(DIRECTORY_MODE)
            .create(directory)
            .map_err(listen_error("making its directory"))?;
    }

    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}", std::process::id()));
    let temporary = PathBuf::from(temporary);
    // Left by a process of the same number that was killed at this point.
    let _ = std::fs::remove_file(&temporary);
    let listener = UnixListener::bind(&temporary).map_err(listen_error("binding the socket"))?;
    let settle = || {
        listener.set_nonblocking(true)?;
        std::fs::set_permissions(&temporary, PermissionsExt::from_mode(SOCKET_MODE))?;
        let inode = std::fs::symlink_metadata(&temporary)?.ino();
        std::fs::rename(&temporary, path)?;
        io::Result::Ok(inode)
    };
    let inode = settle().map_err(|error| {
        let _ = std::fs::remove_file(&temporary);
        listen_error("putting the socket in place")(error)
    })?;
    Ok(Listener::Unix(
        listener,
        SocketFile {
            path: path.to_owned(),
            inode,
        },
    ))
}

fn bind_tcp(address: &str) -> Result<TcpListener, StartError> {
    let addresses: Vec<_> = address
        .to_socket_addrs()
        .map_err(|error| StartError::Address {
            key: "grpc.bind_address",
            value: address.to_owned(),
            reason: format!("expected host:port or unix:///path: {error}"),
        })?
        .collect();
    let listener = TcpListener::bind(addresses.as_slice()).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.map_err(|source| match source.kind() {
        ErrorKind::AddrInUse => StartError::InUse {
            address: address.to_owned(),
        },
        _ => StartError::Listen {
            address: address.to_owned(),
            step: "binding the port",
            source,
        },
    })
}

/// The TLS settings of a TCP address. Clients without a certificate are turned away.
pub(super) fn tls(bind: &GrpcBind) -> Result<Option<ServerTlsConfig>, StartError> {
    let GrpcBind::Tcp {
        cert_chain,
        private_key,
        root_certs,
        ..
    } = bind
    else {
        return Ok(None);
    };
    let chain = certificates("grpc.cert_chain", cert_chain)?;
    let roots = certificates("grpc.root_certs", root_certs)?;
    let key = read("grpc.private_key", private_key)?;
    PrivateKeyDer::from_pem_slice(&key).map_err(|error| StartError::Certificate {
        what: "grpc.private_key",
        path: private_key.clone(),
        reason: format!("expected a private key in PEM form: {error}"),
    })?;
    Ok(Some(
        ServerTlsConfig::new()
            .identity(Identity::from_pem(chain, key))
            .client_ca_root(Certificate::from_pem(roots)),
    ))
}

/// Reads a PEM file that must hold certificates.
fn certificates(what: &'static str, path: &Path) -> Result<Vec<u8>, StartError> {
    let pem = read(what, path)?;
    let refuse = |reason| StartError::Certificate {
        what,
        path: path.to_owned(),
        reason,
    };
    let found = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| refuse(format!("not a PEM file: {error}")))?;
    if found.is_empty() {
        return Err(refuse(
            "expected a certificate in PEM form, found none".to_owned(),
        ));
    }
    Ok(pem)
}
