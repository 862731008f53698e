//! The name of a container and what kind it is.

/// The longest name that is kept, bytes.
const MAX_LEN: usize = 64;

/// How many bytes of an id users see.
const SHORT_LEN: usize = 12;

/// The id of a container as users see it: the first 12 characters of an id that a runtime made up,
/// the whole name (at most 64 bytes) where people choose names themselves.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContainerId {
    bytes: [u8; MAX_LEN],
    len: u8,
}

impl ContainerId {
    /// The first 12 bytes of `text`; `None` when it is empty.
    pub fn new(text: &[u8]) -> Option<Self> {
        Self::named(text.get(..SHORT_LEN).unwrap_or(text))
    }

    /// The whole of `text`, cut after 64 bytes; `None` when it is empty.
    pub fn named(text: &[u8]) -> Option<Self> {
        let len = text.len().min(MAX_LEN);
        let mut bytes = [0; MAX_LEN];
        bytes.get_mut(..len)?.copy_from_slice(text.get(..len)?);
        (len > 0).then_some(Self {
            bytes,
            len: len as u8,
        })
    }

    /// The id.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl std::fmt::Debug for ContainerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ContainerId({})", self.as_bytes().escape_ascii())
    }
}

/// Which runtime's naming pattern a cgroup matched. The pattern is a hint, not proof: a bare id
/// may belong to any runtime until one of them is asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ContainerType {
    /// Docker.
    Docker,
    /// A CRI runtime: containerd under Kubernetes, or CRI-O.
    Cri,
    /// Podman.
    Podman,
    /// containerd without CRI.
    Containerd,
    /// LXC.
    Lxc,
    /// libvirt's LXC driver.
    LibvirtLxc,
    /// BOSH process manager.
    Bpm,
}
