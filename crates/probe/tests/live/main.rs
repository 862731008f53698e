//! Every system call with an event of its own, made for real, its event read back through the real
//! probe and compared parameter by parameter. Needs root.

#![expect(unsafe_code, reason = "makes system calls")]

mod descriptors;
mod exec;
mod fairness;
mod files;
mod harness;
mod ids;
mod io;
mod life;
mod losses;
mod memory;
mod overlay;
mod process;
mod seeding;
mod snaplen;
mod sockets;
mod system;
mod toctou;
mod tracepoints;
mod uring;

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use event::Syscall;
use harness::Harness;
use probe::{Options, Probe};

/// The calls that it covers, and what checks them.
type Case = (&'static [&'static str], fn(&mut Harness));

/// One probe at a time: each of them slows the whole machine down.
static PROBE: Mutex<()> = Mutex::new(());

/// Runs `test` where the probe can run, and says why where it cannot.
#[expect(clippy::print_stderr, reason = "a test that did not run says so")]
fn with_probe(test: impl FnOnce()) {
    if let Err(err) = Probe::check() {
        eprintln!("skipped: {err}");
        return;
    }
    let _alone = PROBE.lock().unwrap_or_else(PoisonError::into_inner);
    test();
}

#[test]
fn every_call_tells_what_was_done() {
    with_probe(|| {
        let options = Options {
            exclude_own: false,
            ..Options::default()
        };
        let mut harness = Harness::new(&options).unwrap_or_else(|err| panic!("{err}"));
        let cases = [
            files::CASES,
            descriptors::CASES,
            ids::CASES,
            io::CASES,
            memory::CASES,
            process::CASES,
            sockets::CASES,
            life::CASES,
            exec::CASES,
            tracepoints::CASES,
            overlay::CASES,
            system::CASES,
        ]
        .concat();
        let mut failed = Vec::new();
        let mut covered = BTreeSet::new();
        for (names, case) in cases {
            if catch_unwind(AssertUnwindSafe(|| case(&mut harness))).is_err() {
                failed.push(names);
            }
            covered.extend(names);
        }
        let dedicated: BTreeSet<&str> = Syscall::all()
            .iter()
            .filter(|call| call.native().is_some() && call.exit.is_some() && !call.is_generic())
            .map(|call| call.name)
            .collect();
        let missing: Vec<_> = dedicated.difference(&covered).collect();
        println!(
            "covered: {} / {}",
            dedicated.intersection(&covered).count(),
            dedicated.len()
        );
        assert_eq!(failed, [[""; 0]; 0], "cases that failed");
        assert_eq!(missing, [&""; 0], "calls without a case");
        for name in dedicated {
            let code = Syscall::by_name(name).expect("just found").code;
            assert!(harness.probe.has_filler(code), "{name} has no filler");
        }
    });
}
