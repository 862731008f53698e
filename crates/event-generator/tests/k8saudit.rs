//! Actions on a cluster, against a server that speaks enough of the API and records what it was sent.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;

/// A request that the server got.
#[derive(Clone, Debug)]
struct Sent {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Sent {
    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// What the server refuses: a method, and a part of the path.
type Refused = Option<(Method, &'static str)>;

/// An API server on a thread of its own, for as long as the test's process lives.
struct Server {
    port: u16,
    sent: Arc<Mutex<Vec<Sent>>>,
}

impl Server {
    fn start(refused: Refused, tls: Option<TlsAcceptor>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let sent: Arc<Mutex<Vec<Sent>>> = Arc::default();
        let record = Arc::clone(&sent);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let (record, refused, tls) =
                        (Arc::clone(&record), refused.clone(), tls.clone());
                    tokio::spawn(async move {
                        let service = service_fn(move |request| {
                            answer(request, Arc::clone(&record), refused.clone())
                        });
                        let server = hyper::server::conn::http1::Builder::new();
                        match tls {
                            None => {
                                let _ =
                                    server.serve_connection(TokioIo::new(stream), service).await;
                            }
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    let _ = server
                                        .serve_connection(TokioIo::new(stream), service)
                                        .await;
                                }
                            }
                        }
                    });
                }
            });
        });
        Self { port, sent }
    }

    fn sent(&self) -> Vec<Sent> {
        self.sent.lock().unwrap().clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    record: Arc<Mutex<Vec<Sent>>>,
    refused: Refused,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let bytes = body
        .collect()
        .await
        .map(|body| body.to_bytes())
        .unwrap_or_default();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let sent = Sent {
        method: parts.method.clone(),
        path: parts.uri.path().to_owned(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str().to_owned(),
                    value.to_str().unwrap_or_default().to_owned(),
                )
            })
            .collect(),
        body: body.clone(),
    };
    let is_refused =
        refused.is_some_and(|(method, path)| method == sent.method && sent.path.contains(path));
    record.lock().unwrap().push(sent);
    let (status, answer) = if is_refused {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden",
            "message": "not for you", "code": 403});
        (StatusCode::FORBIDDEN, status)
    } else if parts.method == Method::POST {
        let mut made = body;
        made["metadata"]["uid"] = "4711".into();
        (StatusCode::CREATED, made)
    } else {
        (
            StatusCode::OK,
            json!({"kind": "Status", "apiVersion": "v1", "status": "Success"}),
        )
    };
    let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(
        "content-type",
        hyper::header::HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_event-generator"))
        .args(["run", "--all", "--sleep", "0s"])
        .args(arguments)
        .env("HOME", "/nonexistent")
        .env_remove("KUBECONFIG")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn address(server: &Server) -> String {
    format!("http://127.0.0.1:{}", server.port)
}

/// The paths that objects are created at, by action; `{ns}` is the namespace.
const PATHS: [(&str, &[&str]); 13] = [
    (
        "ClusterRoleWithPodExecCreated",
        &["/apis/rbac.authorization.k8s.io/v1/clusterroles"],
    ),
    (
        "ClusterRoleWithWildcardCreated",
        &["/apis/rbac.authorization.k8s.io/v1/clusterroles"],
    ),
    (
        "ClusterRoleWithWritePrivilegesCreated",
        &["/apis/rbac.authorization.k8s.io/v1/clusterroles"],
    ),
    ("CreateDisallowedPod", &["/api/v1/namespaces/ns1/pods"]),
    ("CreateHostNetworkPod", &["/api/v1/namespaces/ns1/pods"]),
    (
        "CreateModifyConfigmapWithPrivateCredentials",
        &["/api/v1/namespaces/ns1/configmaps"],
    ),
    (
        "CreateNodePortService",
        &["/api/v1/namespaces/ns1/services"],
    ),
    ("CreatePrivilegedPod", &["/api/v1/namespaces/ns1/pods"]),
    ("CreateSensitiveMountPod", &["/api/v1/namespaces/ns1/pods"]),
    (
        "K8SConfigMapCreated",
        &["/api/v1/namespaces/ns1/configmaps"],
    ),
    (
        "K8SDeploymentCreated",
        &["/apis/apps/v1/namespaces/ns1/deployments"],
    ),
    ("K8SServiceCreated", &["/api/v1/namespaces/ns1/services"]),
    (
        "K8SServiceaccountCreated",
        &[
            "/api/v1/namespaces/ns1/serviceaccounts",
            "/apis/rbac.authorization.k8s.io/v1/namespaces/ns1/roles",
            "/apis/rbac.authorization.k8s.io/v1/namespaces/ns1/rolebindings",
        ],
    ),
];

#[test]
fn each_action_creates_its_objects_and_deletes_them_at_once() {
    for (action, paths) in PATHS {
        let server = Server::start(None, None);
        let name = format!("^k8saudit.{action}$");
        let output = run(&[
            &name,
            "-s",
            &address(&server),
            "-n",
            "ns1",
            "--token",
            "secret",
            "--as",
            "jane",
            "--as-group",
            "g1",
            "--as-uid",
            "77",
        ]);
        assert!(output.status.success(), "{action}: {}", stderr(&output));
        let sent = server.sent();
        assert_eq!(sent.len(), paths.len() * 2, "{action}: {sent:#?}");
        let (created, deleted) = sent.split_at(paths.len());
        for (sent, path) in created.iter().zip(paths) {
            assert_eq!(
                (&sent.method, sent.path.as_str()),
                (&Method::POST, *path),
                "{action}"
            );
            let metadata = &sent.body["metadata"];
            assert_eq!(
                metadata["labels"]["app.kubernetes.io/part-of"],
                "falco-event-generator"
            );
            let rule = metadata["labels"]["falco.org/rule"].as_str().unwrap();
            let letters = |text: &str| {
                text.to_lowercase()
                    .replace(|c: char| !c.is_ascii_alphanumeric(), "")
            };
            assert_eq!(letters(rule), letters(action));
            assert!(sent.body["kind"].is_string() && sent.body["apiVersion"].is_string());
        }
        for (sent, made) in deleted.iter().zip(created.iter().rev()) {
            let name = made.body["metadata"]["name"].as_str().unwrap();
            assert_eq!(sent.method, Method::DELETE, "{action}");
            assert_eq!(sent.path, format!("{}/{name}", made.path), "{action}");
            assert_eq!(sent.body["gracePeriodSeconds"], 0);
        }
        for sent in &sent {
            assert_eq!(sent.header("authorization"), Some("Bearer secret"));
            assert_eq!(sent.header("impersonate-user"), Some("jane"));
            assert_eq!(sent.header("impersonate-group"), Some("g1"));
            assert_eq!(sent.header("impersonate-uid"), Some("77"));
        }
    }
}

#[test]
fn objects_are_what_their_rules_look_for() {
    let body = |action: &str| {
        let server = Server::start(None, None);
        let output = run(&[&format!("^k8saudit.{action}$"), "-s", &address(&server)]);
        assert!(output.status.success(), "{}", stderr(&output));
        server
            .sent()
            .into_iter()
            .map(|sent| sent.body)
            .collect::<Vec<_>>()
    };
    let pod = |action| body(action)[0]["spec"].clone();
    assert_eq!(pod("CreateHostNetworkPod")["hostNetwork"], true);
    assert_eq!(
        pod("CreatePrivilegedPod")["containers"][0]["securityContext"]["privileged"],
        true
    );
    assert_eq!(
        pod("CreateSensitiveMountPod")["volumes"][0]["hostPath"]["path"],
        "/etc"
    );
    assert_eq!(pod("CreateNodePortService")["type"], "NodePort");
    assert_eq!(pod("K8SDeploymentCreated")["replicas"], 0);
    let role = &body("ClusterRoleWithWildcardCreated")[0];
    assert_eq!(
        (&role["kind"], &role["rules"][0]["resources"][0]),
        (&json!("ClusterRole"), &json!("*"))
    );
    let secrets = &body("CreateModifyConfigmapWithPrivateCredentials")[0]["data"];
    assert!(secrets.to_string().contains("password ="), "{secrets}");
    let account = body("K8SServiceaccountCreated");
    assert_eq!(
        account[2]["subjects"][0]["name"],
        account[0]["metadata"]["name"]
    );
    assert_eq!(account[2]["subjects"][0]["namespace"], "default");
}

#[test]
fn what_the_cluster_refuses_fails_the_run_and_leaves_nothing() {
    // The third of three is refused: the other two are deleted.
    let server = Server::start(Some((Method::POST, "rolebindings")), None);
    let output = run(&[
        "^k8saudit.K8SServiceaccountCreated$",
        "-s",
        &address(&server),
    ]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("create RoleBinding") && text.contains("not for you"),
        "{text}"
    );
    let methods: Vec<Method> = server.sent().into_iter().map(|sent| sent.method).collect();
    assert_eq!(
        methods,
        [
            Method::POST,
            Method::POST,
            Method::POST,
            Method::DELETE,
            Method::DELETE
        ]
    );

    let server = Server::start(Some((Method::DELETE, "configmaps")), None);
    let output = run(&["^k8saudit.K8SConfigMapCreated$", "-s", &address(&server)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("delete ConfigMap"),
        "{}",
        stderr(&output)
    );

    // Nobody listens.
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = run(&[
        "^k8saudit.K8SConfigMapCreated$",
        "-s",
        &format!("http://{closed}"),
        "--request-timeout",
        "2s",
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));

    for wrong in [
        &["--kubeconfig", "/nonexistent/config"][..],
        &[
            "-s",
            "http://127.0.0.1:1",
            "--certificate-authority",
            "/nonexistent/ca.crt",
        ],
        &["-s", "http://127.0.0.1:1", "--request-timeout", "soon"],
        &["-s", "::::"],
        &["--context", "nosuch"],
    ] {
        let mut arguments = vec!["^k8saudit.K8SConfigMapCreated$"];
        arguments.extend(wrong);
        let output = run(&arguments);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{wrong:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn without_a_cluster_they_are_skipped() {
    let output = run(&["^k8saudit.K8SConfigMapCreated$"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("no cluster is known"),
        "{}",
        stderr(&output)
    );
}

/// A folder with the certificate of an authority, and a server's that it vouches for.
fn authority() -> (TempDir, PathBuf, TlsAcceptor) {
    let folder = tempfile::tempdir().unwrap();
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["kube.test".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let path = folder.path().join("ca.crt");
    std::fs::write(&path, authority.pem()).unwrap();
    let certificate = CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    (folder, path, TlsAcceptor::from(Arc::new(config)))
}

#[test]
fn the_servers_certificate_is_looked_at() {
    let (folder, ca, tls) = authority();
    let server = Server::start(None, Some(tls));
    let url = format!("https://127.0.0.1:{}", server.port);
    let ca = ca.to_str().unwrap();
    let action = "^k8saudit.K8SConfigMapCreated$";
    let output = run(&[action, "-s", &url]);
    assert_eq!(
        output.status.code(),
        Some(1),
        "an authority that nobody knows"
    );
    let output = run(&[action, "-s", &url, "--certificate-authority", ca]);
    assert_eq!(output.status.code(), Some(1), "the name is another");
    assert!(server.sent().is_empty());
    let output = run(&[
        action,
        "-s",
        &url,
        "--certificate-authority",
        ca,
        "--tls-server-name",
        "kube.test",
    ]);
    assert!(output.status.success(), "{}", stderr(&output));
    let output = run(&[action, "-s", &url, "--insecure-skip-tls-verify"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(server.sent().len(), 4);

    // The same from a kubeconfig file.
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": url, "certificate-authority": ca, "tls-server-name": "kube.test"}}],
        "users": [{"name": "u", "user": {"token": "from-file"}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u", "namespace": "ns2"}}],
    });
    let path = folder.path().join("config");
    std::fs::write(&path, config.to_string()).unwrap();
    let output = run(&[action, "--kubeconfig", path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", stderr(&output));
    let last = server.sent().pop().unwrap();
    assert_eq!(last.header("authorization"), Some("Bearer from-file"));
    assert!(last.path.contains("/namespaces/ns2/"), "{}", last.path);
}
