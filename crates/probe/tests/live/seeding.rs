//! What is open at the start, as the kernel lists it, and as `/proc` shows it.

use std::net::TcpListener;
use std::os::fd::AsRawFd;

use probe::{Options, Probe};
use state::procfs::{Listed, Procfs};
use state::{Limits, State};

use crate::files::Folder;
use crate::harness::{call, minus, text};
use crate::of_state::open_files;
use crate::with_probe;

/// A state that knows what was listed, and the rest from `/proc`.
pub(crate) fn seeded(listed: &Listed) -> State {
    let mut state = State::new(Limits::default());
    Procfs::new("/").seed_with(&mut state, listed);
    state
}

#[test]
fn the_kernel_lists_what_proc_shows() {
    with_probe(|| {
        let probe = Probe::load(&Options::default()).unwrap_or_else(|err| panic!("{err}"));
        let dir = Folder::new("seeding");
        let plain = dir.file("plain");
        let deleted = dir.file("deleted");
        let open = |path: &std::ffi::CStr, flags: i32| {
            call(
                libc::SYS_openat,
                [minus(100), text(path), flags as usize, 0],
            )
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
        let mut pipe = [0i32; 2];
        let ends = std::ptr::from_mut(&mut pipe) as usize;
        call(libc::SYS_pipe2, [ends, 0]);
        let pid = call(libc::SYS_getpid, []);
        let opened = [
            open(&plain, libc::O_RDWR | libc::O_APPEND | libc::O_CLOEXEC),
            open(&plain, libc::O_RDONLY),
            open(&deleted, libc::O_WRONLY),
            open(c"/", libc::O_RDONLY | libc::O_DIRECTORY),
            open(c"/dev/null", libc::O_RDWR),
            open(c"/proc/self/status", libc::O_RDONLY),
            listener.as_raw_fd().into(),
            pipe[0].into(),
            pipe[1].into(),
            call(libc::SYS_eventfd2, [0, libc::EFD_CLOEXEC as usize]),
            call(libc::SYS_epoll_create1, [0]),
            call(libc::SYS_inotify_init1, [0]),
            call(libc::SYS_memfd_create, [text(c"name"), 0]),
            call(libc::SYS_timerfd_create, [0, 0]),
            call(libc::SYS_pidfd_open, [pid as usize, 0]),
            call(libc::SYS_socket, [libc::AF_UNIX as usize, 1, 0]),
        ];
        assert!(opened.iter().all(|fd| *fd >= 0), "{opened:?}");
        std::fs::remove_file(dir.path("deleted")).expect("it is ours");

        let listed = probe.open_files().expect("the kernel lists them");
        let Some(listed) = listed else {
            eprintln!("skipped: this kernel has no iterators, or this is a pid namespace");
            return;
        };
        let own = listed
            .iter()
            .filter(|file| i64::from(file.pid) == pid && opened.contains(&file.fd.into()));
        assert_eq!(own.count(), opened.len(), "each is listed once");
        let by_kernel = seeded(&Listed {
            files: open_files(listed),
            ..Listed::default()
        });
        let by_proc = seeded(&Listed::default());
        for fd in opened {
            let of = |state: &State| {
                let thread = state.thread(pid).expect("this process is there");
                format!("{:?}", state.descriptor(thread, fd).expect("it is open"))
            };
            assert_eq!(of(&by_kernel), of(&by_proc));
        }
        for fd in opened {
            if fd != i64::from(listener.as_raw_fd()) {
                call(libc::SYS_close, [fd as usize]);
            }
        }
        // Switched off, `/proc` is all there is.
        let without = Options {
            iterators: false,
            ..Options::default()
        };
        let without = Probe::load(&without).unwrap_or_else(|err| panic!("{err}"));
        assert_eq!(without.open_files().expect("nothing is asked"), None);
        assert_eq!(without.tasks().expect("nothing is asked"), None);
    });
}
