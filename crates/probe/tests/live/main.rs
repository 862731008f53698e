//! Every system call with an event of its own, made for real, its event read back through the real
//! probe and compared parameter by parameter. Needs root.

#![expect(unsafe_code, reason = "makes system calls")]

#[cfg(target_arch = "x86_64")]
mod compat;
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
mod of_state;
mod overlay;
mod places;
mod process;
mod seeding;
mod snaplen;
mod sockets;
mod source;
mod system;
mod table;
mod tasks;
mod toctou;
mod tracepoints;
mod uring;

use std::sync::{Mutex, PoisonError};

use harness::Harness;
use probe::{Options, Probe};
use source::OfProbe;
use table::Case;

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
        let source = OfProbe::new(&options).unwrap_or_else(|err| panic!("{err}"));
        let filled = source.fillers();
        let mut harness = Harness::new(source);
        let covered = table::run(&mut harness);
        let missing = table::report(&covered);
        assert_eq!(missing, [""; 0], "calls without a case");
        for name in table::dedicated() {
            let code = event::Syscall::by_name(name).expect("just found").code;
            assert!(filled(code), "{name} has no filler");
        }
    });
}
