//! `k8saudit`: actions on a Kubernetes cluster, which engines see in its audit log.
//!
//! Each creates what its rule looks for and deletes it at once, also when it fails half way. The rows are
//! in the crate `action`, like all others; what they create is in `objects`, and how a cluster is
//! reached in `connect`.

mod connect;
mod objects;

use std::sync::OnceLock;

use action::{Action, Failure, Need};
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::cli::KubernetesFlags;
use connect::Refusal;
use objects::Object;

/// A cluster, connected to when it is first needed.
pub(crate) struct Cluster {
    flags: KubernetesFlags,
    connection: OnceLock<Result<Connection, Refusal>>,
}

struct Connection {
    runtime: Runtime,
    client: Client,
    namespace: String,
}

/// Whether an action is done on a cluster.
pub(crate) fn is_on_cluster(action: &Action) -> bool {
    action.needs.contains(&Need::Kubernetes)
}

impl Cluster {
    /// The cluster that the flags mean.
    pub(crate) fn new(flags: &KubernetesFlags) -> Self {
        Self {
            flags: flags.clone(),
            connection: OnceLock::new(),
        }
    }

    /// Does an action: creates its objects, and deletes them.
    ///
    /// # Errors
    /// [`Failure::Skipped`] when nothing says where a cluster is; else what the cluster refused.
    pub(crate) fn perform(&self, action: &Action) -> Result<(), Failure> {
        let connection = match self.connection.get_or_init(|| connect(&self.flags)) {
            Ok(connection) => connection,
            Err(Refusal::NoCluster) => {
                return Err(Failure::skipped(
                    "no cluster is known: give --kubeconfig or --server",
                ));
            }
            Err(Refusal::Wrong(reason)) => {
                return Err(failed("connect to the cluster", reason.clone()));
            }
        };
        let name = format!(
            "event-generator-{}",
            crate::suite::token(5).map_err(|error| failed("choose a name", error.to_string()))?
        );
        let objects =
            objects::objects(action.name, &name, &connection.namespace).ok_or_else(|| {
                failed(
                    "look up what to create",
                    format!("{} has nothing", action.name),
                )
            })?;
        let rule = action.rule.unwrap_or_default();
        connection
            .runtime
            .block_on(create_and_delete(connection, &objects, &name, rule))
    }
}

fn failed(step: impl Into<String>, reason: String) -> Failure {
    Failure::Failed {
        step: step.into().into(),
        source: std::io::Error::other(reason),
    }
}

fn connect(flags: &KubernetesFlags) -> Result<Connection, Refusal> {
    let wrong = |error: &dyn std::error::Error| Refusal::Wrong(crate::error::reasons(error));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| wrong(&error))?;
    // The build has one provider of cryptography, and everything here names it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (client, namespace) = runtime.block_on(async {
        let config = connect::config(flags).await?;
        let namespace = config.default_namespace.clone();
        let client = Client::try_from(config).map_err(|error| wrong(&error))?;
        Ok((client, namespace))
    })?;
    Ok(Connection {
        runtime,
        client,
        namespace,
    })
}

async fn create_and_delete(
    connection: &Connection,
    objects: &[Object],
    name: &str,
    rule: &str,
) -> Result<(), Failure> {
    let mut created = Vec::new();
    let mut result = Ok(());
    for object in objects {
        let api = api(connection, object);
        let step = || format!("create {} {name}", object.kind);
        match manifest(object, name, rule) {
            Ok(manifest) => match api.create(&PostParams::default(), &manifest).await {
                Ok(made) => created.push((object, api, made.name_any())),
                Err(error) => result = Err(failed(step(), crate::error::reasons(&error))),
            },
            Err(error) => result = Err(failed(step(), error.to_string())),
        }
        if result.is_err() {
            break;
        }
    }
    // What was made goes, whatever happened since; the first error is the one that is told.
    for (object, api, name) in created.into_iter().rev() {
        let at_once = DeleteParams::default().grace_period(0);
        if let Err(error) = api.delete(&name, &at_once).await {
            let failure = failed(
                format!("delete {} {name}", object.kind),
                crate::error::reasons(&error),
            );
            result = result.and(Err(failure));
        }
    }
    result
}

fn resource(object: &Object) -> ApiResource {
    let kind = GroupVersionKind::gvk(object.group, object.version, object.kind);
    ApiResource::from_gvk_with_plural(&kind, object.plural)
}

fn api(connection: &Connection, object: &Object) -> Api<DynamicObject> {
    let client = connection.client.clone();
    let resource = resource(object);
    if object.namespaced {
        Api::namespaced_with(client, &connection.namespace, &resource)
    } else {
        Api::all_with(client, &resource)
    }
}

/// The object as it is sent. Labels cannot hold blanks, so the rule's have dashes in their place.
fn manifest(object: &Object, name: &str, rule: &str) -> serde_json::Result<DynamicObject> {
    let resource = resource(object);
    let label: String = rule
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let mut manifest = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {
            "name": name,
            "labels": {
                "app.kubernetes.io/part-of": "falco-event-generator",
                "falco.org/rule": label,
            },
        },
    });
    if let (Some(all), Value::Object(body)) = (manifest.as_object_mut(), object.body.clone()) {
        all.extend(body);
    }
    serde_json::from_value(manifest)
}
