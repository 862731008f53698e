//! What the traced command does.

use std::ffi::{CStr, CString};
use std::sync::Barrier;

/// The variable that names the scene.
pub(crate) const VARIABLE: &str = "PTRACE_FOLLOW_SCENE";

pub(crate) const CHILDREN: usize = 400;
pub(crate) const THREADS: usize = 40;
pub(crate) const ROUNDS: usize = 50;
pub(crate) const PROGRAMS: usize = 60;
/// The exit code of the scene that needs a kernel with 32-bit calls.
pub(crate) const NO_IA32: i32 = 77;

pub(crate) fn play() {
    let Ok(scene) = std::env::var(VARIABLE) else {
        return;
    };
    match scene.as_str() {
        "exec-from-thread" => exec_from_thread(),
        "many-children" => many_children(),
        "many-threads" => many_threads(),
        "spawn" => spawn(),
        "stop-and-continue" => stop_and_continue(),
        "interrupted" => interrupted(),
        "killed-in-a-storm" => killed_in_a_storm(),
        "unwanted" => unwanted(),
        "ia32" => narrow(),
        "connect" => connect(),
        "wait" => wait_for_ever(),
        other => panic!("no scene {other}"),
    }
    // Without the test program's own way out.
    exit(0)
}

fn exit(code: i32) -> ! {
    // SAFETY: takes a number.
    unsafe { libc::_exit(code) }
}

/// A call that fails, and is seen all the same.
fn mark(name: &CStr) {
    // SAFETY: the name outlives the call.
    let result = unsafe { libc::mkdirat(libc::AT_FDCWD, name.as_ptr(), 0o700) };
    assert_eq!(result, -1);
}

fn mark_as(name: String) {
    mark(&CString::new(name).expect("no NUL"));
}

fn exec_from_thread() {
    let barrier = Barrier::new(3);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                barrier.wait();
                std::thread::park();
            });
        }
        scope.spawn(|| {
            barrier.wait();
            let words = [c"scene end".as_ptr(), std::ptr::null()];
            // SAFETY: name and words outlive the call, which does not come back.
            unsafe { libc::execv(c"/bin/true".as_ptr(), words.as_ptr()) };
        });
    });
}

/// Like fork, with other flags.
fn clone(flags: i32) -> i64 {
    // SAFETY: without a stack of its own, the child has a copy of everything.
    unsafe { libc::syscall(libc::SYS_clone, flags | libc::SIGCHLD, 0, 0, 0, 0) }
}

fn many_children() {
    for child in 0..CHILDREN {
        let flags = if child % 2 == 0 {
            0
        } else {
            libc::CLONE_UNTRACED
        };
        match clone(flags) {
            0 => {
                mark_as(format!("/absent/child-{child}"));
                exit((child % 100) as i32);
            }
            -1 => panic!("no more processes"),
            _ => {}
        }
    }
    for _ in 0..CHILDREN {
        // SAFETY: without a place for the status, the call takes numbers.
        let pid = unsafe { libc::wait(std::ptr::null_mut()) };
        assert!(pid > 0);
    }
}

fn many_threads() {
    let barrier = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let barrier = &barrier;
            scope.spawn(move || {
                barrier.wait();
                for round in 0..ROUNDS {
                    mark_as(format!("/absent/thread-{thread}-{round}"));
                }
            });
        }
    });
}

fn spawn() {
    const SIDE_BY_SIDE: usize = 4;
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                for _ in 0..PROGRAMS / SIDE_BY_SIDE {
                    let status = std::process::Command::new("/bin/true").status();
                    assert!(status.expect("every system has it").success());
                }
            });
        }
    });
}

fn wait_for(pid: i64, flags: i32) -> i32 {
    let mut status = 0;
    // SAFETY: there is a place for the status.
    let result = unsafe { libc::waitpid(pid as i32, &raw mut status, flags) };
    assert_eq!(i64::from(result), pid);
    status
}

fn kill(pid: i64, signal: i32) {
    // SAFETY: takes numbers.
    assert_eq!(unsafe { libc::kill(pid as i32, signal) }, 0);
}

fn stop_and_continue() {
    let child = clone(0);
    if child == 0 {
        loop {
            // SAFETY: takes nothing.
            unsafe { libc::pause() };
        }
    }
    for _ in 0..20 {
        kill(child, libc::SIGSTOP);
        assert!(libc::WIFSTOPPED(wait_for(child, libc::WUNTRACED)));
        // A stopped process does not take other signals than the one that ends the stop.
        kill(child, libc::SIGCONT);
        assert!(libc::WIFCONTINUED(wait_for(child, libc::WCONTINUED)));
    }
    kill(child, libc::SIGSTOP);
    assert!(libc::WIFSTOPPED(wait_for(child, libc::WUNTRACED)));
    kill(child, libc::SIGTERM);
    // SAFETY: there is no place for a status, and the call takes numbers.
    let none = unsafe { libc::waitpid(child as i32, std::ptr::null_mut(), libc::WNOHANG) };
    assert_eq!(none, 0, "it is still stopped");
    kill(child, libc::SIGCONT);
    let status = wait_for(child, 0);
    assert_eq!(libc::WTERMSIG(status), libc::SIGTERM);
}

extern "C" fn nothing(_: libc::c_int) {}

fn interrupted() {
    let mut pipe = [0; 2];
    // SAFETY: there is a place for both ends; the handler does nothing.
    unsafe {
        assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut());
        libc::sigaction(
            libc::SIGRTMIN() + 3,
            &raw const action,
            std::ptr::null_mut(),
        );
        let reader = libc::pthread_self();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..50 {
                    let signal = if round % 2 == 0 {
                        libc::SIGUSR1
                    } else {
                        libc::SIGRTMIN() + 3
                    };
                    libc::pthread_kill(reader, signal);
                    std::thread::yield_now();
                }
                assert_eq!(libc::write(pipe[1], c"x".as_ptr().cast(), 1), 1);
            });
            let mut byte = 0u8;
            assert_eq!(libc::read(pipe[0], (&raw mut byte).cast(), 1), 1);
            assert_eq!(byte, b'x');
        });
    }
}

/// Processes that make processes, all of which are killed at once.
fn killed_in_a_storm() {
    // SAFETY: takes numbers.
    unsafe { libc::setpgid(0, 0) };
    for _ in 0..4 {
        if clone(0) == 0 {
            loop {
                if clone(0) == 0 {
                    exit(0);
                }
                // SAFETY: there is no place for a status, and the call takes numbers.
                unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
            }
        }
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    // SAFETY: takes numbers; the group is this process and what it made.
    unsafe { libc::kill(0, libc::SIGKILL) };
}

fn unwanted() {
    for _ in 0..100_000 {
        // SAFETY: takes nothing.
        unsafe { libc::syscall(libc::SYS_getppid) };
    }
    mark(c"/absent/mark");
}

fn wait_for_ever() {
    mark(c"/absent/begun");
    loop {
        // SAFETY: takes nothing.
        unsafe { libc::pause() };
    }
}

fn connect() {
    use std::net::{TcpListener, TcpStream, UdpSocket};
    use std::os::unix::net::{UnixListener, UnixStream};
    mark(c"/absent/mark");
    for loopback in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(loopback).expect("there is a port");
        let address = listener.local_addr().expect("it is bound");
        TcpStream::connect(address).expect("somebody listens");
    }
    let path = std::env::temp_dir().join(format!("ptrace-follow-{}.socket", std::process::id()));
    let listener = UnixListener::bind(&path).expect("the temporary folder can be written");
    let connected = UnixStream::connect(&path);
    let _ = std::fs::remove_file(&path);
    connected.expect("somebody listens");
    drop(listener);
    let (here, there) = (
        UdpSocket::bind("127.0.0.1:0"),
        UdpSocket::bind("127.0.0.1:0"),
    );
    let to = there
        .expect("there is a port")
        .local_addr()
        .expect("it is bound");
    here.expect("there is a port")
        .send_to(b"x", to)
        .expect("it can be sent");
}

#[cfg(not(target_arch = "x86_64"))]
fn narrow() {
    exit(NO_IA32);
}

/// Calls as 32-bit programs make them, from this one.
#[cfg(target_arch = "x86_64")]
fn narrow() {
    fn call(number: u32, args: [u32; 4]) -> i32 {
        let result: i32;
        // SAFETY: the calls below change nothing of this process; rbx is put back.
        unsafe {
            std::arch::asm!(
                "push rbx",
                "mov ebx, {first:e}",
                "int 0x80",
                "pop rbx",
                first = in(reg) args[0],
                inlateout("eax") number as i32 => result,
                in("ecx") args[1],
                in("edx") args[2],
                in("esi") args[3],
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            );
        }
        result
    }
    // Without the calls, the instruction is a fault.
    let child = clone(0);
    if child == 0 {
        call(20, [0; 4]);
        exit(0);
    }
    if wait_for(child, 0) != 0 {
        exit(NO_IA32);
    }
    let (prot, flags) = (3, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT);
    // SAFETY: a new mapping of a page, into which a name and two words are copied.
    let page = unsafe {
        let page = libc::mmap(std::ptr::null_mut(), 4096, prot, flags, -1, 0);
        let name = c"/absent/narrow".to_bytes_with_nul();
        page.cast::<u8>()
            .copy_from_nonoverlapping(name.as_ptr(), name.len());
        let words = page.cast::<u32>().add(100);
        words.copy_from_nonoverlapping([45u32, 1, 0].as_ptr(), 3);
        page as u32
    };
    // mkdirat, relative to the current folder, if the name were.
    assert_eq!(call(296, [-100i32 as u32, page, 0o700, 0]), -libc::ENOENT);
    // _llseek, whose offset comes in two halves.
    assert_eq!(call(140, [9999, 0, 5, page]), -libc::EBADF);
    // socketcall: a socket of a family that nobody has.
    assert_eq!(call(102, [1, page + 400, 0, 0]), -libc::EAFNOSUPPORT);
}
