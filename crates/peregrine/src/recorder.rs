//! `-w`: every event into a capture file, after a picture of the machine.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use capture::{Compression, EventDumpFlags, MachineInfo, Writer};
use state::State;

/// Writes a capture.
pub(crate) struct Recorder {
    path: PathBuf,
    /// `None` once writing has failed.
    writer: Option<Writer<BufWriter<File>>>,
    /// Events written.
    pub(crate) events: u64,
    /// Events that could not be written.
    pub(crate) lost: u64,
}

impl Recorder {
    /// Starts a capture with what is known of the machine. A name that ends in `.gz` or `.scap` is
    /// compressed, as other writers do.
    ///
    /// # Errors
    ///
    /// When the file cannot be made or written.
    pub(crate) fn create(path: &Path, state: &State, hostname: &str) -> Result<Self> {
        let failed = || format!("failed to write the capture {}", path.display());
        let file = File::create(path).with_context(failed)?;
        let mut writer =
            Writer::new(BufWriter::new(file), Compression::Gzip).with_context(failed)?;
        write_picture(&mut writer, state, hostname).with_context(failed)?;
        Ok(Self {
            path: path.to_owned(),
            writer: Some(writer),
            events: 0,
            lost: 0,
        })
    }

    /// Writes one event. The first failure ends the recording, is logged, and what comes after it
    /// is counted.
    pub(crate) fn event(&mut self, cpu: u16, record: &[u8]) {
        let Some(writer) = &mut self.writer else {
            self.lost += 1;
            return;
        };
        match writer.event(cpu, EventDumpFlags::default(), record) {
            Ok(()) => self.events += 1,
            Err(err @ capture::WriteError::EventTooLong { .. }) => {
                tracing::warn!("An event is too long for a capture and left out: {err}");
                self.lost += 1;
            }
            Err(err) => {
                tracing::error!("The capture {} ends early: {err}", self.path.display());
                self.lost += 1;
                self.writer = None;
            }
        }
    }

    /// Ends the capture.
    ///
    /// # Errors
    ///
    /// When what is left cannot be written, or writing has failed before.
    pub(crate) fn finish(self) -> Result<()> {
        let path = self.path.display();
        let Some(writer) = self.writer else {
            anyhow::bail!(
                "the capture {path} is not complete: {} events are missing",
                self.lost
            );
        };
        let buffered = writer
            .finish()
            .with_context(|| format!("failed to end the capture {path}"))?;
        let file = buffered
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all())
            .with_context(|| format!("failed to end the capture {path}"))
    }
}

fn write_picture(
    writer: &mut Writer<BufWriter<File>>,
    state: &State,
    hostname: &str,
) -> Result<(), capture::WriteError> {
    let (num_cpus, memory_size, boot_ts) = machine();
    writer.machine(&MachineInfo {
        num_cpus,
        memory_size,
        max_pid: proc_number("/proc/sys/kernel/pid_max"),
        hostname: hostname.as_bytes().to_vec(),
        boot_ts,
        ..MachineInfo::default()
    })?;
    let interfaces: Vec<_> = state
        .interfaces()
        .iter()
        .filter_map(snapshot::store_interface)
        .collect();
    writer.interfaces(&interfaces)?;
    let mut accounts: Vec<_> = state
        .users()
        .filter(|(container, _)| container.is_none())
        .map(|(_, user)| snapshot::store_user(user))
        .collect();
    accounts.extend(
        state
            .groups()
            .filter(|(container, _)| container.is_none())
            .map(|(_, group)| snapshot::store_group(group)),
    );
    writer.accounts(&accounts)?;
    let mut threads: Vec<_> = state
        .threads()
        .filter(|thread| !thread.is_placeholder())
        .collect();
    threads.sort_by_key(|thread| thread.tid);
    let processes: Vec<_> = threads
        .iter()
        .map(|thread| snapshot::store_thread(thread))
        .collect();
    writer.processes(&processes)?;
    for thread in threads.iter().filter(|thread| thread.is_main()) {
        let mut descriptors: Vec<_> = state
            .descriptors(thread)
            .filter_map(|(fd, descriptor)| snapshot::store_descriptor(fd, descriptor))
            .collect();
        descriptors.sort_by_key(|descriptor| descriptor.fd);
        writer.descriptors(thread.tid, &descriptors)?;
    }
    Ok(())
}

/// Number of CPUs, bytes of memory, time of boot in ns since the epoch; 0 for what cannot be read.
fn machine() -> (u32, u64, u64) {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = std::thread::available_parallelism().map_or(0, |count| count.get() as u32);
    let value = |text: &str, key: &str| -> u64 {
        text.lines()
            .find_map(|line| {
                line.strip_prefix(key)?
                    .split_whitespace()
                    .next()?
                    .parse()
                    .ok()
            })
            .unwrap_or(0)
    };
    let memory = value(&read("/proc/meminfo"), "MemTotal:") * 1024;
    let boot = value(&read("/proc/stat"), "btime") * 1_000_000_000;
    (cpus, memory, boot)
}

fn proc_number(path: &str) -> u64 {
    std::fs::read_to_string(path)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}
