//! Puppets: stand-ins that stay and act when asked.
//!
//! The parent writes one byte and reads one answer. An answer is a byte that says how it went, a
//! length and, when it went wrong, that many bytes of text. The puppet sends one answer when it is
//! ready, before anything is asked. It ends when its input does, so it never outlives its parent.

use std::io::{self, Read, Write};
use std::process::{ChildStdin, ChildStdout, ExitCode, Stdio};

use super::{Role, StandIn};
use crate::context::{Cancel, Context};
use crate::failure::Failure;
use crate::wait::{Reaped, adopt};

const DONE: u8 = 0;
const SKIPPED: u8 = 1;
const FAILED: u8 = 2;

/// The parent's end.
pub(crate) struct Puppet {
    // Before the process, so that it sees the end of its input before it would be killed.
    to: ChildStdin,
    from: ChildStdout,
    process: Reaped,
    cancel: Cancel,
    _stand_in: StandIn,
}

impl Puppet {
    /// Starts a stand-in called `name` in `role` and waits until it is ready.
    pub(crate) fn start(context: &Context, name: &str, role: &str) -> Result<Self, Failure> {
        let stand_in = StandIn::link(context, name)?;
        let mut child = stand_in
            .command(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Failure::at(format!("start {name}")))?;
        let to = child.stdin.take().expect("was asked for above");
        let from = child.stdout.take().expect("was asked for above");
        let mut puppet = Self {
            to,
            from,
            process: adopt(child),
            cancel: context.cancel.clone(),
            _stand_in: stand_in,
        };
        puppet.answer()?;
        Ok(puppet)
    }

    /// Has it do its thing once.
    pub(crate) fn act(&mut self) -> Result<(), Failure> {
        self.to.write_all(&[0]).map_err(|error| self.gone(error))?;
        self.answer()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> rustix::process::Pid {
        self.process.pid()
    }

    fn answer(&mut self) -> Result<(), Failure> {
        let mut answer = Answer::default();
        while answer.missing() > 0 {
            let mut bytes = [0; 64];
            let wanted = answer.missing().min(bytes.len());
            self.from
                .read_exact(&mut bytes[..wanted])
                .map_err(|error| self.gone(error))?;
            answer.add(&bytes[..wanted]);
        }
        answer.outcome()
    }

    fn gone(&self, error: io::Error) -> Failure {
        // An interrupt from the terminal reaches the whole process group.
        if self.cancel.is_cancelled() {
            return Failure::Interrupted;
        }
        Failure::at("talk to a stand-in")(error)
    }
}

/// What a process says, as far as it has been read.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    head: [u8; 2],
    read: usize,
    text: Vec<u8>,
}

impl Answer {
    /// How many bytes are yet to be read; more may be missing after those.
    pub(crate) fn missing(&self) -> usize {
        match self.read {
            0 | 1 => 2 - self.read,
            read => usize::from(self.head[1]) + 2 - read,
        }
    }

    /// Takes at most as many bytes as are missing.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match self.head.get_mut(self.read) {
                Some(place) => *place = *byte,
                None => self.text.push(*byte),
            }
            self.read += 1;
        }
    }

    /// What it said.
    pub(crate) fn outcome(self) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(&self.text).into_owned();
        match self.head[0] {
            DONE => Ok(()),
            SKIPPED => Err(Failure::skipped(text)),
            _ => Err(Failure::Elsewhere(text)),
        }
    }
}

/// Answers that nothing will come of it.
pub(crate) fn refuse(failure: Failure) -> ExitCode {
    let _ = reply(&mut io::stdout().lock(), Err(failure));
    ExitCode::FAILURE
}

/// The puppet's end: plays `role` until nobody asks any more.
pub(super) fn play(role: &Role) -> ExitCode {
    let mut input = io::stdin().lock();
    // Not buffered: `Stdout` would wait for a newline.
    let mut output = io::stdout().lock();
    // A puppet that is stopped, as a debugger's victim is, does not see the end of its input. Who acts
    // may have another parent, and sees to it by itself.
    let bound = if role.name == crate::sandbox::ACT {
        Ok(())
    } else {
        crate::sandbox::die_with(None)
    };
    let deed = bound.and_then(|()| (role.ready)());
    let mut deed = match deed {
        Ok(deed) => deed,
        Err(failure) => {
            let _ = reply(&mut output, Err(failure));
            return ExitCode::FAILURE;
        }
    };
    if reply(&mut output, Ok(())).is_err() {
        return ExitCode::FAILURE;
    }
    let mut request = [0; 1];
    while input.read_exact(&mut request).is_ok() {
        if reply(&mut output, deed()).is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

fn reply(output: &mut impl Write, outcome: Result<(), Failure>) -> io::Result<()> {
    match outcome {
        Ok(()) => output.write_all(&[DONE, 0])?,
        Err(failure) => {
            let (kind, text) = match failure {
                Failure::Skipped { reason } => (SKIPPED, reason.into_owned()),
                other => (FAILED, other.to_string()),
            };
            let text = &text.as_bytes()[..text.len().min(usize::from(u8::MAX))];
            let length = u8::try_from(text.len()).expect("cut to what a byte can say");
            output.write_all(&[&[kind, length], text].concat())?;
        }
    }
    output.flush()
}
