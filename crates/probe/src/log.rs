//! libbpf's log. It has one callback for the whole process and knows nothing of who asked, so there
//! is one hook as well.

use std::sync::{Mutex, MutexGuard, PoisonError};

use libbpf_rs::PrintLevel;

use crate::options::{LogHook, LogLevel};

/// How many of the last lines go into the error of a load that failed. The verifier says what it
/// dislikes at the end.
const TAIL_LINES: usize = 40;

struct State {
    hook: Option<LogHook>,
    /// Lines since [`collect`], while one is going on.
    tail: Option<Vec<String>>,
}

static STATE: Mutex<State> = Mutex::new(State {
    hook: None,
    tail: None,
});

fn state() -> MutexGuard<'static, State> {
    // Nothing that could panic runs under the lock.
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends libbpf's log to `hook` from now on, or nowhere.
pub(crate) fn set_hook(hook: Option<LogHook>) {
    state().hook = hook;
    libbpf_rs::set_print(Some((PrintLevel::Debug, receive)));
}

/// Runs `action` and hands back the end of what was logged meanwhile.
pub(crate) fn collect<T>(action: impl FnOnce() -> T) -> (T, Option<String>) {
    state().tail = Some(Vec::new());
    let result = action();
    let tail = state().tail.take().unwrap_or_default();
    let start = tail.len().saturating_sub(TAIL_LINES);
    (result, (!tail.is_empty()).then(|| tail[start..].join("\n")))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the signature is libbpf-rs's"
)]
fn receive(level: PrintLevel, text: String) {
    let text: &str = text.trim_end();
    let level = match level {
        PrintLevel::Warn => LogLevel::Warn,
        PrintLevel::Info => LogLevel::Info,
        PrintLevel::Debug => LogLevel::Debug,
    };
    let hook = {
        let mut state = state();
        if level == LogLevel::Warn
            && let Some(tail) = &mut state.tail
        {
            tail.extend(text.lines().map(str::to_owned));
            let surplus = tail.len().saturating_sub(4 * TAIL_LINES);
            tail.drain(..surplus);
        }
        state.hook
    };
    if let Some(hook) = hook {
        hook(level, text);
    }
}
