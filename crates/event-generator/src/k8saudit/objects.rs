//! What each action creates.
//!
//! The original creates Roles where its rules speak of cluster roles, a binding that names no account
//! that exists, and deployments whose pods are started on real nodes. Here cluster roles are cluster
//! roles, bound to nobody; the binding names its account; and pods ask for a node that no cluster has,
//! so that they are seen by the audit log and are never run, nor is an image pulled.

use serde_json::{Value, json};

/// An object to create.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Object {
    /// API group; empty for the core.
    pub(super) group: &'static str,
    /// Version of the group.
    pub(super) version: &'static str,
    /// Kind, as in manifests.
    pub(super) kind: &'static str,
    /// The kind in paths.
    pub(super) plural: &'static str,
    /// Whether it belongs to a namespace.
    pub(super) namespaced: bool,
    /// What it says besides kind and metadata.
    pub(super) body: Value,
}

const RBAC: &str = "rbac.authorization.k8s.io";

/// A label that no node has.
const NOWHERE: &str = "falco.org/event-generator-nowhere";

/// The objects of an action, in the order in which they are created; each gets the name `name`. None for
/// a name that is no such action.
pub(super) fn objects(action: &str, name: &str, namespace: &str) -> Option<Vec<Object>> {
    let one = |object| Some(vec![object]);
    match action {
        "k8saudit.ClusterRoleWithPodExecCreated" => one(cluster_role("pods/exec", "get")),
        "k8saudit.ClusterRoleWithWildcardCreated" => one(cluster_role("*", "get")),
        "k8saudit.ClusterRoleWithWritePrivilegesCreated" => one(cluster_role("pods", "create")),
        "k8saudit.CreateDisallowedPod" => one(pod(json!({}), json!({}))),
        "k8saudit.CreateHostNetworkPod" => one(pod(json!({"hostNetwork": true}), json!({}))),
        "k8saudit.CreatePrivilegedPod" => one(pod(
            json!({}),
            json!({"securityContext": {"privileged": true}}),
        )),
        "k8saudit.CreateSensitiveMountPod" => one(pod(
            json!({"volumes": [{"name": "machine", "hostPath": {"path": "/etc"}}]}),
            json!({"volumeMounts": [{"name": "machine", "mountPath": "/machine", "readOnly": true}]}),
        )),
        "k8saudit.CreateModifyConfigmapWithPrivateCredentials" => one(config_map(&json!({
            "settings": "user = nobody\npassword = made-up-by-the-event-generator\n"
        }))),
        "k8saudit.K8SConfigMapCreated" => one(config_map(&json!({"colour": "green"}))),
        "k8saudit.CreateNodePortService" => one(service("NodePort")),
        "k8saudit.K8SServiceCreated" => one(service("ClusterIP")),
        "k8saudit.K8SDeploymentCreated" => one(deployment(name)),
        "k8saudit.K8SServiceaccountCreated" => Some(account(name, namespace)),
        _ => None,
    }
}

fn core(kind: &'static str, plural: &'static str, body: Value) -> Object {
    Object {
        group: "",
        version: "v1",
        kind,
        plural,
        namespaced: true,
        body,
    }
}

fn cluster_role(resource: &str, verb: &str) -> Object {
    Object {
        group: RBAC,
        version: "v1",
        kind: "ClusterRole",
        plural: "clusterroles",
        namespaced: false,
        body: json!({"rules": [{"apiGroups": [""], "resources": [resource], "verbs": [verb]}]}),
    }
}

/// A pod that waits for a node for ever.
fn pod(more: Value, of_container: Value) -> Object {
    let mut container = json!({
        "name": "event-generator",
        "image": "busybox:latest",
        "imagePullPolicy": "Never",
        "command": ["true"],
    });
    merge(&mut container, of_container);
    let mut spec = json!({
        "nodeSelector": {NOWHERE: "true"},
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
    });
    merge(&mut spec, more);
    core("Pod", "pods", json!({"spec": spec}))
}

fn merge(into: &mut Value, more: Value) {
    if let (Some(into), Value::Object(more)) = (into.as_object_mut(), more) {
        into.extend(more);
    }
}

fn config_map(data: &Value) -> Object {
    core("ConfigMap", "configmaps", json!({"data": data}))
}

/// A service for pods that do not exist.
fn service(kind: &str) -> Object {
    core(
        "Service",
        "services",
        json!({"spec": {
            "type": kind,
            "selector": {NOWHERE: "true"},
            "ports": [{"port": 80, "protocol": "TCP"}],
        }}),
    )
}

/// A deployment of no pods.
fn deployment(name: &str) -> Object {
    let labels = json!({"app.kubernetes.io/instance": name});
    Object {
        group: "apps",
        version: "v1",
        kind: "Deployment",
        plural: "deployments",
        namespaced: true,
        body: json!({"spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": pod(json!({"restartPolicy": "Always"}), json!({})).body["spec"],
            },
        }}),
    }
}

/// A service account, a role, and the binding of the one to the other.
fn account(name: &str, namespace: &str) -> Vec<Object> {
    let rbac = |kind, plural, body| Object {
        group: RBAC,
        version: "v1",
        kind,
        plural,
        namespaced: true,
        body,
    };
    vec![
        core(
            "ServiceAccount",
            "serviceaccounts",
            json!({"automountServiceAccountToken": false}),
        ),
        rbac(
            "Role",
            "roles",
            json!({"rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]}),
        ),
        rbac(
            "RoleBinding",
            "rolebindings",
            json!({
                "roleRef": {"apiGroup": RBAC, "kind": "Role", "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_of_the_table_has_objects() {
        let audited: Vec<_> = action::all()
            .iter()
            .filter(|action| action.name.starts_with("k8saudit."))
            .collect();
        assert_eq!(audited.len(), 13);
        for action in audited {
            let objects = objects(action.name, "n", "s").unwrap();
            assert!(!objects.is_empty(), "{}", action.name);
            if action.name.contains("ClusterRole") {
                assert!(objects.iter().all(|object| object.kind == "ClusterRole"));
            }
        }
        assert!(objects("syscall.X", "n", "s").is_none());
    }

    #[test]
    fn the_binding_names_its_account_and_pods_go_nowhere() {
        let objects = objects("k8saudit.K8SServiceaccountCreated", "n", "s").unwrap();
        assert_eq!(objects[2].body["subjects"][0]["name"], "n");
        assert_eq!(objects[2].body["subjects"][0]["namespace"], "s");
        assert_eq!(objects[2].body["roleRef"]["name"], "n");
        let pod = pod(json!({}), json!({}));
        assert_eq!(pod.body["spec"]["nodeSelector"][NOWHERE], "true");
    }
}
