//! A program that gets lines on its standard input.

use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::lines::write_lines;
use super::{BatchSink, SinkInbox};
use crate::batch::Slice;
use crate::config::ProgramConfig;
use crate::inbox::Load;

/// How long a program that keeps ending is left alone before it is started again: at first, at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// A program that ran for this long did not end because of how it was started.
const SETTLED: Duration = Duration::from_secs(5);

/// A program that gets lines on its standard input.
#[derive(Debug)]
pub(crate) struct ProgramSink {
    command: String,
    keep_alive: bool,
    child: Option<Child>,
    started: Instant,
    pause: Duration,
    /// Programs whose input was closed and that still run.
    leaving: Vec<Child>,
}

impl ProgramSink {
    pub(crate) fn new(config: &ProgramConfig) -> Self {
        Self {
            command: config.command.clone(),
            keep_alive: config.keep_alive,
            child: None,
            started: Instant::now(),
            pause: Duration::ZERO,
            leaving: Vec::new(),
        }
    }

    fn spawn(&self) -> io::Result<Child> {
        Command::new("sh")
            .arg("-c")
            .arg(&self.command)
            .stdin(Stdio::piped())
            .spawn()
    }

    /// Writes to the program that runs, starting it if need be, and again once if it has ended.
    fn write(&mut self, slice: &mut Slice, inbox: &SinkInbox) -> io::Result<()> {
        let mut last = None;
        for _ in 0..2 {
            if self.child.is_none() {
                self.rest(inbox);
                if inbox.is_abandoned() {
                    // Nobody waits for this thread any more, so nothing may outlive it.
                    break;
                }
                self.started = Instant::now();
                self.child = Some(self.spawn()?);
            }
            let stdin = self.child.as_mut().and_then(|child| child.stdin.as_mut());
            // A line that was written in part goes again in full, to the next program.
            match write_lines(stdin.expect("its input is a pipe"), slice, inbox) {
                Ok(()) => return Ok(()),
                Err(failure) => last = Some(failure.error),
            }
            self.retire();
            self.pause = if self.started.elapsed() > SETTLED {
                Duration::ZERO
            } else {
                (self.pause * 2).clamp(PAUSE.0, PAUSE.1)
            };
        }
        last.map_or(Ok(()), Err)
    }

    /// Waits before the program is started once more, unless time is up.
    fn rest(&self, inbox: &SinkInbox) {
        let end = Instant::now() + self.pause;
        while Instant::now() < end && !inbox.is_abandoned() {
            thread::sleep(PAUSE.0 / 10);
        }
    }

    /// Closes the program's input, and lets it end when it likes.
    fn retire(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            self.leaving.push(child);
        }
        self.reap();
    }

    fn reap(&mut self) {
        self.leaving
            .retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }

    /// Runs the program for one line.
    fn run(&self, line: &str) -> io::Result<()> {
        let mut child = self.spawn()?;
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        // A program need not read what it is given. Whether it did its work is for its status to say.
        let written = stdin
            .write_all(line.as_bytes())
            .and_then(|()| stdin.write_all(b"\n"));
        drop(stdin);
        let status = child.wait()?;
        if status.success() {
            return Ok(());
        }
        written?;
        Err(io::Error::other(format!("the program ended with {status}")))
    }
}

impl BatchSink for ProgramSink {
    fn name(&self) -> &'static str {
        "program"
    }

    fn deliver(&mut self, mut slice: Slice, inbox: &SinkInbox) {
        self.reap();
        if self.keep_alive {
            if let Err(error) = self.write(&mut slice, inbox) {
                inbox.fail(slice.alerts(), error.to_string());
            }
            return;
        }
        for (line, _) in slice.lines() {
            match self.run(line) {
                Ok(()) => drop(inbox.settle(1)),
                Err(error) => inbox.fail(1, error.to_string()),
            }
            if inbox.is_abandoned() {
                return;
            }
        }
    }

    fn reopen(&mut self) {
        self.retire();
        self.pause = Duration::ZERO;
    }

    /// Waits until the program has read what it was given and ended, or time is up.
    fn close(&mut self, inbox: &SinkInbox) {
        self.retire();
        while !self.leaving.is_empty() && !inbox.is_abandoned() {
            thread::sleep(Duration::from_millis(5));
            self.reap();
        }
    }
}
