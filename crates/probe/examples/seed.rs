//! How long it takes to learn what a machine with many processes looks like: 10 000 processes with
//! ten descriptors each are made, and the state is seeded beside them.
//!
//! Build with `--release`, run as root. Numbers of processes may be given.

#![expect(unsafe_code, reason = "makes system calls")]
#![expect(clippy::print_stdout, reason = "it is a command line tool")]

#[path = "../tests/live/of_state.rs"]
mod of_state;

use std::time::Instant;

use probe::{Options, Probe};
use state::procfs::{Listed, OpenFiles, Procfs, Tasks};
use state::{Limits, State};

fn call(number: libc::c_long, args: [usize; 4]) -> i64 {
    // SAFETY: the calls made here get valid pointers or none.
    unsafe { libc::syscall(number, args[0], args[1], args[2], args[3]) }
}

/// Processes that sleep until the returned pipe end is closed.
fn sleepers(count: usize) -> (usize, Vec<i64>) {
    let mut pipe = [0i32; 2];
    call(libc::SYS_pipe2, [pipe.as_mut_ptr() as usize, 0, 0, 0]);
    let [read, write] = pipe.map(|end| end as usize);
    // With the three of every process and the pipe's end that is ten.
    let files = [c"/etc/hostname", c"/etc/passwd", c"/usr/bin", c"/dev/zero"];
    let mut opened: Vec<i64> = files
        .iter()
        .map(|path| {
            let path = path.as_ptr() as usize;
            call(libc::SYS_openat, [usize::MAX - 99, path, 0, 0])
        })
        .collect();
    opened.push(call(libc::SYS_eventfd2, [0, 0, 0, 0]));
    opened.push(call(libc::SYS_socket, [1, 1, 0, 0]));
    let mut children = Vec::new();
    for _ in 0..count {
        let child = call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0]);
        if child == 0 {
            call(libc::SYS_close, [write, 0, 0, 0]);
            let mut byte = 0u8;
            call(libc::SYS_read, [read, (&raw mut byte) as usize, 1, 0]);
            call(libc::SYS_exit_group, [0; 4]);
        }
        if child < 0 {
            break;
        }
        children.push(child);
    }
    for fd in opened {
        call(libc::SYS_close, [fd as usize, 0, 0, 0]);
    }
    call(libc::SYS_close, [read, 0, 0, 0]);
    (write, children)
}

/// Descriptors that the kernel lists, in the form in which the state takes them.
fn open_files(probe: &Probe) -> OpenFiles {
    of_state::open_files(probe.open_files().ok().flatten().unwrap_or_default())
}

fn main() -> Result<(), probe::Error> {
    let given: Vec<usize> = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok())
        .collect();
    let counts = if given.is_empty() {
        vec![0, 1000, 10_000]
    } else {
        given
    };
    println!("processes  descriptors  from /proc   listing: threads  files  all, ms");
    for count in counts {
        let (end, children) = sleepers(count);
        // Only now, or each of them would have the probe's descriptors, too.
        let probe = Probe::load(&Options::default())?;
        for way in ["everything", "processes", "nothing"].repeat(3) {
            let mut state = State::new(Limits::default());
            let started = Instant::now();
            let mut listed = Listed::default();
            if way == "nothing" {
                listed.tasks = Tasks::new(probe.tasks()?.unwrap_or_default());
            }
            let tasks = started.elapsed();
            if way != "everything" {
                listed.files = open_files(&probe);
            }
            let files = started.elapsed() - tasks;
            Procfs::new("/").seed_with(&mut state, &listed);
            let took = started.elapsed();
            let descriptors: usize = children
                .iter()
                .filter_map(|pid| state.thread(*pid))
                .map(|thread| state.descriptors(thread).count())
                .sum();
            println!(
                "{:>9}  {descriptors:>11}  {way:<10}  {:>17.0} {:>6.0} {:>8.0}",
                children.len(),
                tasks.as_secs_f64() * 1000.0,
                files.as_secs_f64() * 1000.0,
                took.as_secs_f64() * 1000.0,
            );
        }
        call(libc::SYS_close, [end, 0, 0, 0]);
        for child in children {
            call(libc::SYS_wait4, [child as usize, 0, 0, 0]);
        }
    }
    Ok(())
}
