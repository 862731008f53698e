//! Container ids from cgroup names.

/// The id of a container as users see it: the first 12 characters (fewer for containerd ids that
/// are shorter).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ContainerId {
    bytes: [u8; 12],
    len: u8,
}

impl ContainerId {
    /// The first 12 bytes of `text`; `None` when it is empty.
    pub fn new(text: &[u8]) -> Option<Self> {
        let len = text.len().min(12);
        let mut bytes = [0; 12];
        bytes.get_mut(..len)?.copy_from_slice(text.get(..len)?);
        (len > 0).then_some(Self { bytes, len: len as u8 })
    }

    /// The id.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Which runtime's naming pattern a cgroup matched.
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
