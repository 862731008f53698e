//! `proc.*` and `thread.*`.
//!
//! Names and command lines are those of the thread itself, which may have set its own; what a
//! process has only once (working directory, limits, memory) is taken from its main thread.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use condition::Value;
use state::{Descriptor, Thread};

use super::relatives::{self, Description, Leadership};
use super::{fd, socket};
use crate::argument::Argument;
use crate::table::ProcessKey as K;
use crate::time::digits;
use crate::view::{Extracted, View};

pub(crate) fn extract<'a>(
    view: &View<'a>,
    key: K,
    argument: &Argument,
    out: &mut Vec<u8>,
) -> Extracted<'a> {
    let Some(thread) = view.thread() else {
        // The event itself says which thread it was.
        return match key {
            K::ThreadTid => Extracted::i64(view.event.tid()),
            _ => Extracted::Absent,
        };
    };
    let parent = || relatives::parent(view);
    let of_leader = |which, property: fn(&'a Thread) -> &'a [u8]| {
        // A leader that is not known has no name, which is not the same as having no leader.
        Extracted::bytes(relatives::leader(view, which).map_or(&[], property))
    };
    let main = |property: fn(&Thread) -> u64| {
        Extracted::of(view.main(), |main| Extracted::u64(property(main)))
    };
    let some = |value: u64| Extracted::of((value != 0).then_some(value), Extracted::u64);
    match key {
        K::Exe => Extracted::bytes(&thread.exe),
        K::Pexe => Extracted::of(parent(), |parent| Extracted::bytes(&parent.exe)),
        K::Exepath => Extracted::bytes(&thread.exepath),
        K::Pexepath => Extracted::of(parent(), |parent| Extracted::bytes(&parent.exepath)),
        K::Name => Extracted::bytes(&thread.comm),
        K::Pname => Extracted::of(parent(), |parent| Extracted::bytes(&parent.comm)),
        K::Aexe | K::Aexepath | K::Aname | K::Aargs | K::Acmdline | K::Apid => {
            let Some(level) = argument.index() else {
                return Extracted::Absent;
            };
            let itself = (level == 0).then_some(thread);
            Extracted::of(
                itself.or_else(|| relatives::ancestor(view, level)),
                |ancestor| match describe(key, ancestor, out) {
                    Description::Is(value) => Extracted::Value(value),
                    Description::Written => Extracted::Written,
                },
            )
        }
        K::Args => match argument.index() {
            None => join(&thread.args, out),
            Some(index) => {
                Extracted::of(entries(&thread.args).nth(index as usize), Extracted::bytes)
            }
        },
        K::Cmdline => command_line(&thread.comm, thread, out),
        K::Pcmdline => Extracted::of(parent(), |parent| command_line(&parent.comm, parent, out)),
        K::Exeline => command_line(&thread.exe, thread, out),
        K::Cmdnargs => Extracted::u64(entries(&thread.args).count() as u64),
        K::Cmdlenargs => {
            Extracted::u64(entries(&thread.args).map(<[u8]>::len).sum::<usize>() as u64)
        }
        K::Env => match argument.key() {
            None => join(&thread.env, out),
            Some(name) => Extracted::bytes(relatives::variable(thread, name).unwrap_or_default()),
        },
        K::Aenv => match argument {
            Argument::Index(level) => {
                Extracted::of(relatives::ancestor(view, *level), |ancestor| {
                    join(&ancestor.env, out)
                })
            }
            Argument::Key(name) => {
                Extracted::of(relatives::inherited_variable(view, name), Extracted::bytes)
            }
            _ => Extracted::Absent,
        },
        K::Cwd => Extracted::bytes(&view.main().unwrap_or(thread).cwd),
        K::Loginshellid => Extracted::of(relatives::login_shell(view), |shell| {
            Extracted::i64(shell.pid)
        }),
        K::Tty => Extracted::u64(u64::from(thread.tty)),
        K::Pid => Extracted::i64(thread.pid),
        K::Ppid => {
            let ptid = view.main().unwrap_or(thread).ptid;
            Extracted::of((ptid > 0).then_some(ptid), Extracted::i64)
        }
        K::Vpid => known_id(thread.vpid),
        K::Pvpid => Extracted::of(parent(), |parent| known_id(parent.vpid)),
        K::Sid => Extracted::i64(thread.sid),
        K::Sname => of_leader(Leadership::Session, comm),
        K::SidExe => of_leader(Leadership::Session, exe),
        K::SidExepath => of_leader(Leadership::Session, exepath),
        K::Vpgid => Extracted::i64(thread.vpgid),
        K::VpgidName => of_leader(Leadership::GroupInNamespace, comm),
        K::VpgidExe => of_leader(Leadership::GroupInNamespace, exe),
        K::VpgidExepath => of_leader(Leadership::GroupInNamespace, exepath),
        K::Pgid => Extracted::i64(thread.pgid),
        K::PgidName => of_leader(Leadership::Group, comm),
        K::PgidExe => of_leader(Leadership::Group, exe),
        K::PgidExepath => of_leader(Leadership::Group, exepath),
        K::Duration => age(view, thread),
        K::PpidDuration => Extracted::of(parent(), |parent| age(view, parent)),
        K::PidTs => some(thread.clone_ts),
        K::PpidTs => Extracted::of(parent(), |parent| some(parent.clone_ts)),
        K::IsExeWritable => Extracted::bool(thread.exe_writable),
        K::IsExeUpperLayer => Extracted::bool(thread.exe_upper_layer),
        K::IsExeLowerLayer => Extracted::bool(thread.exe_lower_layer),
        K::IsExeFromMemfd => Extracted::bool(thread.exe_from_memfd),
        K::IsSidLeader => Extracted::bool(thread.sid == thread.vpid),
        K::IsVpgidLeader => Extracted::bool(thread.vpgid == thread.vpid),
        K::IsPgidLeader => Extracted::bool(thread.pgid == thread.pid),
        K::ExeIno => {
            let inode = Some(thread.exe_ino as i64).filter(|&inode| inode != 0);
            Extracted::of(inode, Extracted::i64)
        }
        K::ExeInoCtime => some(thread.exe_ctime),
        K::ExeInoMtime => some(thread.exe_mtime),
        K::ExeInoCtimeDurationProcStart => since(thread.clone_ts, thread.exe_ctime),
        K::ExeInoCtimeDurationPidnsStart => since(thread.exe_ctime, thread.pidns_init_start_ts),
        K::PidnsInitStartTs => some(thread.pidns_init_start_ts),
        K::ThreadCapPermitted => capabilities(thread.cap_permitted, out),
        K::ThreadCapInheritable => capabilities(thread.cap_inheritable, out),
        K::ThreadCapEffective => capabilities(thread.cap_effective, out),
        K::Fdopencount => Extracted::u64(view.state.descriptor_count(thread) as u64),
        K::Fdlimit => Extracted::of(view.main(), |main| Extracted::i64(main.fd_limit)),
        K::Fdusage => Extracted::of(view.main().filter(|main| main.fd_limit > 0), |main| {
            let open = view.state.descriptor_count(thread) as f64;
            Extracted::Value(Value::F64(open * 100.0 / main.fd_limit as f64))
        }),
        K::Vmsize => main(|main| u64::from(main.vm_size)),
        K::Vmrss => main(|main| u64::from(main.vm_rss)),
        K::Vmswap => main(|main| u64::from(main.vm_swap)),
        K::ThreadPfmajor => Extracted::u64(thread.pf_major),
        K::ThreadPfminor => Extracted::u64(thread.pf_minor),
        K::ThreadTid => Extracted::i64(thread.tid),
        K::ThreadIsmain => Extracted::bool(thread.is_main()),
        K::ThreadVtid => known_id(thread.vtid),
        K::ThreadNametid => {
            out.extend_from_slice(&thread.comm);
            digits(out, thread.tid.unsigned_abs(), 1);
            Extracted::Written
        }
        K::ThreadCgroups => join(&thread.cgroups, out),
        K::ThreadCgroup => Extracted::of(
            argument.key().and_then(|name| cgroup(thread, name)),
            Extracted::bytes,
        ),
        K::Nthreads => Extracted::u64(view.state.thread_count(thread) as u64),
        K::Nchilds => Extracted::u64(view.state.other_thread_count(thread) as u64),
        K::ThreadVmsize => Extracted::u64(if_main(thread, thread.vm_size)),
        K::ThreadVmrss => Extracted::u64(if_main(thread, thread.vm_rss)),
        K::ThreadVmsizeB => Extracted::u64(if_main(thread, thread.vm_size) * 1024),
        K::ThreadVmrssB => Extracted::u64(if_main(thread, thread.vm_rss) * 1024),
        K::StdinType => standard_type(view, thread, 0),
        K::StdoutType => standard_type(view, thread, 1),
        K::StderrType => standard_type(view, thread, 2),
        K::StdinName => standard_name(view, thread, 0, out),
        K::StdoutName => standard_name(view, thread, 1, out),
        K::StderrName => standard_name(view, thread, 2, out),
        K::ThreadExectime
        | K::ThreadTotexectime
        | K::ThreadCpu
        | K::ThreadCpuUser
        | K::ThreadCpuSystem => Extracted::Absent,
    }
}

/// Visits the values of a field that stands for all ancestors.
pub(crate) fn each(
    view: &View<'_>,
    key: K,
    out: &mut Vec<u8>,
    visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
) -> bool {
    relatives::each_ancestor(
        view,
        out,
        |ancestor, out| describe(key, ancestor, out),
        visit,
    )
}

/// What an ancestor field says of one process.
fn describe<'a>(key: K, thread: &'a Thread, out: &mut Vec<u8>) -> Description<'a> {
    let bytes = |bytes| Description::Is(Value::Bytes(bytes));
    match key {
        K::Aexe => bytes(&thread.exe),
        K::Aexepath => bytes(&thread.exepath),
        K::Apid => Description::Is(Value::I64(thread.pid)),
        K::Aargs => {
            join(&thread.args, out);
            Description::Written
        }
        K::Acmdline => {
            command_line(&thread.comm, thread, out);
            Description::Written
        }
        K::Aenv => {
            join(&thread.env, out);
            Description::Written
        }
        _ => bytes(&thread.comm),
    }
}

fn comm(thread: &Thread) -> &[u8] {
    &thread.comm
}

fn exe(thread: &Thread) -> &[u8] {
    &thread.exe
}

fn exepath(thread: &Thread) -> &[u8] {
    &thread.exepath
}

fn known_id<'a>(id: i64) -> Extracted<'a> {
    Extracted::of((id != -1).then_some(id), Extracted::i64)
}

fn if_main(thread: &Thread, value: u32) -> u64 {
    if thread.is_main() {
        u64::from(value)
    } else {
        0
    }
}

/// How old a thread is; none when it is not known when it was made.
fn age<'a>(view: &View<'a>, thread: &Thread) -> Extracted<'a> {
    let made = Some(thread.clone_ts).filter(|&ts| ts != 0);
    Extracted::of(made, |made| {
        Extracted::u64(view.event.ts().saturating_sub(made))
    })
}

/// The time from one moment to a later one, if both are known.
fn since<'a>(later: u64, earlier: u64) -> Extracted<'a> {
    let known = later != 0 && earlier != 0;
    Extracted::of(later.checked_sub(earlier).filter(|_| known), Extracted::u64)
}

/// The parts of a text in which each part ends with a NUL.
fn entries(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    text.split(|&byte| byte == 0)
        .filter(move |_| !bytes.is_empty())
}

/// Appends NUL-terminated parts with blanks between them.
fn join<'a>(parts: &[u8], out: &mut Vec<u8>) -> Extracted<'a> {
    let text = parts.strip_suffix(&[0]).unwrap_or(parts);
    out.extend(text.iter().map(|&byte| if byte == 0 { b' ' } else { byte }));
    Extracted::Written
}

/// Appends a name and the arguments. A single empty argument leaves no trace.
fn command_line<'a>(name: &[u8], thread: &Thread, out: &mut Vec<u8>) -> Extracted<'a> {
    out.extend_from_slice(name);
    if !matches!(*thread.args, [] | [0]) {
        out.push(b' ');
        join(&thread.args, out);
    }
    Extracted::Written
}

/// The path of a thread's cgroup in one subsystem.
fn cgroup<'a>(thread: &'a Thread, subsystem: &str) -> Option<&'a [u8]> {
    entries(&thread.cgroups)
        .find_map(|entry| entry.strip_prefix(subsystem.as_bytes())?.strip_prefix(b"="))
}

static CAPABILITIES: LazyLock<Vec<(&'static str, u64)>> = LazyLock::new(|| {
    let constants = event::constants().iter();
    let bits = constants.filter(|(name, _)| name.starts_with("PPM_CAP_"));
    let mut bits: Vec<_> = bits
        .map(|(name, bit)| (&name["PPM_".len()..], *bit as u64))
        .collect();
    bits.sort_by_key(|(_, bit)| *bit);
    bits
});

fn capabilities<'a>(set: u64, out: &mut Vec<u8>) -> Extracted<'a> {
    for (name, _) in CAPABILITIES.iter().filter(|(_, bit)| set & bit != 0) {
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(name.as_bytes());
    }
    Extracted::Written
}

fn standard<'a>(view: &View<'a>, thread: &Thread, fd: i64) -> Option<&'a Descriptor> {
    view.state.descriptor(thread, fd)
}

fn standard_type<'a>(view: &View<'a>, thread: &Thread, fd: i64) -> Extracted<'a> {
    let name = standard(view, thread, fd).and_then(|descriptor| fd::type_name(descriptor.kind));
    Extracted::of(name, Extracted::text)
}

fn standard_name<'a>(
    view: &View<'a>,
    thread: &Thread,
    fd: i64,
    out: &mut Vec<u8>,
) -> Extracted<'a> {
    Extracted::of(standard(view, thread, fd), |descriptor| {
        socket::write_name(descriptor, out);
        Extracted::Written
    })
}
