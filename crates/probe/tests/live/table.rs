//! All cases, and how much of the event table they cover.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use event::Syscall;

use crate::harness::Harness;
use crate::{
    descriptors, exec, files, ids, io, life, memory, overlay, process, sockets, system, tracepoints,
};

/// The calls that it covers, and what checks them.
pub(crate) type Case = (&'static [&'static str], fn(&mut Harness));

fn cases() -> Vec<Case> {
    [
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
    .concat()
}

/// Runs all cases and hands back the calls that they cover.
///
/// # Panics
///
/// At the end, when a case failed.
pub(crate) fn run(harness: &mut Harness) -> BTreeSet<&'static str> {
    let mut failed = Vec::new();
    let mut covered = BTreeSet::new();
    for (names, case) in cases() {
        if catch_unwind(AssertUnwindSafe(|| case(harness))).is_err() {
            failed.push(names);
        }
        covered.extend(names.iter().copied());
        harness.keep_up();
    }
    assert_eq!(failed, [[""; 0]; 0], "cases that failed");
    covered
}

/// The calls of this architecture that have an event of their own.
pub(crate) fn dedicated() -> BTreeSet<&'static str> {
    Syscall::all()
        .iter()
        .filter(|call| call.native().is_some() && call.exit.is_some() && !call.is_generic())
        .map(|call| call.name)
        .collect()
}

/// Prints how many of them are covered, and hands back the others.
#[expect(clippy::print_stdout, reason = "the figure that this test is for")]
pub(crate) fn report(covered: &BTreeSet<&'static str>) -> Vec<&'static str> {
    let dedicated = dedicated();
    println!(
        "covered: {} / {}",
        dedicated.intersection(covered).count(),
        dedicated.len()
    );
    dedicated.difference(covered).copied().collect()
}
