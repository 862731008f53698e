//! Names of cgroups and the containers that they do or do not name.

use std::sync::Arc;

use container::{Cache, ContainerType as T, identify, identify_path};

const ID: &str = "1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef";

fn found(path: &str) -> Option<(String, T)> {
    let path = path.replace("{id}", ID);
    identify_path(path.as_bytes())
        .map(|(id, ty)| (String::from_utf8_lossy(id.as_bytes()).into_owned(), ty))
}

#[test]
fn conformance_cases() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/language/functions.json"
    );
    let Ok(text) = std::fs::read_to_string(file) else {
        eprintln!("skipped: {file} is not there");
        return;
    };
    let functions: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cases = functions["cgroup_container_id"]["cases"]
        .as_array()
        .unwrap();
    assert!(cases.len() >= 10);
    for case in cases {
        let id = found(case["cgroup"].as_str().unwrap()).map(|(id, _)| id);
        assert_eq!(
            id.as_deref(),
            case["expected_container_id"].as_str(),
            "{case}"
        );
    }
}

#[test]
fn every_form_is_known() {
    let short = "1234567890ab";
    for (path, id, ty) in [
        ("/machine.slice/libpod-{id}.scope", short, T::Podman),
        (
            "/machine.slice/libpod-{id}.scope/container",
            short,
            T::Podman,
        ),
        (
            "/user.slice/user@1000.service/user.slice/libpod-{id}.scope",
            short,
            T::Podman,
        ),
        (
            "/system.slice/x.service/libpod-payload-{id}",
            short,
            T::Podman,
        ),
        (
            "/system.slice/x.service/libpod-payload-{id}.scope/container",
            short,
            T::Podman,
        ),
        ("/docker/{id}", short, T::Docker),
        ("/docker/{id}/init.scope", short, T::Docker),
        ("/system.slice/docker-{id}.scope", short, T::Docker),
        ("/kubepods/burstable/pod1/{id}", short, T::Cri),
        (
            "/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope",
            short,
            T::Cri,
        ),
        (
            "/kubepods.slice/kubepods-pod1.slice/crio-{id}.scope",
            short,
            T::Cri,
        ),
        ("/kubepods/besteffort/pod1/crio-{id}", short, T::Cri),
        ("/system.slice/nerdctl-{id}.scope", short, T::Cri),
        ("/kubepods-pod1.slice:cri-containerd:{id}", short, T::Cri),
        (
            "/system.slice/containerd.service/a.slice:cri-containerd:{id}",
            short,
            T::Cri,
        ),
        ("/default/web", "web", T::Containerd),
        ("/my-ns.two/{id}", short, T::Docker),
        ("/lxc/mail-server-number-1", "mail-server-number-1", T::Lxc),
        ("/lxc.payload.mail/init.scope", "mail", T::Lxc),
        ("/lxc.payload/mail", "mail", T::Lxc),
        ("/machine/vm1.libvirt-lxc", "vm1", T::LibvirtLxc),
        (
            r"/machine.slice/machine-lxc\x2d7\x2dvm.scope",
            r"7\x2dvm",
            T::LibvirtLxc,
        ),
        (
            r"/machine.slice/machine-lxc\x2dvm.scope/libvirt",
            "vm",
            T::LibvirtLxc,
        ),
        ("/libvirt/lxc/vm2", "vm2", T::LibvirtLxc),
        ("/system.slice/bpm-nats.scope", "nats", T::Bpm),
        ("/bpm/bpm-nats", "nats", T::Bpm),
        // A cluster inside a container: the innermost counts.
        (
            "/docker/{id}/kubelet/kubepods/pod1/ffffffffffffffffffffffffffffffff\
             ffffffffffffffffffffffffffffffff",
            "ffffffffffff",
            T::Cri,
        ),
    ] {
        assert_eq!(found(path), Some((id.to_owned(), ty)), "{path}");
    }
}

#[test]
fn other_names_are_not_containers() {
    for path in [
        "",
        "/",
        "/init.scope",
        "/user.slice",
        "/user.slice/user-1000.slice/session-2.scope",
        "/user.slice/shell",
        "/system.slice/cron.service",
        "/system.slice/systemd-udevd.service/udev",
        "/system.slice/systemd-journald.service/deadbeefdeadbeefdeadbeefdeadbeef",
        "/system.slice/run-r0123456789abcdef0123456789abcdef.scope",
        "/system.slice/0123456789abcdef0123456789abcdef",
        "/a/b/0123456789ab",
        "/machine.slice/libpod-conmon-{id}.scope",
        "/kubepods.slice/kubepods-pod1.slice/crio-conmon-{id}.scope",
        "/system.slice/docker-{id}",
        "/kubepods/besteffort",
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice",
        "/x/{id}0",
        "/x.service/g{id}",
        "no/slash",
        "/a//b",
    ] {
        assert_eq!(found(path), None, "{path}");
    }
}

#[test]
fn the_first_cgroup_that_names_a_container_wins() {
    let cgroups = format!("cpuset=/\0cpu=/docker/{ID}\0memory=/lxc/other\0");
    let (id, ty) = identify(cgroups.as_bytes()).unwrap();
    assert_eq!((id.as_bytes(), ty), (b"1234567890ab".as_slice(), T::Docker));
    assert_eq!(identify(b"cpuset=/\0nonsense\0=\0"), None);

    let mut cache = Cache::new();
    let cgroups: Arc<[u8]> = cgroups.into_bytes().into();
    let first = cache.identify(&cgroups);
    assert_eq!(first, Some((id, ty)));
    assert_eq!(cache.identify(&cgroups), first);
}

#[test]
fn an_ambiguous_name_must_be_in_every_hierarchy() {
    let identify =
        |cgroups: &[u8]| identify(cgroups).map(|(id, kind)| (id.as_bytes().to_vec(), kind));
    let everywhere = b"cpuset=/default/redis\0cpu=/default/redis\0memory=/default/redis\0";
    let found = Some((b"redis".to_vec(), T::Containerd));
    assert_eq!(identify(everywhere), found);
    let with_systemd = b"name=systemd=/user.slice\0cpu=/default/redis\0memory=/default/redis\0";
    assert_eq!(identify(with_systemd), found);
    // Somebody's own memory group, with a hexadecimal name.
    let one = b"cpuset=/\0cpu=/\0memory=/supervisor/feb332077cfbcd84e31b5a16900d6ec3\0";
    assert_eq!(identify(one), None);
    // A name with a runtime's mark counts wherever it is.
    let id = "7951fb549ab99e0722a949b6c121634e1f3a36b5bacbe5392991e3b12251e6b8";
    let marked = format!("cpuset=/\0memory=/docker/{id}\0");
    let found = Some((id.as_bytes()[..12].to_vec(), T::Docker));
    assert_eq!(identify(marked.as_bytes()), found);
}
