//! Machine information: number of CPUs u32, memory u64, highest pid u64, host name (128 bytes,
//! NUL-terminated), boot time u64, flags u64, two reserved words.

use crate::cursor::{Cursor, Fields};
use crate::error::SectionError;
use crate::model::MachineInfo;

const HOSTNAME: usize = 128;

pub(crate) fn read(mut body: Cursor<'_>) -> Result<MachineInfo, SectionError> {
    let num_cpus = body.u32("number of cpus")?;
    let memory_size = body.u64("memory size")?;
    let max_pid = body.u64("highest pid")?;
    let hostname = body.bytes("host name", HOSTNAME)?;
    let end = hostname
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(HOSTNAME);
    let boot_ts = body.u64("boot time")?;
    let flags = body.u64("flags")?;
    let hostname = hostname[..end].to_vec();
    Ok(MachineInfo {
        num_cpus,
        memory_size,
        max_pid,
        hostname,
        boot_ts,
        flags,
    })
}

pub(crate) fn write(machine: &MachineInfo, out: &mut Fields) {
    out.u32(machine.num_cpus);
    out.u64(machine.memory_size);
    out.u64(machine.max_pid);
    let mut hostname = [0; HOSTNAME];
    // The last byte stays NUL.
    let len = machine.hostname.len().min(HOSTNAME - 1);
    hostname[..len].copy_from_slice(&machine.hostname[..len]);
    out.raw(&hostname);
    out.u64(machine.boot_ts);
    out.u64(machine.flags);
    out.raw(&[0; 16]);
}
