//! Container ids from cgroup names.
//!
//! A container is a bundle of namespaces and cgroups that only the runtime which made it calls by
//! a name, so the one trace of it that the kernel shows is the name of a cgroup. Runtimes put the
//! id into that name, each in its own way; [`identify`] knows the ways. It is a pure function of
//! the text: nothing is asked over a socket here, and a name that follows none of the conventions
//! is not a container, however much it looks like an identifier.
//!
//! The forms (an `id` is 64 hexadecimal digits):
//!
//! | runtime | cgroup |
//! |---|---|
//! | podman | `libpod-<id>`, `libpod-payload-<id>`; with `.scope`, with `/container` below |
//! | docker | `docker-<id>.scope`; a bare `<id>` |
//! | CRI | `cri-containerd-<id>.scope`, `crio-<id>`, `crio-<id>.scope`, `nerdctl-<id>.scope`, `…:cri-containerd:<id>`; a bare `<id>` below `kubepods` |
//! | containerd | exactly `/<namespace>/<name>` |
//! | LXC | `/lxc/<name>`, `/lxc.payload/<name>`, `/lxc.payload.<name>` |
//! | libvirt | `<name>.libvirt-lxc`, `…-lxc\x2d<name>.scope`, `/libvirt/lxc/<name>` |
//! | bpm | `bpm-<name>`, `bpm-<name>.scope` |
//!
//! What runs in a cgroup below one of these is in the container too: systemd inside a container
//! makes such cgroups.

mod cache;
mod id;
mod matchers;

pub use cache::Cache;
pub use id::{ContainerId, ContainerType};
pub use matchers::{identify, identify_path};
