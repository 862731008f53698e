//! What the kernel was given at the entry of a call wins over what lies there when it returns.
//!
//! No races are run here: each call is made to wait inside the kernel after it has taken its
//! argument, the argument is overwritten meanwhile, and then the call is let go. So without the
//! protection the record is wrong every time, and with it right every time.

use std::ffi::CString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use probe::Options;

#[cfg(target_arch = "x86_64")]
use crate::compat::{call32, runs_32_bit_programs};
use crate::files::Folder;
use crate::harness::{Event, Harness, at, call, minus, text};
use crate::with_probe;

/// A buffer that two threads share, as a program that cheats does.
struct Shared(*mut u8);

// SAFETY: the tests order all accesses themselves, by the states of the threads.
unsafe impl Sync for Shared {}

impl Shared {
    /// One page, filled.
    fn new(content: &[u8]) -> Self {
        let (prot, flags) = (3, (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize);
        let page = call(libc::SYS_mmap, [0, 4096, prot, flags, minus(1), 0]);
        assert!(page > 0);
        let shared = Self(page as *mut u8);
        shared.write(content);
        shared
    }

    fn write(&self, content: &[u8]) {
        // SAFETY: the page has room for all that the tests write.
        unsafe { std::ptr::copy_nonoverlapping(content.as_ptr(), self.0, content.len()) };
    }

    fn address(&self) -> usize {
        self.0 as usize
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        call(libc::SYS_munmap, [self.0 as usize, 4096]);
    }
}

/// Waits until a thread of this process sleeps inside the system call.
fn wait_until_inside(tid: i64, number: libc::c_long) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let file = PathBuf::from(format!("/proc/self/task/{tid}/syscall"));
    loop {
        // The number comes first, in decimal, while the thread sleeps; "running" otherwise.
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        if text.split(' ').next() == Some(&number.to_string()) {
            return;
        }
        assert!(Instant::now() < deadline, "the call never waited: {text}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Makes `name`'s call in a thread, runs `meanwhile` as soon as that sleeps inside, and hands back
/// the call's event.
fn interrupted(
    harness: &mut Harness,
    name: &str,
    number: libc::c_long,
    make: impl FnOnce() -> i64 + Send,
    meanwhile: impl FnOnce() + Send,
) -> (i64, Event) {
    harness.one(name, || {
        let caller = call(libc::SYS_gettid, []);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                wait_until_inside(caller, number);
                meanwhile();
            });
            make()
        })
    })
}

fn fifo(folder: &Folder, name: &str) -> CString {
    let path = folder.c(name);
    assert_eq!(
        call(
            libc::SYS_mknodat,
            [minus(100), text(&path), libc::S_IFIFO as usize | 0o600, 0]
        ),
        0
    );
    path
}

/// Lets go whoever waits for the other end of a fifo. That both ends were there for a moment is
/// enough.
fn let_go(path: &CString) {
    let flags = libc::O_RDWR | libc::O_NONBLOCK;
    let end = call(
        libc::SYS_openat,
        [minus(100), text(path), flags as usize, 0],
    );
    assert!(end >= 0);
    call(libc::SYS_close, [end as usize]);
}

/// Opens a fifo, which waits until the other end is opened, and overwrites the path meanwhile.
fn open_and_overwrite(
    harness: &mut Harness,
    name: &str,
    number: libc::c_long,
    path: &CString,
    make: impl FnOnce(usize) -> i64 + Send,
) -> Event {
    let shared = Shared::new(path.as_bytes_with_nul());
    let shared = &shared;
    let (fd, event) = interrupted(
        harness,
        name,
        number,
        || make(shared.address()),
        || {
            shared.write(b"/etc/harmless\0");
            let_go(path);
        },
    );
    assert!(fd >= 0, "{name}: {fd}");
    call(libc::SYS_close, [fd as usize]);
    event
}

fn harness(toctou_protection: bool) -> Harness {
    let options = Options {
        exclude_own: false,
        toctou_protection,
        toctou_protection_ia32: toctou_protection,
        ..Options::default()
    };
    crate::source::harness(&options)
}

/// `openat2` takes its flags from memory, too.
fn openat2(harness: &mut Harness, path: &CString) -> Event {
    let how = Shared::new(&[0u8; 24]);
    let how = &how;
    let shared = Shared::new(path.as_bytes_with_nul());
    let shared = &shared;
    let (fd, event) = interrupted(
        harness,
        "openat2",
        libc::SYS_openat2,
        || {
            call(
                libc::SYS_openat2,
                [minus(100), shared.address(), how.address(), 24],
            )
        },
        || {
            shared.write(b"/etc/harmless\0");
            how.write(&(libc::O_RDWR as u64).to_ne_bytes());
            let_go(path);
        },
    );
    assert!(fd >= 0);
    call(libc::SYS_close, [fd as usize]);
    event
}

#[test]
fn paths_are_those_of_the_entry() {
    with_probe(|| {
        let folder = Folder::new("toctou");
        // Longer than what fits beside the thread, and short.
        let long = format!("{}fifo-of-a-long-path", "./".repeat(300));
        let plain = fifo(&folder, "fifo");
        fifo(&folder, "fifo-of-a-long-path");
        let long = folder.c(&long);
        for protected in [true, false] {
            let mut h = harness(protected);
            for path in [&plain, &long] {
                let told = |event: &Event| event.text("name");
                let expected = if protected {
                    path.to_str().expect("ASCII")
                } else {
                    "/etc/harmless"
                };
                let event =
                    open_and_overwrite(&mut h, "openat", libc::SYS_openat, path, |address| {
                        call(libc::SYS_openat, [minus(100), address, 0, 0])
                    });
                assert_eq!(told(&event), expected, "openat, protected: {protected}");
                #[cfg(target_arch = "x86_64")]
                {
                    let event =
                        open_and_overwrite(&mut h, "open", libc::SYS_open, path, |address| {
                            call(libc::SYS_open, [address, 0, 0])
                        });
                    assert_eq!(told(&event), expected, "open, protected: {protected}");
                }
                let event = openat2(&mut h, path);
                assert_eq!(told(&event), expected, "openat2, protected: {protected}");
                let flags = if protected { 1 } else { 3 };
                assert_eq!(
                    event.number("flags"),
                    flags,
                    "openat2, protected: {protected}"
                );
            }
            #[cfg(target_arch = "x86_64")]
            {
                // Writing waits for a reader.
                let event =
                    open_and_overwrite(&mut h, "creat", libc::SYS_creat, &plain, |address| {
                        call(libc::SYS_creat, [address, 0o600])
                    });
                let expected = if protected {
                    plain.to_str().expect("ASCII")
                } else {
                    "/etc/harmless"
                };
                assert_eq!(
                    event.text("name"),
                    expected,
                    "creat, protected: {protected}"
                );
            }
        }
    });
}

/// The bytes of a unix socket's address.
fn unix_address(name: &str) -> Vec<u8> {
    let mut address = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
    address.extend(name.as_bytes());
    address.push(0);
    address
}

#[test]
fn addresses_are_those_of_the_entry() {
    with_probe(|| {
        let folder = Folder::new("toctou-connect");
        let name = folder.path("socket");
        let name = name.to_str().expect("ASCII");
        let address = unix_address(name);
        let socket = || call(libc::SYS_socket, [libc::AF_UNIX as usize, 1, 0]) as usize;
        let listener = socket();
        assert_eq!(
            call(libc::SYS_bind, [listener, at(&address[..]), address.len()]),
            0
        );
        assert_eq!(call(libc::SYS_listen, [listener, 0]), 0);
        for protected in [true, false] {
            let mut h = harness(protected);
            // One connection fits into the queue, so the next one waits.
            let first = socket();
            assert_eq!(
                call(libc::SYS_connect, [first, at(&address[..]), address.len()]),
                0
            );
            let second = socket();
            let shared = Shared::new(&address);
            let shared = &shared;
            let (result, event) = interrupted(
                &mut h,
                "connect",
                libc::SYS_connect,
                || call(libc::SYS_connect, [second, shared.address(), address.len()]),
                || {
                    shared.write(&unix_address("/run/harmless"));
                    let accepted = call(libc::SYS_accept4, [listener, 0, 0, 0]);
                    call(libc::SYS_close, [accepted as usize]);
                },
            );
            assert_eq!(result, 0);
            let told = event.bytes("addr");
            let told = String::from_utf8_lossy(&told[1..told.len() - 1]).into_owned();
            if protected {
                assert_eq!(told, name);
            } else {
                assert!(told.starts_with("/run/harmless"), "{told}");
            }
            let accepted = call(libc::SYS_accept4, [listener, 0, 0, 0]);
            for fd in [accepted as usize, first, second] {
                call(libc::SYS_close, [fd]);
            }
        }
        call(libc::SYS_close, [listener]);
    });
}

/// A page of a file that nobody has touched yet cannot be read at the entry. What lies there at the
/// exit is believed only if it fits what was opened.
#[test]
fn what_could_not_be_read_at_the_entry_is_not_believed() {
    with_probe(|| {
        let folder = Folder::new("toctou-unread");
        let path = fifo(&folder, "fifo");
        let name = path.to_str().expect("ASCII");
        std::fs::write(folder.path("page"), path.as_bytes_with_nul()).expect("it is ours");
        let untouched = || {
            let file = folder.c("page");
            let file = call(libc::SYS_openat, [minus(100), text(&file), 0, 0]) as usize;
            let page = call(
                libc::SYS_mmap,
                [0, 4096, 3, libc::MAP_PRIVATE as usize, file, 0],
            );
            assert!(page > 0);
            call(libc::SYS_close, [file]);
            Shared(page as *mut u8)
        };
        let mut h = harness(true);
        for (overwritten, expected) in [(Some(&b"/etc/harmless\0"[..]), name), (None, name)] {
            let shared = untouched();
            let shared = &shared;
            let (fd, event) = interrupted(
                &mut h,
                "openat",
                libc::SYS_openat,
                || call(libc::SYS_openat, [minus(100), shared.address(), 0, 0]),
                || {
                    if let Some(overwritten) = overwritten {
                        shared.write(overwritten);
                    }
                    let_go(&path);
                },
            );
            assert!(fd >= 0);
            call(libc::SYS_close, [fd as usize]);
            assert_eq!(event.text("name"), expected);
        }
    });
}

/// Memory whose pages come from this test when somebody asks for them.
struct Held {
    descriptor: usize,
    page: usize,
}

impl Held {
    fn new() -> Option<Self> {
        const UFFDIO_API: usize = 0xc018_aa3f;
        const UFFDIO_REGISTER: usize = 0xc020_aa00;
        let descriptor = call(libc::SYS_userfaultfd, [libc::O_CLOEXEC as usize]);
        let descriptor = usize::try_from(descriptor).ok()?;
        let mut api = [0xaau64, 0, 0];
        let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize;
        let page = call(libc::SYS_mmap, [0, 4096, 3, flags, minus(1), 0]) as usize;
        let mut range = [page as u64, 4096, 1, 0];
        for (request, argument) in [
            (UFFDIO_API, api.as_mut_ptr()),
            (UFFDIO_REGISTER, range.as_mut_ptr()),
        ] {
            if call(libc::SYS_ioctl, [descriptor, request, argument as usize]) != 0 {
                call(libc::SYS_close, [descriptor]);
                return None;
            }
        }
        Some(Self { descriptor, page })
    }

    /// Waits until somebody waits for the page.
    fn wait(&self) {
        let mut message = [0u64; 4];
        let address = message.as_mut_ptr() as usize;
        assert_eq!(call(libc::SYS_read, [self.descriptor, address, 32]), 32);
    }

    /// Fills the page with zeroes and lets everybody go.
    fn fill(&self) {
        const UFFDIO_ZEROPAGE: usize = 0xc020_aa04;
        let mut range = [self.page as u64, 4096, 0, 0];
        let address = range.as_mut_ptr() as usize;
        assert_eq!(
            call(libc::SYS_ioctl, [self.descriptor, UFFDIO_ZEROPAGE, address]),
            0
        );
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        call(libc::SYS_close, [self.descriptor]);
        call(libc::SYS_munmap, [self.page, 4096]);
    }
}

#[test]
fn the_program_that_could_not_be_started_is_the_one_of_the_entry() {
    with_probe(|| {
        let Some(_) = Held::new() else {
            eprintln!("skipped: this kernel has no userfaultfd for the kernel's own accesses");
            return;
        };
        let folder = Folder::new("toctou-exec");
        let program = folder.file("not-a-program");
        std::fs::set_permissions(
            folder.path("not-a-program"),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .expect("it is ours");
        for protected in [true, false] {
            let mut h = harness(protected);
            // The kernel takes the file name first and then asks for the arguments.
            let arguments = Held::new().expect("there was one before");
            let arguments = &arguments;
            let shared = Shared::new(program.as_bytes_with_nul());
            let shared = &shared;
            let (result, event) = h.one("execve", || {
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        arguments.wait();
                        shared.write(b"/usr/bin/harmless\0");
                        arguments.fill();
                    });
                    call(libc::SYS_execve, [shared.address(), arguments.page, 0])
                })
            });
            assert_eq!(result, -i64::from(libc::ENOEXEC));
            let expected = if protected {
                program.to_str().expect("ASCII")
            } else {
                "/usr/bin/harmless"
            };
            assert_eq!(event.text("filename"), expected, "protected: {protected}");
        }
    });
}

/// The tracepoints of native calls do not see what 32-bit programs do.
#[cfg(target_arch = "x86_64")]
#[test]
fn programs_of_32_bits_are_protected_from_the_first_look_on() {
    with_probe(|| {
        if !runs_32_bit_programs() {
            eprintln!("skipped: this kernel runs no 32-bit programs");
            return;
        }
        let folder = Folder::new("toctou-32");
        let path = fifo(&folder, "fifo");
        let options = Options {
            exclude_own: false,
            ..Options::default()
        };
        let mut h = crate::source::harness(&options);
        for expected in ["/etc/harmless", path.to_str().expect("ASCII")] {
            let flags = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT) as usize;
            let page = call(libc::SYS_mmap, [0, 4096, 3, flags, minus(1), 0]);
            let shared = Shared(page as *mut u8);
            shared.write(path.as_bytes_with_nul());
            let shared = &shared;
            let (fd, event) = interrupted(
                &mut h,
                "open",
                // Under its own number: that is what the kernel shows.
                5,
                || call32(5, [shared.address() as u32, 0, 0]),
                || {
                    shared.write(b"/etc/harmless\0");
                    let_go(&path);
                },
            );
            assert!(fd >= 0);
            call(libc::SYS_close, [fd as usize]);
            assert_eq!(event.text("name"), expected);
            h.keep_up();
        }
    });
}
