//! What the probe costs: a child makes system calls on CPU 0 for a while, this process reads the
//! rings on CPU 1, and both are measured against the same child without a probe. Times are CPU
//! times, so that other work on the machine disturbs them little.
//!
//! Build with `--release`, run as root.

#![expect(unsafe_code, reason = "makes system calls")]
#![expect(clippy::print_stdout, reason = "it is a command line tool")]

use std::time::{Duration, Instant};

use event::{Syscall, SyscallCode};
use probe::{Options, Probe};

const RUN: Duration = Duration::from_secs(1);

fn call(number: libc::c_long, args: [usize; 4]) -> i64 {
    // SAFETY: the calls made here get valid pointers or none.
    unsafe { libc::syscall(number, args[0], args[1], args[2], args[3]) }
}

fn pin(cpu: usize) {
    let set = [1u64 << cpu];
    call(
        libc::SYS_sched_setaffinity,
        [0, 8, set.as_ptr() as usize, 0],
    );
}

/// The CPU time that this process has used, in nanoseconds.
fn cpu_time() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// One turn of a load, and how many system calls it makes.
type Load = (&'static str, u64, fn());

const LOADS: [Load; 3] = [
    ("open+close", 2, || {
        let fd = call(
            libc::SYS_openat,
            [usize::MAX - 99, c"/etc/hostname".as_ptr() as usize, 0, 0],
        );
        call(libc::SYS_close, [fd as usize, 0, 0, 0]);
    }),
    ("close(-1)", 1, || {
        call(libc::SYS_close, [usize::MAX, 0, 0, 0]);
    }),
    ("getppid", 1, || {
        call(libc::SYS_getppid, [0; 4]);
    }),
];

/// Runs a load on CPU 0 in a child and `meanwhile` here, over and over; says how many nanoseconds
/// a turn took.
fn run(load: fn(), mut meanwhile: impl FnMut()) -> f64 {
    let mut pipe = [0i32; 2];
    call(libc::SYS_pipe2, [pipe.as_mut_ptr() as usize, 0, 0, 0]);
    // SAFETY: this process has one thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        pin(0);
        let (start, before, mut turns) = (Instant::now(), cpu_time(), 0u64);
        while start.elapsed() < RUN {
            (0..500).for_each(|_| load());
            turns += 500;
        }
        let per_turn = (cpu_time() - before) as f64 / turns as f64;
        call(
            libc::SYS_write,
            [pipe[1] as usize, (&raw const per_turn) as usize, 8, 0],
        );
        call(libc::SYS_exit_group, [0; 4]);
    }
    let mut status = 0;
    // SAFETY: `status` outlives the call.
    while unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) } == 0 {
        meanwhile();
    }
    let mut per_turn = 0f64;
    call(
        libc::SYS_read,
        [pipe[0] as usize, (&raw mut per_turn) as usize, 8, 0],
    );
    call(libc::SYS_close, [pipe[0] as usize, 0, 0, 0]);
    call(libc::SYS_close, [pipe[1] as usize, 0, 0, 0]);
    per_turn
}

fn main() -> Result<(), probe::Error> {
    pin(1);
    for (title, toctou_protection, toctou_protection_ia32) in [
        ("arguments read at the exit", false, false),
        ("arguments noted at the entry (the default)", true, false),
        ("the same, with 32-bit programs about", true, true),
    ] {
        println!("\n{title}");
        measure(&Options {
            toctou_protection,
            toctou_protection_ia32,
            ..Options::default()
        })?;
    }
    Ok(())
}

fn measure(options: &Options) -> Result<(), probe::Error> {
    let started = Instant::now();
    let mut probe = Probe::load(options)?;
    println!("loaded in {:.0?}", started.elapsed());
    let mut reader = probe.reader()?;
    let codes = |names: &[&str]| -> Vec<SyscallCode> {
        names
            .iter()
            .filter_map(|name| Syscall::by_name(name))
            .map(|call| call.code)
            .collect()
    };
    println!(
        "{:<12} {:>9} {:>9} {:>9} {:>10} {:>10} {:>8} {:>10}",
        "load", "without", "attached", "traced", "ns/unseen", "ns/event", "drops", "reader ns"
    );
    for (name, calls, load) in LOADS {
        let idle = || std::thread::sleep(Duration::from_millis(1));
        probe.detach();
        let without = run(load, idle);
        probe.set_syscalls(codes(&["chroot"]))?;
        probe.attach()?;
        let attached = run(load, idle);
        let drops = probe.counters()?.drops();
        probe.set_syscalls(codes(&["openat", "close", "getppid"]))?;
        let (mut events, mut busy) = (0u64, 0u64);
        let traced = run(load, || {
            let start = cpu_time();
            let count = reader.drain(|_, record| {
                std::hint::black_box(record);
            });
            busy += cpu_time() - start;
            events += count as u64;
            if count < 1000 {
                std::thread::sleep(Duration::from_micros(200));
            }
        });
        let drops = probe.counters()?.drops() - drops;
        let calls = calls as f64;
        println!(
            "{name:<12} {without:>9.0} {attached:>9.0} {traced:>9.0} {:>10.0} {:>10.0} {drops:>8} {:>10.0}",
            (attached - without) / calls,
            (traced - without) / calls,
            busy as f64 / events as f64,
        );
    }
    Ok(())
}
