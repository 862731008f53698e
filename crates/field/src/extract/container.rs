//! `container.*`, `k8s.*` and `proc.is_container_*`.
//!
//! Id and runtime are in the cgroups of a process, so they are there from its first event. All else
//! comes from [`ContainerMetadata`](crate::ContainerMetadata): as long as that knows nothing of a
//! container, its fields are absent. What Kubernetes says of a pod is in the labels that it gives
//! to containers and in the pod's own.

use container::ContainerType;

use crate::argument::Argument;
use crate::metadata::{ContainerInfo, Mount};
use crate::table::ContainerKey as K;
use crate::view::{Extracted, View};

/// The id, name and type of what is outside containers.
const HOST: &str = "host";

/// How many characters of an id are shown.
const SHORT_ID: usize = 12;

const POD_NAME: &str = "io.kubernetes.pod.name";
const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
const POD_UID: &str = "io.kubernetes.pod.uid";

pub(crate) fn extract<'a>(
    view: &View<'a>,
    key: K,
    argument: &Argument,
    out: &mut Vec<u8>,
) -> Extracted<'a> {
    let Some(thread) = view.thread() else {
        return Extracted::Absent;
    };
    let Some((id, runtime)) = view.state.container(thread) else {
        return match key {
            K::Id | K::FullId | K::Name | K::Type => Extracted::text(HOST),
            _ => Extracted::Absent,
        };
    };
    match key {
        K::Id => return write(id.as_bytes(), out),
        K::Type => return Extracted::text(type_name(runtime)),
        K::StartTs => {
            let start = Some(thread.pidns_init_start_ts).filter(|&ts| ts != 0);
            return Extracted::of(start, Extracted::u64);
        }
        K::Duration => {
            let start = Some(thread.pidns_init_start_ts).filter(|&ts| ts != 0);
            let since = start.and_then(|start| view.event.ts().checked_sub(start));
            return Extracted::of(since, Extracted::u64);
        }
        _ => {}
    }
    Extracted::of(view.container(), |info| {
        from_metadata(info, key, argument, out)
    })
}

fn from_metadata<'a>(
    info: &ContainerInfo,
    key: K,
    argument: &Argument,
    out: &mut Vec<u8>,
) -> Extracted<'a> {
    let mut text = |text: &str| match text {
        "" => Extracted::Absent,
        text => write(text.as_bytes(), out),
    };
    let flag = |flag: Option<bool>| Extracted::of(flag, Extracted::bool);

    match key {
        K::FullId => text(&info.full_id),
        K::Name => text(&info.name),
        K::Image => text(&info.image),
        K::ImageId => text(&info.image_id),
        K::ImageRepository => text(&info.image_repository),
        K::ImageTag => text(&info.image_tag),
        K::ImageDigest => text(&info.image_digest),
        K::Privileged => flag(info.privileged),
        K::HostPid => flag(info.host_pid),
        K::HostNetwork => flag(info.host_network),
        K::HostIpc => flag(info.host_ipc),
        K::Healthcheck => text(&info.healthcheck),
        K::LivenessProbe => text(&info.liveness_probe),
        K::ReadinessProbe => text(&info.readiness_probe),
        K::Ip | K::K8sPodIp => text(&info.ip),
        K::CniJson | K::K8sPodCniJson => text(&info.cni_json),
        K::Mounts => {
            for (index, mount) in info.mounts.iter().enumerate() {
                separate(index, out);
                write_mount(mount, out);
            }
            Extracted::written(!info.mounts.is_empty())
        }
        K::Mount => Extracted::of(mount(info, argument, source), |mount| {
            write_mount(mount, out);
            Extracted::Written
        }),
        K::MountSource => Extracted::of(mount(info, argument, destination), |mount| {
            text(&mount.source)
        }),
        K::MountDest => Extracted::of(mount(info, argument, source), |mount| {
            text(&mount.destination)
        }),
        K::MountMode => Extracted::of(mount(info, argument, source), |mount| text(&mount.mode)),
        K::MountRdwr => Extracted::of(mount(info, argument, source), |mount| {
            text(word(mount.rdwr))
        }),
        K::MountPropagation => Extracted::of(mount(info, argument, source), |mount| {
            text(&mount.propagation)
        }),
        K::Label => text(
            argument
                .key()
                .and_then(|name| info.label(name))
                .unwrap_or_default(),
        ),
        K::Labels => write_labels(&info.labels, out),
        K::K8sPodName => text(info.label(POD_NAME).unwrap_or_default()),
        K::K8sNsName => text(info.label(POD_NAMESPACE).unwrap_or_default()),
        K::K8sPodUid => text(info.label(POD_UID).unwrap_or_default()),
        K::K8sPodId | K::K8sPodSandboxId => {
            let short = info
                .pod_sandbox_id
                .get(..SHORT_ID)
                .unwrap_or(&info.pod_sandbox_id);
            text(short)
        }
        K::K8sPodFullSandboxId => text(&info.pod_sandbox_id),
        K::K8sPodLabel => text(
            argument
                .key()
                .and_then(|name| info.pod_label(name))
                .unwrap_or_default(),
        ),
        K::K8sPodLabels => write_labels(&info.pod_labels, out),
        // Dealt with, or nothing the engine has data for.
        K::Id | K::Type | K::StartTs | K::Duration => Extracted::Absent,
        K::ProcIsContainerHealthcheck
        | K::ProcIsContainerLivenessProbe
        | K::ProcIsContainerReadinessProbe => Extracted::Absent,
        K::K8sRcName | K::K8sRcId | K::K8sRcLabel | K::K8sRcLabels => Extracted::Absent,
        K::K8sSvcName | K::K8sSvcId | K::K8sSvcLabel | K::K8sSvcLabels => Extracted::Absent,
        K::K8sNsId | K::K8sNsLabel | K::K8sNsLabels => Extracted::Absent,
        K::K8sRsName | K::K8sRsId | K::K8sRsLabel | K::K8sRsLabels => Extracted::Absent,
        K::K8sDeploymentName
        | K::K8sDeploymentId
        | K::K8sDeploymentLabel
        | K::K8sDeploymentLabels => Extracted::Absent,
    }
}

/// Appends the id of the container; nothing outside containers.
pub(crate) fn write_id(view: &View<'_>, out: &mut Vec<u8>) {
    if let Some(id) = view.container_id() {
        out.extend_from_slice(id.as_bytes());
    }
}

fn type_name(runtime: ContainerType) -> &'static str {
    match runtime {
        ContainerType::Docker => "docker",
        ContainerType::Cri => "cri",
        ContainerType::Podman => "podman",
        ContainerType::Containerd => "containerd",
        ContainerType::Lxc => "lxc",
        ContainerType::LibvirtLxc => "libvirt_lxc",
        ContainerType::Bpm => "bpm",
    }
}

fn source(mount: &Mount) -> &str {
    &mount.source
}

fn destination(mount: &Mount) -> &str {
    &mount.destination
}

/// The mount with a number, or the first one whose path on one side matches.
fn mount<'i>(
    info: &'i ContainerInfo,
    argument: &Argument,
    side: fn(&Mount) -> &str,
) -> Option<&'i Mount> {
    match argument {
        Argument::Index(index) => info.mounts.get(*index as usize),
        Argument::Key(path) => info.mounts.iter().find(|mount| side(mount) == &**path),
        _ => None,
    }
}

fn word(holds: bool) -> &'static str {
    if holds { "true" } else { "false" }
}

fn write_mount(mount: &Mount, out: &mut Vec<u8>) {
    let parts = [
        &mount.source,
        &mount.destination,
        &mount.mode,
        word(mount.rdwr),
        &mount.propagation,
    ];
    for (index, part) in parts.into_iter().enumerate() {
        if index > 0 {
            out.push(b':');
        }
        out.extend_from_slice(part.as_bytes());
    }
}

fn write_labels<'a>(labels: &[(String, String)], out: &mut Vec<u8>) -> Extracted<'a> {
    for (index, (name, value)) in labels.iter().enumerate() {
        separate(index, out);
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
    }
    Extracted::written(!labels.is_empty())
}

fn separate(index: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
}

fn write<'a>(bytes: &[u8], out: &mut Vec<u8>) -> Extracted<'a> {
    out.extend_from_slice(bytes);
    Extracted::Written
}
