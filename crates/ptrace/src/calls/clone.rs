//! New threads and processes.

use crate::facts::process::{Process, Sizes, command_line};
use crate::flags::clone_flags;
use crate::ppm::*;
use crate::record::Record;

/// The parameters of clone and its relatives after the result.
fn put_clone(r: &mut Record<'_>, mut flags: u64) {
    let process = Process::of(r.caller);
    // Below the tracer's pid namespace, or on the way there, a child has other ids for itself than
    // those that its parent sees.
    if process.status.is_in_namespace() || process.makes_pid_namespaces() {
        flags |= PPM_CL_CHILD_IN_PIDNS;
    }
    command_line(r, &process);
    put_process(r, &process);
    r.u32(flags);
    r.u32(u64::from(process.status.euid));
    r.u32(u64::from(process.status.egid));
    r.int(process.status.vtid as u64);
    r.int(process.status.vpid as u64);
    let start = r
        .caller
        .machine
        .namespace_start(r.caller.tgid, &process.status);
    r.u64(start);
}

/// Ids to controllers: ten parameters that all these events share.
pub(super) fn put_process(r: &mut Record<'_>, process: &Process) {
    r.int(r.caller.tid as u64);
    r.int(r.caller.tgid as u64);
    r.int(process.parent(r.caller) as u64);
    r.text(process.cwd());
    r.u64(process.open_files_limit());
    r.u64(process.stat.major_faults);
    r.u64(process.stat.minor_faults);
    Sizes::from_status(&process.status).put(r);
    r.text(&process.stat.comm);
    let cgroups = r.caller.machine.cgroups(r.caller.tid);
    r.bytes(&cgroups);
}

/// The kernel's flags that a call makes a child with, as far as the call says.
pub(crate) fn kernel_flags(name: &str, first_argument: u64, of_memory: impl Fn(u64) -> u64) -> u64 {
    const CLONE_VM: u64 = 0x100;
    const CLONE_VFORK: u64 = 0x4000;
    match name {
        "clone" => first_argument & 0xffff_ffff,
        "clone3" => of_memory(first_argument),
        "vfork" => CLONE_VM | CLONE_VFORK,
        _ => 0,
    }
}

/// A child comes back through the same call as its parent does, with the result 0.
pub(super) fn clone(r: &mut Record<'_>) {
    r.ret();
    let flags = r.caller.inputs.clone_flags;
    put_clone(r, clone_flags(flags));
}
