//! What the running kernel has, by its own description of its types.
//!
//! libbpf fits the programs to the kernel: for each of some eighty types that they read it compares the
//! names of all 120 000 types of the kernel, in each object again. That was most of what a start took of
//! user space. So one pass over the description keeps the few types that the programs name, and libbpf is
//! given those. They keep their numbers, because programs also hand numbers of types to the kernel.

#![expect(unsafe_code, reason = "a file in memory is made by a system call")]

use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::OnceLock;

use libbpf_rs::ObjectBuilder;
use libbpf_rs::btf::Btf;
use libbpf_rs::btf::types::{Enum, Enum64, Struct, Typedef, Union};

use crate::loader::OBJECT;

mod types;

use types::Types;

/// The kernel's description of its types.
const DESCRIPTION: &str = "/sys/kernel/btf/vmlinux";

/// Types that a kernel can have in a module: then the description of the kernel itself is not enough.
const IN_MODULES: [&str; 2] = ["unix_sock", "unix_address"];

/// What this kernel has of what others lack.
pub(crate) struct Kernel {
    /// Tracepoints that programs can be attached to with typed arguments.
    tracepoints: HashSet<String>,
    reads_others: bool,
    /// The types that the programs name, as a file in memory.
    types: Option<OwnedFd>,
}

/// Whether the kernel has a tracepoint that the object has a program for. Where that cannot be told,
/// it is taken to have it.
pub(crate) fn has_tracepoint(name: &str) -> bool {
    kernel().is_none_or(|kernel| kernel.tracepoints.contains(name))
}

/// Whether the kernel lets a program read the memory of other processes. It does since 5.18.
pub(crate) fn can_read_others() -> bool {
    kernel().is_some_and(|kernel| kernel.reads_others)
}

/// What opens the object so that its programs will fit this kernel.
pub(crate) fn builder() -> libbpf_rs::Result<ObjectBuilder> {
    let mut builder = ObjectBuilder::default();
    if let Some(types) = kernel().and_then(|kernel| kernel.types.as_ref()) {
        builder.btf_custom_path(format!("/proc/self/fd/{}", types.as_raw_fd()))?;
    }
    Ok(builder)
}

/// Looks once, since all types of the kernel have to be gone through for it. `None` where it does
/// not tell them.
fn kernel() -> Option<&'static Kernel> {
    static KERNEL: OnceLock<Option<Kernel>> = OnceLock::new();
    KERNEL.get_or_init(look_at_kernel).as_ref()
}

fn look_at_kernel() -> Option<Kernel> {
    let description = std::fs::read(DESCRIPTION).ok()?;
    let types = Types::read(&description)?;
    let tracepoints = types
        .names_of(types::TYPEDEF)
        .filter_map(|name| name.strip_prefix(b"btf_trace_"))
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect();
    let mut functions = types.names_of(types::FUNC);
    Some(Kernel {
        tracepoints,
        reads_others: functions.any(|name| name == b"bpf_copy_from_user_task"),
        types: few_types(&types),
    })
}

/// The types that the programs name; `None` where libbpf had better look for itself.
fn few_types(types: &Types<'_>) -> Option<OwnedFd> {
    let names = names_in_programs()?;
    let few = types.only(&names)?;
    let known = Types::read(&few)?;
    let mut structs = known.names_of(types::STRUCT).collect::<HashSet<_>>();
    if !IN_MODULES
        .iter()
        .all(|name| structs.remove(name.as_bytes()))
    {
        return None;
    }
    // SAFETY: the name is a text that ends with NUL, and the descriptor is new and nobody else's.
    let fd = unsafe {
        let fd = libc::memfd_create(c"kernel-types".as_ptr(), libc::MFD_CLOEXEC);
        (fd >= 0).then(|| OwnedFd::from_raw_fd(fd))?
    };
    let mut file = File::from(fd);
    file.write_all(&few).ok()?;
    Some(OwnedFd::from(file))
}

/// The names of types in the programs. What stands behind three underscores only tells shapes of one
/// type apart.
fn names_in_programs() -> Option<HashSet<Vec<u8>>> {
    let programs = Btf::from_raw("probe", OBJECT).ok()??;
    let mut names = HashSet::new();
    let mut add = |name: Option<&std::ffi::OsStr>| {
        if let Some(name) = name {
            let name = name.as_encoded_bytes();
            names.insert(types::essential(name).to_vec());
        }
    };
    programs
        .type_by_kind::<Struct<'_>>()
        .for_each(|found| add(found.name()));
    programs
        .type_by_kind::<Union<'_>>()
        .for_each(|found| add(found.name()));
    programs
        .type_by_kind::<Enum<'_>>()
        .for_each(|found| add(found.name()));
    programs
        .type_by_kind::<Enum64<'_>>()
        .for_each(|found| add(found.name()));
    programs
        .type_by_kind::<Typedef<'_>>()
        .for_each(|found| add(found.name()));
    Some(names)
}

#[cfg(test)]
mod tests {
    use libbpf_rs::HasSize;

    use super::*;

    #[test]
    fn the_few_types_of_this_kernel_have_their_numbers_and_shapes() {
        let Some(fd) = kernel().and_then(|kernel| kernel.types.as_ref()) else {
            eprintln!("skipped: this kernel does not describe its types");
            return;
        };
        let all = Btf::from_vmlinux().expect("it was just read");
        let few = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let few = Btf::from_path(few).expect("libbpf understands it");
        assert!(few.len() < all.len());
        for name in [
            "task_struct",
            "file",
            "inode",
            "sock_common",
            "unix_sock",
            "cred",
        ] {
            let [all, few] = [&all, &few].map(|btf| {
                let found: Struct<'_> = btf.type_by_name(name).expect(name);
                let members: Vec<_> = found
                    .iter()
                    .map(|member| {
                        let size = |ty| btf.type_by_id::<libbpf_rs::btf::BtfType<'_>>(ty);
                        let kind = size(member.ty).map(|found| found.kind());
                        (
                            member.name.map(ToOwned::to_owned),
                            format!("{:?}", member.attr),
                            kind,
                        )
                    })
                    .collect();
                (found.type_id(), found.size(), members)
            });
            assert_eq!(all, few, "{name}");
        }
        let nobodys: Option<Struct<'_>> = few.type_by_name("ext4_inode_info");
        assert!(nobodys.is_none());
    }

    #[test]
    fn what_is_no_description_is_refused() {
        let description = std::fs::read(DESCRIPTION).unwrap_or_default();
        for bytes in [&b""[..], b"\x9f\xeb", &[0; 64]] {
            assert!(Types::read(bytes).is_none());
        }
        // Cut anywhere, it is refused or read as far as it goes, and nothing breaks.
        for part in 1..50 {
            let cut = &description[..description.len() * part / 50];
            assert!(Types::read(cut).is_none(), "{part}");
        }
    }
}
