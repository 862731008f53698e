//! Other processes that fields reach from the one of the event: parents, ancestors, leaders.

use std::ops::ControlFlow;

use condition::Value;
use state::Thread;

use crate::view::View;

/// How far up variables of ancestors are searched.
const ENVIRONMENT_LEVELS: usize = 20;

/// The ancestor so many levels up; 0 is the process itself.
pub(crate) fn ancestor<'a>(view: &View<'a>, level: u32) -> Option<&'a Thread> {
    let thread = view.thread()?;
    match level {
        0 => view.state.main_thread(thread),
        _ => view.state.ancestors(thread).nth(level as usize - 1),
    }
}

/// The parent process.
pub(crate) fn parent<'a>(view: &View<'a>) -> Option<&'a Thread> {
    view.state.parent(view.thread()?)
}

/// Which id makes a thread a leader.
#[derive(Clone, Copy)]
pub(crate) enum Leadership {
    Session,
    GroupInNamespace,
    Group,
}

impl Leadership {
    pub(crate) fn id(self, thread: &Thread) -> i64 {
        match self {
            Self::Session => thread.sid,
            Self::GroupInNamespace => thread.vpgid,
            Self::Group => thread.pgid,
        }
    }
}

/// The leader of the session or group of a thread. The id is that of the leader's process, but
/// where it was counted in another pid namespace it cannot be looked up; then the oldest ancestor
/// in an unbroken line with the same id stands in.
pub(crate) fn leader<'a>(view: &View<'a>, which: Leadership) -> Option<&'a Thread> {
    let main = view.main()?;
    let id = which.id(main);
    let in_initial_namespace = main.pid == main.vpid || matches!(which, Leadership::Group);
    if in_initial_namespace {
        return view.state.thread(id);
    }
    view.state
        .ancestors(main)
        .take_while(|ancestor| which.id(ancestor) == id)
        .last()
}

/// The oldest ancestor, or the process itself, whose name looks like that of a shell.
pub(crate) fn login_shell<'a>(view: &View<'a>) -> Option<&'a Thread> {
    let main = view.main()?;
    let line = std::iter::once(main).chain(view.state.ancestors(main));
    line.filter(|thread| thread.comm.ends_with(b"sh")).last()
}

/// The value of a variable in an environment, without blanks around it.
pub(crate) fn variable<'a>(thread: &'a Thread, name: &str) -> Option<&'a [u8]> {
    thread.env.split(|&byte| byte == 0).find_map(|entry| {
        Some(
            entry
                .strip_prefix(name.as_bytes())?
                .strip_prefix(b"=")?
                .trim_ascii(),
        )
    })
}

/// The value of a variable in the environment of the nearest ancestor that has it.
pub(crate) fn inherited_variable<'a>(view: &View<'a>, name: &str) -> Option<&'a [u8]> {
    let mut ancestors = view
        .state
        .ancestors(view.thread()?)
        .take(ENVIRONMENT_LEVELS);
    ancestors.find_map(|ancestor| variable(ancestor, name))
}

/// Visits what `describe` makes of each ancestor, the parent first. Returns whether there is one.
pub(crate) fn each_ancestor<'a>(
    view: &View<'a>,
    out: &mut Vec<u8>,
    describe: impl Fn(&'a Thread, &mut Vec<u8>) -> Description<'a>,
    visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
) -> bool {
    let Some(thread) = view.thread() else {
        return false;
    };
    let mut found = false;
    for ancestor in view.state.ancestors(thread) {
        found = true;
        out.clear();
        let flow = match describe(ancestor, out) {
            Description::Is(value) => visit(value),
            Description::Written => visit(Value::Bytes(out)),
        };
        if flow.is_break() {
            break;
        }
    }
    found
}

/// A property of a process.
pub(crate) enum Description<'a> {
    /// It is this.
    Is(Value<'a>),
    /// It was put together in the buffer.
    Written,
}
