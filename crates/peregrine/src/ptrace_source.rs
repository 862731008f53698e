//! Events of a command, through its tracer.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use anyhow::Result;
use event::SyscallCodeSet;
use ptrace::{Options, Progress, Tracer};

use crate::filter::Chosen;
use crate::housekeeping::{SourceCounters, SourceDetails};
use crate::live::{Drained, Source};

/// The longest wait for news of the command: so late can a signal to the engine be noticed.
const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// How long the command may take to end when it was asked to.
const TIME_TO_END: Duration = Duration::from_secs(2);

/// The tracer of a command.
pub(crate) struct PtraceSource {
    tracer: Tracer,
    ended: bool,
}

impl PtraceSource {
    /// Makes a process for the command, which waits. Only these system calls can be seen, however
    /// rules change later.
    ///
    /// # Errors
    ///
    /// When there is no such command, or it may not be traced.
    pub(crate) fn prepare(
        command: &[OsString],
        syscalls: &SyscallCodeSet,
        options: Options,
    ) -> Result<Self> {
        let tracer = Tracer::prepare(command, syscalls, options)?;
        Ok(Self {
            tracer,
            ended: false,
        })
    }

    /// How the command ended, if it has.
    pub(crate) fn status(&self) -> Option<ExitStatus> {
        self.tracer.status().map(ExitStatus::from_raw)
    }
}

impl Source for PtraceSource {
    fn begin(&mut self) -> Result<()> {
        Ok(self.tracer.start()?)
    }

    fn drain(
        &mut self,
        mut each: impl FnMut(u16, &[u8], &dyn Fn() -> SourceCounters),
    ) -> Result<Drained> {
        let so_far = counters(&self.tracer);
        let progress = self.tracer.poll(LONGEST_WAIT, |cpu, record| {
            each(cpu, record, &|| so_far.clone());
        })?;
        Ok(match progress {
            Progress::Running { handled } => Drained::Events(handled),
            Progress::Ended => {
                self.ended = true;
                Drained::Ended
            }
        })
    }

    /// Waiting is part of [`drain`](Source::drain) here: the kernel says when there is news.
    fn pause(&mut self, _: usize) {}

    fn counters(&self) -> SourceCounters {
        counters(&self.tracer)
    }

    fn details(&self) -> SourceDetails {
        SourceDetails {
            engine_name: "ptrace",
            ..SourceDetails::default()
        }
    }

    fn select(&mut self, chosen: &Chosen) -> Result<()> {
        let missing = self.tracer.set_syscalls(&chosen.selection.syscalls);
        if !missing.is_empty() {
            tracing::warn!(
                "What a running command is stopped at cannot be changed; not seen: {}. Start it \
                 again for the new rules",
                missing.join(", ")
            );
        }
        Ok(())
    }

    fn take_care(&mut self) -> Result<()> {
        Ok(())
    }

    /// Without a tracer the command could make no traced call any more, so it has to end, too.
    fn finish(&mut self, mut each: impl FnMut(u16, &[u8])) -> Result<()> {
        self.tracer.terminate();
        let deadline = Instant::now() + TIME_TO_END;
        while !self.ended {
            if Instant::now() > deadline {
                self.tracer.kill();
            }
            self.ended = self.tracer.poll(LONGEST_WAIT, &mut each)? == Progress::Ended;
        }
        Ok(())
    }
}

fn counters(tracer: &Tracer) -> SourceCounters {
    let counters = tracer.counters();
    SourceCounters {
        events: counters.events,
        drops: counters.too_big,
        too_big: counters.too_big,
        ..SourceCounters::default()
    }
}
