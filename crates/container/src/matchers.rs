//! The naming conventions, one function each.

use crate::{ContainerId, ContainerType};

type Match = Option<(ContainerId, ContainerType)>;

/// Digits in the id that Docker, containerd, CRI-O and Podman make up.
const ID_LEN: usize = 64;

/// The container that a thread's cgroups name: the first of them that names one wins.
///
/// `cgroups` holds `subsystem=path` pairs, each ended by a NUL, as events carry them.
///
/// containerd's own names say nothing by themselves: any `/<namespace>/<name>` could be one, and
/// other programs make such cgroups too, with hexadecimal names even. But a runtime puts a
/// container under the same path in every hierarchy, so a name that only some of them have is
/// somebody else's.
pub fn identify(cgroups: &[u8]) -> Match {
    pairs(cgroups)
        .find_map(|(_, path)| identify_marked(path))
        .or_else(|| {
            let mut controllers =
                pairs(cgroups).filter(|(subsystem, _)| !is_bookkeeping(subsystem));
            let (_, path) = controllers.next()?;
            controllers
                .all(|(_, other)| other == path)
                .then(|| containerd(path))?
        })
}

/// The container that one cgroup path names.
pub fn identify_path(path: &[u8]) -> Match {
    identify_marked(path).or_else(|| containerd(path))
}

/// Names that carry the mark of their runtime.
fn identify_marked(path: &[u8]) -> Match {
    podman(path)
        .or_else(|| docker(path))
        .or_else(|| cri(path))
        .or_else(|| lxc(path))
        .or_else(|| libvirt_lxc(path))
        .or_else(|| bpm(path))
}

fn pairs(cgroups: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    cgroups.split(|&byte| byte == 0).filter_map(|pair| {
        let at = pair.iter().position(|&byte| byte == b'=')?;
        // A named hierarchy (`name=systemd=/path`) has a second sign in its name.
        let at = if pair.starts_with(b"name=") {
            at + 1 + pair[at + 1..].iter().position(|&byte| byte == b'=')?
        } else {
            at
        };
        Some((&pair[..at], &pair[at + 1..]))
    })
}

/// Hierarchies without a controller: systemd's own, and the unified one beside older ones. A
/// runtime may leave its containers out of them.
fn is_bookkeeping(subsystem: &[u8]) -> bool {
    subsystem.starts_with(b"name=")
}

/// The components, the innermost first.
fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.rsplit(|&byte| byte == b'/')
}

/// `text` as an id: exactly 64 hexadecimal digits.
fn id(text: &[u8]) -> Option<ContainerId> {
    (text.len() == ID_LEN && text.iter().all(u8::is_ascii_hexdigit))
        .then(|| ContainerId::new(text))?
}

/// The id between `prefix` and, if it is there, `.scope`.
fn id_after(component: &[u8], prefix: &[u8]) -> Option<ContainerId> {
    let rest = component.strip_prefix(prefix)?;
    id(rest.strip_suffix(b".scope").unwrap_or(rest))
}

fn podman(path: &[u8]) -> Match {
    let found = components(path)
        .find_map(|part| id_after(part, b"libpod-").or_else(|| id_after(part, b"libpod-payload-")));
    Some((found?, ContainerType::Podman))
}

fn docker(path: &[u8]) -> Match {
    let found = components(path).find_map(|part| {
        let scope = part
            .ends_with(b".scope")
            .then(|| id_after(part, b"docker-"))
            .flatten();
        scope.or_else(|| id(part))
    })?;
    // The kubelet's directories hold bare ids as well, whichever runtime it drives.
    let kubernetes = components(path).any(|part| part.starts_with(b"kubepods"));
    let bare = components(path).any(|part| id(part) == Some(found));
    Some((
        found,
        if kubernetes && bare {
            ContainerType::Cri
        } else {
            ContainerType::Docker
        },
    ))
}

fn cri(path: &[u8]) -> Match {
    let found = components(path).find_map(|part| {
        if let Some(found) = id_after(part, b"crio-") {
            return Some(found);
        }
        if part.ends_with(b".scope") {
            return id_after(part, b"cri-containerd-").or_else(|| id_after(part, b"nerdctl-"));
        }
        // The "systemd" driver's name where systemd itself was not asked: slice:prefix:id.
        let mut fields = part.rsplit(|&byte| byte == b':');
        let last = fields.next()?;
        (fields.next() == Some(b"cri-containerd"))
            .then(|| id(last))
            .flatten()
    });
    Some((found?, ContainerType::Cri))
}

/// containerd's own default: `/<namespace>/<name>` and nothing else, since any two components of a
/// longer path look the same. What systemd owns ends in a unit suffix and is not containerd's.
fn containerd(path: &[u8]) -> Match {
    let rest = path.strip_prefix(b"/")?;
    let slash = rest.iter().position(|&byte| byte == b'/')?;
    let (namespace, name) = (&rest[..slash], &rest[slash + 1..]);
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let plain = !name.is_empty() && name.len() <= ID_LEN && name.iter().all(allowed);
    let of_systemd = is_unit(namespace) || is_unit(name);
    let of_kubelet = namespace.starts_with(b"kubepods");
    (plain && is_namespace(namespace) && !of_systemd && !of_kubelet)
        .then(|| Some((ContainerId::new(name)?, ContainerType::Containerd)))?
}

/// Runs of letters and digits, joined by single `.`, `_` or `-`.
fn is_namespace(text: &[u8]) -> bool {
    text.split(|byte| b"._-".contains(byte))
        .all(|run| !run.is_empty() && run.iter().all(u8::is_ascii_alphanumeric))
}

fn is_unit(name: &[u8]) -> bool {
    [b".service".as_slice(), b".slice", b".scope"]
        .iter()
        .any(|suffix| name.ends_with(suffix))
}

/// What follows `prefix`, wherever it is, up to the next `/`.
fn name_after<'a>(path: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let start = path
        .windows(prefix.len())
        .position(|window| window == prefix)?
        + prefix.len();
    let rest = &path[start..];
    rest.split(|&byte| byte == b'/')
        .next()
        .filter(|name| !name.is_empty())
}

fn lxc(path: &[u8]) -> Match {
    if path
        .windows(b"/libvirt/".len())
        .any(|window| window == b"/libvirt/")
    {
        return None;
    }
    let name = name_after(path, b"/lxc.payload.")
        .or_else(|| name_after(path, b"/lxc.payload/"))
        .or_else(|| name_after(path, b"/lxc/"))?;
    Some((ContainerId::named(name)?, ContainerType::Lxc))
}

fn libvirt_lxc(path: &[u8]) -> Match {
    let name = components(path).find_map(|part| {
        if let Some(name) = part.strip_suffix(b".libvirt-lxc") {
            return Some(name);
        }
        // machine-lxc\x2d<number>\x2d<name>.scope: systemd writes `-` as `\x2d`.
        let (unit, mark) = (part.strip_suffix(b".scope")?, br"-lxc\x2d");
        let start = unit.windows(mark.len()).position(|window| window == mark)? + mark.len();
        Some(&unit[start..])
    });
    let name = name.or_else(|| name_after(path, b"/libvirt/lxc/"))?;
    Some((ContainerId::named(name)?, ContainerType::LibvirtLxc))
}

fn bpm(path: &[u8]) -> Match {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let name = components(path).find_map(|part| {
        let rest = part.strip_prefix(b"bpm-")?;
        let name = rest.strip_suffix(b".scope").unwrap_or(rest);
        (!is_unit(name) && name.iter().all(allowed)).then_some(name)
    });
    Some((ContainerId::named(name?)?, ContainerType::Bpm))
}
