//! `container.*` and `k8s.*`.

use std::sync::Arc;

use container::{ContainerId, ContainerType};
use event::EventType;
use field::{ContainerInfo, ContainerMetadata, Mount, OutputValue};

use crate::world::{NOW, VI, World, thread};

/// What one runtime says of one container.
struct Runtime(Arc<ContainerInfo>);

impl ContainerMetadata for Runtime {
    fn container(&self, id: &ContainerId) -> Option<Arc<ContainerInfo>> {
        (id.as_bytes() == b"0123456789ab").then(|| Arc::clone(&self.0))
    }
}

fn contained() -> World {
    let mut world = World::new();
    let mut web = thread(VI, VI, 1, "web", &[]);
    web.container = Some((
        ContainerId::new(b"0123456789ab").unwrap(),
        ContainerType::Cri,
    ));
    web.pidns_init_start_ts = NOW - 9;
    world.state.seed_thread(web);
    world
}

#[test]
fn outside_containers() {
    World::new().assert_texts(&[
        ("container.id", Some("host")),
        ("container.name", Some("host")),
        ("container.type", Some("host")),
        ("container.image", None),
        ("container.privileged", None),
        ("container.duration", None),
        ("k8s.pod.name", None),
    ]);
}

#[test]
fn the_id_does_not_need_metadata() {
    contained().assert_texts(&[
        ("container.id", Some("0123456789ab")),
        ("container.type", Some("cri")),
        ("container.duration", Some("9")),
        ("container.start_ts", Some("1534527348518881726")),
        ("container.name", None),
        ("container.image.repository", None),
        ("k8s.ns.name", None),
    ]);
}

#[test]
fn metadata() {
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let info = ContainerInfo {
        full_id: "0123456789abcdef".to_owned(),
        name: "web".to_owned(),
        image_repository: "docker.io/nginx".to_owned(),
        image_tag: "1.27".to_owned(),
        privileged: Some(true),
        labels: vec![
            label("io.kubernetes.pod.name", "web-1"),
            label("io.kubernetes.pod.namespace", "shop"),
        ],
        pod_sandbox_id: "fedcba9876543210".to_owned(),
        pod_labels: vec![label("app", "web")],
        mounts: vec![Mount {
            source: "/proc".to_owned(),
            destination: "/host/proc".to_owned(),
            mode: "ro".to_owned(),
            rdwr: false,
            propagation: "private".to_owned(),
        }],
        ..ContainerInfo::default()
    };
    let mut world = contained();
    world.surroundings.containers = Some(Arc::new(Runtime(Arc::new(info))));
    world.assert_texts(&[
        ("container.id", Some("0123456789ab")),
        ("container.full_id", Some("0123456789abcdef")),
        ("container.name", Some("web")),
        ("container.image.repository", Some("docker.io/nginx")),
        ("container.image.tag", Some("1.27")),
        ("container.image.digest", None),
        ("container.privileged", Some("true")),
        ("container.host_pid", None),
        ("container.label[io.kubernetes.pod.name]", Some("web-1")),
        ("container.label[none]", None),
        ("k8s.pod.name", Some("web-1")),
        ("k8s.ns.name", Some("shop")),
        ("k8s.pod.uid", None),
        ("k8s.pod.sandbox_id", Some("fedcba987654")),
        ("k8s.pod.full_sandbox_id", Some("fedcba9876543210")),
        ("k8s.pod.label[app]", Some("web")),
        ("k8s.pod.labels", Some("app:web")),
        ("k8s.rc.name", None),
        (
            "container.mounts",
            Some("/proc:/host/proc:ro:false:private"),
        ),
        (
            "container.mount[0]",
            Some("/proc:/host/proc:ro:false:private"),
        ),
        ("container.mount[1]", None),
        ("container.mount.dest[/proc]", Some("/host/proc")),
        ("container.mount.source[/host/proc]", Some("/proc")),
        ("container.mount.rdwr[/proc]", Some("false")),
    ]);
    let value = world.typed(
        EventType::GENERIC_X,
        |event| {
            event.u16(41);
        },
        "container.privileged",
    );
    assert_eq!(value, OutputValue::Bool(true));
}
