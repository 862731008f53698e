//! `evt.*` of events that come from the kernel.

use condition::ValueType;
use event::{Category, EventFlags, EventType, Origin, SyscallCode};
use state::DescriptorKind;

use super::generic::SECOND;
use super::{open, params, socket};
use crate::argument::Argument;
use crate::table::EventKey as K;
use crate::time::{TimeForm, write_time};
use crate::view::{Extracted, View};

pub(crate) fn extract<'a>(
    view: &View<'a>,
    key: K,
    argument: &Argument,
    ty: ValueType,
    out: &mut Vec<u8>,
) -> Extracted<'a> {
    let event = view.event;
    let since_previous = event.ts().saturating_sub(view.now.previous_ts);
    let reads = view.has(EventFlags::READS_FROM_FD);
    let writes = view.has(EventFlags::WRITES_TO_FD);
    // A field that is 1 or absent, so that sums count.
    let count = |holds: bool| {
        if holds {
            Extracted::u64(1)
        } else {
            Extracted::Absent
        }
    };
    let failed = || view.result().is_some_and(|result| result < 0);
    let transferred = |holds: bool| {
        let bytes = view.result().and_then(|result| u64::try_from(result).ok());
        Extracted::of(bytes.filter(|_| holds && (reads || writes)), Extracted::u64)
    };
    match key {
        // Calls are reported once, when they end, so that they have no measured latency.
        K::Latency | K::LatencyS | K::LatencyNs | K::LatencyQuantized | K::WaitLatency => {
            Extracted::u64(0)
        }
        K::LatencyHuman => Extracted::text("0ns"),
        K::Deltatime => Extracted::u64(since_previous),
        K::DeltatimeS => Extracted::u64(since_previous / SECOND),
        K::DeltatimeNs => Extracted::u64(since_previous % SECOND),
        K::Outputtime => {
            write_time(out, event.ts(), TimeForm::Time, &view.now.surroundings.zone);
            Extracted::Written
        }
        K::Dir => Extracted::text(if event.event_type().is_exit() {
            "<"
        } else {
            ">"
        }),
        K::Type => Extracted::bytes(event_name(view)),
        K::TypeIs => {
            let same = argument
                .key()
                .is_some_and(|name| name.as_bytes() == event_name(view));
            Extracted::u64(u64::from(same))
        }
        K::SyscallType if event.info().origin == Some(Origin::Syscall) => {
            Extracted::bytes(event_name(view))
        }
        K::SyscallType => Extracted::Absent,
        K::Category => Extracted::text(category(view)),
        K::Cpu => Extracted::of(view.now.cpu, |cpu| Extracted::i64(i64::from(cpu))),
        K::Args | K::Info => {
            params::write_all(view, out);
            Extracted::Written
        }
        K::Arg => Extracted::written(params::write_one(view, argument, out)),
        K::Rawarg => params::raw(view, argument, ty),
        K::Buffer => Extracted::of(event.param_by_name("data"), Extracted::bytes),
        K::Buflen => transferred(true),
        K::BuflenIn => transferred(reads),
        K::BuflenOut => transferred(writes),
        K::BuflenFile => transferred(is_file(view)),
        K::BuflenFileIn => transferred(is_file(view) && reads),
        K::BuflenFileOut => transferred(is_file(view) && writes),
        K::BuflenNet => transferred(is_net(view)),
        K::BuflenNetIn => transferred(is_net(view) && reads),
        K::BuflenNetOut => transferred(is_net(view) && writes),
        K::Res => Extracted::of(view.result(), |result| match result {
            0.. => Extracted::text("SUCCESS"),
            _ => match event::errno_name(result.unsigned_abs()) {
                Some(name) => Extracted::text(name),
                None => {
                    crate::time::digits(out, result.unsigned_abs(), 1);
                    Extracted::Written
                }
            },
        }),
        K::Rawres => Extracted::of(view.result(), Extracted::i64),
        K::Failed => Extracted::of(view.result(), |result| Extracted::bool(result < 0)),
        K::IsIo => Extracted::bool(reads || writes),
        K::IsIoRead => Extracted::bool(reads),
        K::IsIoWrite => Extracted::bool(writes),
        K::IoDir if reads => Extracted::text("read"),
        K::IoDir if writes => Extracted::text("write"),
        K::IoDir => Extracted::Absent,
        K::IsWait => Extracted::bool(view.has(EventFlags::WAITS)),
        K::IsSyslog => {
            let name = view
                .descriptor()
                .map_or(&[][..], |descriptor| &descriptor.name);
            let wanted = b"/dev/log";
            let found = name.windows(wanted.len()).any(|window| window == wanted);
            Extracted::bool(writes && found)
        }
        K::Count => Extracted::u64(1),
        K::CountError => count(failed()),
        K::CountErrorFile => count(failed() && is_file(view)),
        K::CountErrorNet => count(failed() && is_net(view)),
        K::CountErrorMemory => count(failed() && is_memory(view)),
        K::CountErrorOther => {
            count(failed() && !is_file(view) && !is_net(view) && !is_memory(view))
        }
        K::CountExit => count(event.event_type().is_exit()),
        K::CountProcinfo => count(
            event.event_type() == EventType::PROCINFO_E
                && view.thread().is_some_and(state::Thread::is_main),
        ),
        K::CountThreadinfo => count(event.event_type() == EventType::PROCINFO_E),
        K::Around => match argument {
            Argument::Moment(moment) => {
                Extracted::u64(event.ts().abs_diff(*moment).div_ceil(1_000_000))
            }
            _ => Extracted::Absent,
        },
        K::Abspath => Extracted::written(params::write_abspath(view, argument, out)),
        K::IsOpenRead => Extracted::bool(open::flags(view) & open::O_RDONLY != 0),
        K::IsOpenWrite => Extracted::bool(open::flags(view) & open::O_WRONLY != 0),
        K::IsOpenExec => Extracted::bool(open::makes_executable(view)),
        K::IsOpenCreate => Extracted::bool(open::creates(view)),
        K::InfraDockerName
        | K::InfraDockerContainerId
        | K::InfraDockerContainerName
        | K::InfraDockerContainerImage => Extracted::Absent,
    }
}

/// `evt.type`: the name of the event, of the system call behind a generic event, or of an injected
/// event.
fn event_name<'a>(view: &View<'a>) -> &'a [u8] {
    let event = view.event;
    let own = event.info().name.as_bytes();
    match event.event_type() {
        EventType::GENERIC_E | EventType::GENERIC_X => {
            let number = |index| u16::try_from(event.u64(index).unwrap_or(0)).unwrap_or(0);
            let portable = Some(SyscallCode(number(0))).filter(|code| code.0 != 0);
            portable
                .and_then(SyscallCode::info)
                .or_else(|| event::Syscall::by_native(number(1)).filter(|_| number(1) != 0))
                .map_or(own, |syscall| syscall.name.as_bytes())
        }
        EventType::ASYNCEVENT_E => event.str(1).unwrap_or(own),
        _ => own,
    }
}

fn category(view: &View<'_>) -> &'static str {
    match view.event.info().category {
        Category::Unknown => "unknown",
        Category::Other => "other",
        Category::File => "file",
        Category::Net => "net",
        Category::Ipc => "IPC",
        Category::Memory => "memory",
        Category::Process => "process",
        Category::Sleep => "sleep",
        Category::System => "system",
        Category::Signal => "signal",
        Category::User => "user",
        Category::Time => "time",
        Category::Processing => "processing",
        Category::IoRead | Category::IoWrite | Category::IoOther => io_category(view),
        Category::Wait => "wait",
        Category::Scheduler => "scheduler",
        Category::Internal => "internal",
    }
}

/// What work on a descriptor is about depends on the descriptor.
fn io_category(view: &View<'_>) -> &'static str {
    use DescriptorKind as D;
    match view.descriptor().map(|descriptor| descriptor.kind) {
        Some(D::File | D::Directory) => "file",
        Some(kind) if socket::is_inet(kind) => "net",
        Some(D::Fifo | D::Unix { .. } | D::Event | D::Signal | D::Inotify | D::Userfault) => "ipc",
        _ => "unknown",
    }
}

fn is_file(view: &View<'_>) -> bool {
    category(view) == "file"
}

fn is_net(view: &View<'_>) -> bool {
    category(view) == "net"
}

fn is_memory(view: &View<'_>) -> bool {
    view.event.info().category == Category::Memory
}
