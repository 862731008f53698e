//! A process changes its program.

use super::clone::put_process;
use crate::facts::executable::Executable;
use crate::facts::process::{Process, area, command_line};
use crate::record::{Record, TEXT_MAX};

/// The parameters of an exec event from the terminal on, without the file name.
fn put_exec(r: &mut Record<'_>, process: &Process) {
    let status = &process.status;
    let exe = Executable::of(r.caller.tid, status);
    r.u32(u64::from(process.stat.terminal));
    r.int(status.vpgid as u64);
    r.u32(u64::from(process.login_uid()));
    r.u32(exe.flags);
    r.u64(status.cap_inheritable);
    r.u64(status.cap_permitted);
    r.u64(status.cap_effective);
    r.u64(exe.ino);
    r.u64(exe.ctime);
    r.u64(exe.mtime);
    r.u32(u64::from(status.euid));
    match &exe.path {
        Some(path) => r.text(path),
        None => r.empty(),
    }
    r.int(process.stat.process_group as u64);
    r.u32(u64::from(status.egid));
}

/// A program was started: execve and execveat both arrive as this.
pub(crate) fn started(r: &mut Record<'_>) {
    let process = Process::of(r.caller);
    r.u64(0);
    command_line(r, &process);
    put_process(r, &process);
    let environment = area(r, process.stat.environment, TEXT_MAX);
    r.bytes(&environment);
    put_exec(r, &process);
    // The kernel's own copy of the name first: what the caller passed may have changed since.
    let own = process.program_name(r.caller.memory);
    match own.or_else(|| r.read_string(r.arg(0))) {
        Some(name) => r.bytes(&name),
        None => r.empty(),
    }
}

/// A program could not be started: what was asked for, in a process that is still the old one.
fn failed(r: &mut Record<'_>, words: usize, environment: usize) {
    let process = Process::of(r.caller);
    let inputs = r.caller.inputs;
    r.ret();
    let arguments = inputs.words(r.arg(words));
    match arguments.split_first() {
        Some((first, others)) => {
            r.bytes(first);
            r.bytes(&others.concat());
        }
        None => {
            r.empty();
            r.empty();
        }
    }
    put_process(r, &process);
    r.bytes(&inputs.words(r.arg(environment)).concat());
    put_exec(r, &process);
}

pub(super) fn execve(r: &mut Record<'_>) {
    failed(r, 1, 2);
    r.name(0);
}

pub(super) fn execveat(r: &mut Record<'_>) {
    failed(r, 2, 3);
}
