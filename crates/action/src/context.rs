//! Where actions run: which machine, as whom, and until when.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Set when the user wants to stop. Clones share the flag.
#[derive(Clone, Default, Debug)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A flag that a signal handler can set.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }

    /// Asks everything to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where actions run.
#[derive(Clone, Debug)]
pub struct Context {
    /// The program to start as a stand-in: one whose `main` calls
    /// [`stand_in::main`](crate::stand_in::main) first.
    pub program: PathBuf,
    /// Whether this is a container.
    pub in_container: bool,
    /// When to give up.
    pub cancel: Cancel,
    effective_user: u32,
    capabilities: u64,
}

/// A capability some action asks about, by its number in the kernel's headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Capability {
    /// `CAP_NET_RAW`.
    NetRaw = 13,
    /// `CAP_SYS_MODULE`.
    SysModule = 16,
    /// `CAP_SYS_ADMIN`.
    SysAdmin = 21,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetRaw => "CAP_NET_RAW",
            Self::SysModule => "CAP_SYS_MODULE",
            Self::SysAdmin => "CAP_SYS_ADMIN",
        })
    }
}

impl Context {
    /// This process, on this machine.
    ///
    /// # Errors
    /// When `/proc` is not mounted.
    pub fn of_this_process() -> io::Result<Self> {
        Ok(Self {
            program: fs::read_link("/proc/self/exe")?,
            in_container: in_container(),
            cancel: Cancel::default(),
            effective_user: rustix::process::geteuid().as_raw(),
            capabilities: effective_capabilities(&fs::read_to_string("/proc/self/status")?),
        })
    }

    /// Whether actions run as user 0.
    pub fn is_root(&self) -> bool {
        self.effective_user == 0
    }

    /// Whether actions run with a capability.
    pub fn has(&self, capability: Capability) -> bool {
        self.capabilities & (1 << capability as u8) != 0
    }

    /// Where a program is that can be found through `PATH`.
    pub fn tool(&self, name: &str) -> Option<PathBuf> {
        std::env::split_paths(&std::env::var_os("PATH")?)
            .map(|dir| dir.join(name))
            .find(|path| {
                rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
            })
    }
}

/// The effective set in the text of `/proc/PID/status`; empty when there is none.
fn effective_capabilities(status: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0)
}

/// Whether this process runs in a container, as an engine would judge: by its cgroup.
///
/// A container id in the cgroup's path settles it. So does the lack of one, if the path is the whole
/// path: in the machine's own cgroup namespace. Inside another namespace the path is cut, and the
/// marks decide that container runtimes leave: a file in the root directory (Docker, Podman),
/// `container=` in the environment of the first process (Podman, LXC, systemd-nspawn), the service
/// account of a pod. The marks alone would mislead: machines made from a container image bear them.
pub fn in_container() -> bool {
    let cgroup = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    if names_a_container(&cgroup) {
        return true;
    }
    let namespace = fs::read_link("/proc/self/ns/cgroup").unwrap_or_default();
    namespace != Path::new(OWN_CGROUP_NAMESPACE) && is_marked()
}

/// The cgroup namespace a machine starts with; its number is fixed in the kernel.
const OWN_CGROUP_NAMESPACE: &str = "cgroup:[4026531835]";

/// Whether a container runtime left its mark.
fn is_marked() -> bool {
    [
        "/.dockerenv",
        "/run/.containerenv",
        "/run/secrets/kubernetes.io/serviceaccount",
    ]
    .iter()
    .any(|mark| Path::new(mark).exists())
        || fs::read("/proc/1/environ").is_ok_and(|environ| {
            environ.split(|b| *b == 0).any(|variable| {
                variable.starts_with(b"container=") && variable != b"container=host"
            })
        })
}

/// Whether some part of some cgroup path ends in an id of 64 hexadecimal digits.
fn names_a_container(cgroup: &str) -> bool {
    cgroup.split(['/', '\n']).any(|part| {
        let id = part.trim_end_matches(".scope");
        let id = id.rsplit(['-', ':']).next().unwrap_or_default();
        id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_come_from_the_effective_line() {
        let status = "Name:\tx\nCapPrm:\t0000000000000001\nCapEff:\t0000000000200000\n";
        assert_eq!(
            effective_capabilities(status),
            1 << Capability::SysAdmin as u8
        );
        assert_eq!(effective_capabilities("CapEff:\tnonsense\n"), 0);
        assert_eq!(effective_capabilities(""), 0);
    }

    #[test]
    fn a_container_id_in_the_cgroup_is_a_container() {
        let id = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
        for path in [
            format!("0::/docker/{id}"),
            format!("0::/machine.slice/libpod-{id}.scope/container"),
            format!("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
            format!(
                "4:cpu:/x\n0::/system.slice/containerd.service/kubepods-pod1:cri-containerd:{id}"
            ),
        ] {
            assert!(names_a_container(&path), "{path}");
        }
        for path in [
            "0::/",
            "0::/user.slice/user-0.slice/session-3.scope",
            "",
            "nonsense",
        ] {
            assert!(!names_a_container(path), "{path}");
        }
    }
}
