//! Whether this machine, and this process on it, can run the probe — and if not, what is missing.

use std::fmt;
use std::fs;

const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// The oldest kernel with everything the probe needs: programs that both call functions of their own and
/// jump on to other programs came last.
const OLDEST_KERNEL: (u32, u32) = if cfg!(target_arch = "aarch64") {
    (6, 0)
} else {
    (5, 10)
};

const BTF: &str = "/sys/kernel/btf/vmlinux";

/// One thing that stands in the way.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Missing {
    /// The kernel does not describe its own types.
    Btf,
    /// The kernel is too old.
    Kernel {
        /// Its release.
        release: String,
    },
    /// The process lacks capabilities.
    Capabilities {
        /// Their names.
        names: Vec<&'static str>,
        /// The effective user id.
        euid: u32,
    },
    /// The process has the capabilities, but only in a user namespace of its own.
    UserNamespace,
    /// The kernel is locked down for confidentiality and does not let programs read its memory.
    Lockdown,
    /// The probe was not written for this architecture.
    Architecture,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Btf => write!(
                f,
                "the kernel has no type information at {BTF}; use a kernel built with \
                 CONFIG_DEBUG_INFO_BTF=y (all current distribution kernels are), and in a container \
                 mount /sys"
            ),
            Self::Kernel { release } => write!(
                f,
                "kernel {release} is too old; {}.{} or newer is needed",
                OLDEST_KERNEL.0, OLDEST_KERNEL.1
            ),
            Self::Capabilities { names, euid } => write!(
                f,
                "this process (user id {euid}) lacks {}; run it as root, or give it CAP_BPF and \
                 CAP_PERFMON (systemd: AmbientCapabilities=, container: cap-add; CAP_SYS_ADMIN \
                 serves as well)",
                names.join(" and ")
            ),
            Self::UserNamespace => write!(
                f,
                "this process has its capabilities only inside a user namespace; run it in the \
                 initial one (a rootless container cannot load the probe)"
            ),
            Self::Lockdown => write!(
                f,
                "the kernel is in lockdown mode `confidentiality`, which forbids reading kernel \
                 memory; boot with lockdown=integrity or lower"
            ),
            Self::Architecture => {
                write!(f, "the probe runs on x86-64 and aarch64 only")
            }
        }
    }
}

/// Everything that stands in the way of the probe.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CheckError {
    /// At least one thing.
    pub missing: Vec<Missing>,
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the probe cannot run here: ")?;
        for (index, missing) in self.missing.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{missing}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CheckError {}

/// Checks the machine and the rights of this process.
///
/// # Errors
///
/// With everything that is missing, not only the first thing.
pub(crate) fn check() -> Result<(), CheckError> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let missing = find_missing(
        &read("/proc/sys/kernel/osrelease"),
        fs::metadata(BTF).is_ok(),
        &read("/proc/self/status"),
        &read("/proc/self/uid_map"),
        &read("/sys/kernel/security/lockdown"),
    );
    if missing.is_empty() {
        Ok(())
    } else {
        Err(CheckError { missing })
    }
}

/// Whether this kernel charges maps against the limit of locked memory, as it did before 5.11.
pub(crate) fn charges_locked_memory() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    kernel_version(&release).is_some_and(|version| version < (5, 11))
}

fn find_missing(
    release: &str,
    has_btf: bool,
    status: &str,
    uid_map: &str,
    lockdown: &str,
) -> Vec<Missing> {
    let mut missing = Vec::new();
    if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        missing.push(Missing::Architecture);
    }
    // A release that does not start with two numbers is left to the kernel to judge.
    if kernel_version(release).is_some_and(|version| version < OLDEST_KERNEL) {
        missing.push(Missing::Kernel {
            release: release.trim().to_owned(),
        });
    }
    if !has_btf {
        missing.push(Missing::Btf);
    }
    if let Some(effective) =
        status_field(status, "CapEff:").and_then(|word| u64::from_str_radix(word, 16).ok())
    {
        let has = |cap: u32| effective & (1 << cap) != 0;
        let names: Vec<_> = [(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")]
            .into_iter()
            .filter_map(|(cap, name)| (!has(cap)).then_some(name))
            .collect();
        if !names.is_empty() && !has(CAP_SYS_ADMIN) {
            // The second number of the line is the effective id.
            let euid = status
                .lines()
                .find_map(|line| line.strip_prefix("Uid:"))
                .and_then(|ids| ids.split_whitespace().nth(1)?.parse().ok())
                .unwrap_or(u32::MAX);
            missing.push(Missing::Capabilities { names, euid });
        } else if in_user_namespace(uid_map) {
            missing.push(Missing::UserNamespace);
        }
    }
    if lockdown.contains("[confidentiality]") {
        missing.push(Missing::Lockdown);
    }
    missing
}

fn kernel_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn status_field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .map(str::trim)
}

/// The initial user namespace maps all ids onto themselves; any other one does not.
fn in_user_namespace(uid_map: &str) -> bool {
    let words: Vec<&str> = uid_map.split_whitespace().collect();
    !words.is_empty() && words != ["0", "0", "4294967295"]
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n";
    const HOST_MAP: &str = "         0          0 4294967295\n";

    #[test]
    fn nothing_is_missing_for_root() {
        assert_eq!(
            find_missing("6.18.0-amd64\n", true, ROOT, HOST_MAP, "[none] integrity"),
            []
        );
    }

    #[test]
    fn two_capabilities_are_enough_and_so_is_the_big_one() {
        for caps in ["000000c000000000", "0000000000200000"] {
            let status = format!("Uid:\t7\t7\t7\t7\nCapEff:\t{caps}\n");
            assert_eq!(
                find_missing("6.0", true, &status, HOST_MAP, ""),
                [],
                "{caps}"
            );
        }
    }

    #[test]
    fn everything_missing_is_named_at_once() {
        let status = "Uid:\t1000\t1000\t1000\t1000\nCapEff:\t0000008000000000\n";
        let missing = find_missing("5.4.0-26-generic", false, status, HOST_MAP, "none");
        assert_eq!(
            missing,
            [
                Missing::Kernel {
                    release: "5.4.0-26-generic".into()
                },
                Missing::Btf,
                Missing::Capabilities {
                    names: vec!["CAP_PERFMON"],
                    euid: 1000
                },
            ]
        );
        let text = CheckError { missing }.to_string();
        for part in [
            "5.4.0-26-generic",
            "CONFIG_DEBUG_INFO_BTF",
            "lacks CAP_PERFMON",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn rights_in_a_user_namespace_do_not_count() {
        let missing = find_missing("6.1.0", true, ROOT, "0 1000 1\n", "");
        assert_eq!(missing, [Missing::UserNamespace]);
    }

    #[test]
    fn lockdown_for_confidentiality_is_seen() {
        let missing = find_missing(
            "6.1.0",
            true,
            ROOT,
            HOST_MAP,
            "none integrity [confidentiality]",
        );
        assert_eq!(missing, [Missing::Lockdown]);
    }
}
