//! What tracing costs a program, in nanoseconds per turn of a loop: without a tracer, with one that
//! does not want the call, and with one that does. The least of several runs.
//!
//! Build with `--release`; no rights are needed.

#![expect(unsafe_code, reason = "makes system calls")]
#![expect(clippy::print_stdout, reason = "the figures are the output")]

use std::time::{Duration, Instant};

use event::{Syscall, SyscallCodeSet};
use ptrace::{Options, Progress, Tracer};

const RUNS: usize = 5;

/// A loop: its name, how many turns, the call that is wanted, and one turn.
type Loop = (&'static str, u32, &'static str, fn());

const LOOPS: [Loop; 5] = [
    ("getppid (generic event)", 20_000, "getppid", || {
        // SAFETY: takes nothing.
        unsafe { libc::syscall(libc::SYS_getppid) };
    }),
    ("open and close", 10_000, "openat", || {
        drop(std::fs::File::open("/dev/null"));
    }),
    ("write that fails", 20_000, "write", || {
        // SAFETY: the buffer outlives the call; the descriptor is not open.
        unsafe { libc::write(-1, [0u8; 64].as_ptr().cast(), 64) };
    }),
    ("fork and wait", 500, "clone", || {
        // SAFETY: the child does nothing but end.
        unsafe {
            let pid = libc::fork();
            if pid == 0 {
                libc::_exit(0);
            }
            libc::waitpid(pid, std::ptr::null_mut(), 0);
        }
    }),
    ("start of a program", 100, "execve", || {
        let _ = std::process::Command::new("/bin/true").status();
    }),
];

fn main() {
    let mut args = std::env::args().skip(1);
    if let Some(index) = args.next().and_then(|index| index.parse::<usize>().ok()) {
        // The traced side: writes down the time of a turn.
        let (_, turns, _, turn) = LOOPS[index];
        let began = Instant::now();
        for _ in 0..turns {
            turn();
        }
        let nanos = began.elapsed().as_nanos() / u128::from(turns);
        let _ = std::fs::write(args.next().unwrap_or_default(), nanos.to_string());
        return;
    }
    println!(
        "{:<26}{:>12}{:>12}{:>12}",
        "ns per turn", "not traced", "not wanted", "wanted"
    );
    for (index, (name, _, wanted, _)) in LOOPS.iter().enumerate() {
        let code = Syscall::by_name(wanted).map(|call| call.code);
        let nobody = SyscallCodeSet::new();
        let figures = [None, Some(nobody), Some(code.into_iter().collect())];
        let [bare, unwanted, wanted] = figures.map(|wanted| {
            let runs = (0..RUNS).filter_map(|_| run(index, wanted));
            runs.min().unwrap_or_default()
        });
        println!("{name:<26}{bare:>12}{unwanted:>12}{wanted:>12}");
    }
}

/// Nanoseconds per turn.
fn run(index: usize, wanted: Option<SyscallCodeSet>) -> Option<u64> {
    let answer = std::env::temp_dir().join(format!("ptrace-cost-{}", std::process::id()));
    let own = std::env::current_exe().ok()?.into_os_string();
    let words = [own, index.to_string().into(), answer.clone().into()];
    if let Some(wanted) = wanted {
        let mut tracer = Tracer::prepare(&words, &wanted, Options::default()).ok()?;
        tracer.start().ok()?;
        while tracer.poll(Duration::from_secs(1), |_, _| ()).ok()? != Progress::Ended {}
    } else {
        let [program, args @ ..] = &words;
        let mut command = std::process::Command::new(program);
        command.args(args).status().ok()?;
    }
    let nanos = std::fs::read_to_string(&answer).ok()?.parse().ok();
    std::fs::remove_file(&answer).ok()?;
    nanos
}
