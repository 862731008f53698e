//! What is known about containers beyond what their cgroups say.

use std::sync::Arc;

use container::ContainerId;

/// A source of facts about containers: what runtimes told so far.
///
/// Asked while rules are evaluated, so an answer has to be there at once: `None` when nothing is
/// known (yet), and the fields are absent.
pub trait ContainerMetadata: Send + Sync {
    /// What is known about a container.
    fn container(&self, id: &ContainerId) -> Option<Arc<ContainerInfo>>;
}

/// Facts about one container. Empty texts are unknown ones.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct ContainerInfo {
    /// The whole id.
    pub full_id: String,
    /// Name.
    pub name: String,
    /// Image, as the container was started with it.
    pub image: String,
    /// Id of the image.
    pub image_id: String,
    /// Image without tag and digest.
    pub image_repository: String,
    /// Tag of the image.
    pub image_tag: String,
    /// Digest of the image.
    pub image_digest: String,
    /// Whether it has all privileges.
    pub privileged: Option<bool>,
    /// Whether it shares the host's pid namespace.
    pub host_pid: Option<bool>,
    /// Whether it shares the host's network namespace.
    pub host_network: Option<bool>,
    /// Whether it shares the host's IPC namespace.
    pub host_ipc: Option<bool>,
    /// Mounts.
    pub mounts: Vec<Mount>,
    /// Labels, sorted by name.
    pub labels: Vec<(String, String)>,
    /// Address of the container, or of its pod.
    pub ip: String,
    /// Result of the network plugins, as JSON.
    pub cni_json: String,
    /// Command of the health check.
    pub healthcheck: String,
    /// Command of the liveness probe.
    pub liveness_probe: String,
    /// Command of the readiness probe.
    pub readiness_probe: String,
    /// The whole id of the pod's sandbox.
    pub pod_sandbox_id: String,
    /// Labels of the pod, sorted by name.
    pub pod_labels: Vec<(String, String)>,
}

/// One mount of a container.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Mount {
    /// Path on the host.
    pub source: String,
    /// Path in the container.
    pub destination: String,
    /// Mode, as the runtime writes it.
    pub mode: String,
    /// Whether it is writable.
    pub rdwr: bool,
    /// Propagation, as the runtime writes it.
    pub propagation: String,
}

impl ContainerInfo {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        find(&self.labels, name)
    }

    /// The value of a label of the pod.
    pub fn pod_label(&self, name: &str) -> Option<&str> {
        find(&self.pod_labels, name)
    }
}

fn find<'a>(labels: &'a [(String, String)], name: &str) -> Option<&'a str> {
    labels
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}
