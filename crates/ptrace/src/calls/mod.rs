//! What fills the record of each call: one table, one small function per shape.

mod clone;
mod descriptors;
mod exec;
mod ids;
mod io;
mod memory;
mod message;
mod open;
mod paths;
mod process;
mod socket;
mod system;

pub(crate) use clone::kernel_flags as kernel_clone_flags;
pub(crate) use exec::started as exec_started;
pub(crate) use message::{MAX_MESSAGES, one_of_many};

use event::{EventType, Syscall};

use crate::entry::Input::{self, Address, CloneFlags, Existence, ExistenceHow, Text, Words};
use crate::record::Record;

/// Fills the parameters of a record.
type Fill = fn(&mut Record<'_>);

/// How a call becomes an event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filler {
    /// The call.
    pub(crate) syscall: &'static Syscall,
    /// The event that it gives when it ends.
    pub(crate) event: EventType,
    /// What is read before it is made.
    pub(crate) inputs: &'static [Input],
    /// What writes the parameters.
    pub(crate) fill: Fill,
}

/// A call, what is read of it beforehand, and what fills its event.
type Row = (&'static str, &'static [Input], Fill);

/// Calls with an event of their own, in the order of their families. `sendmmsg` and `recvmmsg` give
/// several events and are filled by [`one_of_many`]; exec that succeeds by [`exec_started`].
const TABLE: &[Row] = &[
    ("open", &[Text(0), Existence(None, 0, 1)], open::open),
    ("openat", &[Text(1), Existence(Some(0), 1, 2)], open::openat),
    ("openat2", &[Text(1), ExistenceHow], open::openat2),
    ("creat", &[Text(0)], open::creat),
    ("open_by_handle_at", &[], open::open_by_handle_at),
    ("close", &[], open::close),
    ("close_range", &[], open::close_range),
    ("chdir", &[Text(0)], paths::name),
    ("chroot", &[Text(0)], paths::name),
    ("rmdir", &[Text(0)], paths::name),
    ("unlink", &[Text(0)], paths::name),
    ("stat", &[Text(0)], paths::name),
    ("lstat", &[Text(0)], paths::name),
    ("link", &[Text(0), Text(1)], paths::two_names),
    ("rename", &[Text(0), Text(1)], paths::two_names),
    ("symlink", &[Text(0), Text(1)], paths::two_names),
    ("mkdir", &[Text(0)], paths::mkdir),
    ("mkdirat", &[Text(1)], paths::mkdirat),
    ("mknod", &[Text(0)], paths::mknod),
    ("mknodat", &[Text(1)], paths::mknodat),
    ("chmod", &[Text(0)], paths::chmod),
    ("fchmod", &[], paths::fchmod),
    ("fchmodat", &[Text(1)], paths::fchmodat),
    ("chown", &[Text(0)], paths::chown),
    ("lchown", &[Text(0)], paths::chown),
    ("fchown", &[], paths::fchown),
    ("fchownat", &[Text(1)], paths::fchownat),
    ("unlinkat", &[Text(1)], paths::unlinkat),
    ("renameat", &[Text(1), Text(3)], paths::two_names_at),
    ("renameat2", &[Text(1), Text(3)], paths::renameat2),
    ("linkat", &[Text(1), Text(3)], paths::linkat),
    ("symlinkat", &[Text(0), Text(2)], paths::symlinkat),
    ("access", &[Text(0)], paths::access),
    ("newfstatat", &[Text(1)], paths::newfstatat),
    ("getcwd", &[], paths::getcwd),
    ("mount", &[Text(0), Text(1), Text(2)], paths::mount),
    ("umount2", &[Text(0)], paths::umount2),
    ("dup", &[], descriptors::one),
    ("dup2", &[], descriptors::two),
    ("dup3", &[], descriptors::dup3),
    ("fcntl", &[], descriptors::fcntl),
    ("ioctl", &[], descriptors::ioctl),
    ("lseek", &[], descriptors::lseek),
    ("flock", &[], descriptors::flock),
    ("fstat", &[], descriptors::one),
    ("fchdir", &[], descriptors::one),
    ("getdents", &[], descriptors::one),
    ("getdents64", &[], descriptors::one),
    ("pipe", &[], descriptors::pipe),
    ("pipe2", &[], descriptors::pipe2),
    ("eventfd", &[], descriptors::eventfd),
    ("eventfd2", &[], descriptors::eventfd2),
    ("signalfd", &[], descriptors::signalfd),
    ("signalfd4", &[], descriptors::signalfd4),
    ("timerfd_create", &[], descriptors::timerfd_create),
    ("inotify_init", &[], descriptors::inotify_init),
    ("inotify_init1", &[], descriptors::inotify_init1),
    ("epoll_create", &[], descriptors::epoll_create),
    ("epoll_create1", &[], descriptors::epoll_create1),
    ("epoll_wait", &[], descriptors::epoll_wait),
    ("userfaultfd", &[], descriptors::userfaultfd),
    ("memfd_create", &[Text(0)], descriptors::memfd_create),
    ("pidfd_open", &[], descriptors::pidfd_open),
    ("pidfd_getfd", &[], descriptors::pidfd_getfd),
    ("bpf", &[], descriptors::bpf),
    ("io_uring_setup", &[], descriptors::io_uring_setup),
    ("io_uring_enter", &[], descriptors::io_uring_enter),
    ("io_uring_register", &[], descriptors::io_uring_register),
    ("select", &[], memory::result),
    ("poll", &[], descriptors::poll),
    ("ppoll", &[], descriptors::ppoll),
    ("setuid", &[], ids::one),
    ("setgid", &[], ids::one),
    ("setreuid", &[], ids::two),
    ("setregid", &[], ids::two),
    ("setresuid", &[], ids::three),
    ("setresgid", &[], ids::three),
    ("getuid", &[], ids::answer),
    ("geteuid", &[], ids::answer),
    ("getgid", &[], ids::answer),
    ("getegid", &[], ids::answer),
    ("getresuid", &[], ids::answers),
    ("getresgid", &[], ids::answers),
    ("setsid", &[], memory::result),
    ("setpgid", &[], ids::setpgid),
    ("capset", &[], ids::capset),
    ("read", &[], io::read),
    ("write", &[], io::write),
    ("pread64", &[], io::pread64),
    ("pwrite64", &[], io::pwrite64),
    ("readv", &[], io::readv),
    ("writev", &[], io::writev),
    ("preadv", &[], io::preadv),
    ("pwritev", &[], io::pwritev),
    ("sendfile", &[], io::sendfile),
    ("splice", &[], io::splice),
    ("copy_file_range", &[], io::copy_file_range),
    ("process_vm_readv", &[], io::process_vm),
    ("process_vm_writev", &[], io::process_vm),
    ("clone", &[CloneFlags], clone::clone),
    ("clone3", &[CloneFlags], clone::clone),
    ("fork", &[CloneFlags], clone::clone),
    ("vfork", &[CloneFlags], clone::clone),
    ("execve", &[Text(0), Words(1), Words(2)], exec::execve),
    ("execveat", &[Text(1), Words(2), Words(3)], exec::execveat),
    ("brk", &[], memory::brk),
    ("mmap", &[], memory::mmap),
    ("munmap", &[], memory::munmap),
    ("mprotect", &[], memory::mprotect),
    ("mlock", &[], memory::area),
    ("mlock2", &[], memory::mlock2),
    ("munlock", &[], memory::area),
    ("mlockall", &[], memory::mlockall),
    ("munlockall", &[], memory::result),
    ("socket", &[], socket::socket),
    ("socketpair", &[], socket::socketpair),
    ("bind", &[Address(1, 2)], socket::bind),
    ("connect", &[Address(1, 2)], socket::connect),
    ("listen", &[], socket::listen),
    ("accept", &[], socket::accept),
    ("accept4", &[], socket::accept4),
    ("shutdown", &[], socket::shutdown),
    ("getsockname", &[], socket::nothing),
    ("getpeername", &[], socket::nothing),
    ("setsockopt", &[], socket::setsockopt),
    ("getsockopt", &[], socket::getsockopt),
    ("sendto", &[Address(4, 5)], message::sendto),
    ("recvfrom", &[], message::recvfrom),
    ("sendmsg", &[], message::sendmsg),
    ("recvmsg", &[], message::recvmsg),
    ("sendmmsg", &[], socket::nothing),
    ("recvmmsg", &[], socket::nothing),
    ("kill", &[], process::kill),
    ("tkill", &[], process::kill),
    ("tgkill", &[], process::tgkill),
    ("setns", &[], process::setns),
    ("unshare", &[], process::unshare),
    ("seccomp", &[], process::seccomp),
    ("nanosleep", &[], process::nanosleep),
    ("futex", &[], process::futex),
    ("setrlimit", &[], process::setrlimit),
    ("getrlimit", &[], process::getrlimit),
    ("prlimit64", &[], process::prlimit64),
    ("prctl", &[], process::prctl),
    ("ptrace", &[], process::ptrace),
    ("init_module", &[Text(2)], system::init_module),
    ("finit_module", &[Text(1)], system::finit_module),
    ("delete_module", &[Text(0)], system::delete_module),
    ("fsconfig", &[Text(2)], system::fsconfig),
    ("keyctl", &[], system::keyctl),
    ("semop", &[], system::semop),
    ("semget", &[], system::semget),
    ("semctl", &[], system::semctl),
    ("quotactl", &[Text(1)], system::quotactl),
];

/// A call without an event of its own.
fn generic(r: &mut Record<'_>) {
    let number = r.call.number;
    let code = Syscall::by_native(number).map_or(0, |syscall| syscall.code.0);
    r.u16(u64::from(code));
    r.u16(u64::from(number));
}

/// What fills the event of each native number.
pub(crate) struct Fillers([Option<Filler>; 512]);

impl Fillers {
    /// By the table, and with the generic event for all others.
    pub(crate) fn new() -> Self {
        let mut fillers = [None; 512];
        for syscall in Syscall::all() {
            let row = TABLE.iter().find(|(name, ..)| *name == syscall.name);
            let (inputs, fill, event) = match (row, syscall.exit) {
                (Some((_, inputs, fill)), Some(event)) => (*inputs, *fill, event),
                _ => (&[][..], generic as Fill, EventType::GENERIC_X),
            };
            let place = syscall.native().map(usize::from);
            if let Some(place) = place.and_then(|number| fillers.get_mut(number)) {
                *place = Some(Filler {
                    syscall,
                    event,
                    inputs,
                    fill,
                });
            }
        }
        Self(fillers)
    }

    /// What fills the event of a native number.
    pub(crate) fn get(&self, number: u16) -> Option<&Filler> {
        self.0.get(usize::from(number))?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_with_an_event_of_its_own_has_a_filler() {
        let missing: Vec<_> = Syscall::all()
            .iter()
            .filter(|call| call.native().is_some() && call.exit.is_some() && !call.is_generic())
            .filter(|call| !TABLE.iter().any(|(name, ..)| *name == call.name))
            .map(|call| call.name)
            .collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn every_row_is_a_call_and_stands_there_once() {
        for (index, (name, ..)) in TABLE.iter().enumerate() {
            let call = Syscall::by_name(name).unwrap_or_else(|| panic!("no call {name}"));
            assert!(!call.is_generic(), "{name}");
            assert!(
                !TABLE[..index].iter().any(|(other, ..)| other == name),
                "{name}"
            );
        }
    }
}
