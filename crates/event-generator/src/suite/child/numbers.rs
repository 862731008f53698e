//! Numbers of system calls on this architecture.

/// The number of a system call of the table; none where the architecture lacks it.
pub(super) fn number(name: &str) -> Option<libc::c_long> {
    common(name).or_else(|| legacy(name))
}

macro_rules! numbers {
    ($name:expr, $($call:literal = $number:ident),* $(,)?) => {
        match $name {
            $($call => Some(libc::$number),)*
            _ => None,
        }
    };
}

fn common(name: &str) -> Option<libc::c_long> {
    numbers!(
        name,
        "write" = SYS_write,
        "read" = SYS_read,
        "openat" = SYS_openat,
        "openat2" = SYS_openat2,
        "symlinkat" = SYS_symlinkat,
        "linkat" = SYS_linkat,
        "init_module" = SYS_init_module,
        "finit_module" = SYS_finit_module,
        "dup" = SYS_dup,
        "dup3" = SYS_dup3,
        "connect" = SYS_connect,
        "socket" = SYS_socket,
        "sendto" = SYS_sendto,
        "kill" = SYS_kill,
        "ptrace" = SYS_ptrace,
        "mount" = SYS_mount,
        "unlinkat" = SYS_unlinkat,
        "renameat2" = SYS_renameat2,
        "fchmodat" = SYS_fchmodat,
        "fchownat" = SYS_fchownat,
        "setuid" = SYS_setuid,
        "unshare" = SYS_unshare,
        "setns" = SYS_setns,
        "memfd_create" = SYS_memfd_create,
        "mkdirat" = SYS_mkdirat,
        "close" = SYS_close,
        "bind" = SYS_bind,
        "listen" = SYS_listen,
    )
}

/// Those that newer architectures do without.
#[cfg(target_arch = "x86_64")]
fn legacy(name: &str) -> Option<libc::c_long> {
    numbers!(
        name,
        "open" = SYS_open,
        "symlink" = SYS_symlink,
        "link" = SYS_link,
        "dup2" = SYS_dup2,
        "unlink" = SYS_unlink,
        "rename" = SYS_rename,
        "chmod" = SYS_chmod,
        "chown" = SYS_chown,
        "mkdir" = SYS_mkdir,
    )
}

#[cfg(not(target_arch = "x86_64"))]
fn legacy(_: &str) -> Option<libc::c_long> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_call_of_the_table_has_a_number() {
        for call in suite::schema::CALLS {
            // It is made of several.
            assert!(
                call.name == "execve" || number(call.name).is_some(),
                "{}",
                call.name
            );
        }
    }
}
