//! Makes a large capture, for measuring how fast captures are replayed:
//!
//! ```text
//! cargo run --release -p capture --example generate -- FILE [EVENTS] [DESCRIPTORS]
//! ```
//!
//! A hundred processes open, read, write and close files, connect, fork and execute; every event is
//! of a current type. The last process has as many descriptors open as asked for. The same numbers
//! give the same file.

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;

use capture::{
    Account, Compression, Descriptor, DescriptorKind, EventDumpFlags, Group, MachineInfo, Process,
    User, Writer,
};
use event::{Encoder, EventType as T};

const START: u64 = 1_700_000_000_000_000_000;
const PROCESSES: i64 = 100;
const FIRST: i64 = 1000;
const AT_FDCWD: i64 = -100;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let path = args
        .next()
        .ok_or("usage: generate FILE [EVENTS] [DESCRIPTORS]")?;
    let mut number = |default| args.next().map_or(Ok(default), |text| text.parse::<i64>());
    let (events, descriptors) = (number(5_000_000)?, number(0)?);

    let file = BufWriter::new(File::create(&path)?);
    let mut writer = Writer::new(file, Compression::Gzip)?;
    write_picture(&mut writer, descriptors)?;
    let mut load = Load {
        writer,
        encoder: Encoder::new(),
        ts: START,
        written: 0,
        next_pid: FIRST + PROCESSES,
    };
    let mut round = 0;
    while load.written < events {
        load.round(FIRST + round % PROCESSES, round)?;
        round += 1;
    }
    load.writer.finish()?.into_inner()?.sync_all()?;
    Ok(())
}

fn process(tid: i64, ptid: i64, comm: &str) -> Process {
    Process {
        tid,
        pid: tid,
        ptid,
        sid: FIRST,
        vpgid: FIRST,
        pgid: FIRST,
        vtid: tid,
        vpid: tid,
        comm: comm.into(),
        exe: format!("/usr/bin/{comm}").into(),
        exepath: format!("/usr/bin/{comm}").into(),
        args: b"--serve\0--verbose\0".to_vec(),
        env: b"PATH=/usr/bin:/bin\0HOME=/root\0".to_vec(),
        cwd: b"/var/lib/service/".to_vec(),
        root: b"/".to_vec(),
        cgroups: b"cpu=/system.slice\0memory=/system.slice\0".to_vec(),
        fd_limit: 1 << 20,
        ..Process::default()
    }
}

fn write_picture<W: std::io::Write>(
    writer: &mut Writer<W>,
    descriptors: i64,
) -> Result<(), Box<dyn Error>> {
    writer.machine(&MachineInfo {
        num_cpus: 4,
        hostname: b"generated".to_vec(),
        ..MachineInfo::default()
    })?;
    writer.interfaces(&[])?;
    writer.accounts(&[
        Account::User(User {
            uid: 0,
            gid: 0,
            name: b"root".to_vec(),
            home: b"/root".to_vec(),
            shell: b"/bin/sh".to_vec(),
        }),
        Account::Group(Group {
            gid: 0,
            name: b"root".to_vec(),
        }),
    ])?;
    let processes: Vec<Process> = std::iter::once(process(1, 0, "init"))
        .chain((0..PROCESSES).map(|index| process(FIRST + index, 1, "service")))
        .collect();
    writer.processes(&processes)?;
    let open = |fd| Descriptor {
        fd,
        ino: fd.unsigned_abs(),
        kind: DescriptorKind::File {
            open_flags: 1,
            name: format!("/var/lib/service/open/{fd}").into(),
            dev: 1,
        },
    };
    let all: Vec<Descriptor> = (0..descriptors).map(open).collect();
    writer.descriptors(FIRST + PROCESSES - 1, &all)?;
    Ok(())
}

struct Load<W: std::io::Write> {
    writer: Writer<W>,
    encoder: Encoder,
    ts: u64,
    written: i64,
    next_pid: i64,
}

impl<W: std::io::Write> Load<W> {
    fn begin(&mut self, event_type: T, tid: i64) -> &mut Encoder {
        self.ts += 2_000;
        self.encoder.begin(event_type, self.ts, tid)
    }

    fn write(&mut self, tid: i64) -> Result<(), Box<dyn Error>> {
        let record = self.encoder.finish()?;
        let cpu = u16::try_from(tid % 4)?;
        self.writer.event(cpu, EventDumpFlags::default(), record)?;
        self.written += 1;
        Ok(())
    }

    /// What a process does in one go: mostly files, now and then a connection or a child.
    fn round(&mut self, tid: i64, round: i64) -> Result<(), Box<dyn Error>> {
        for file in 0..8 {
            let name = format!("data/{}/{file}.db", round % 1000);
            self.begin(T::SYSCALL_OPENAT_2_X, tid)
                .i64(5)
                .i64(AT_FDCWD)
                .str(&name)
                .u32(1)
                .u32(0)
                .u32(0x801)
                .u64(round.unsigned_abs());
            self.write(tid)?;
            self.begin(T::SYSCALL_READ_X, tid)
                .i64(80)
                .bytes(&[b'x'; 80])
                .i64(5)
                .u32(4096);
            self.write(tid)?;
            self.begin(T::SYSCALL_CLOSE_X, tid).i64(0).i64(5);
            self.write(tid)?;
        }
        if round % 10 == 0 {
            self.connection(tid)?;
        }
        if round % 25 == 0 {
            self.child(tid)?;
        }
        Ok(())
    }

    fn connection(&mut self, tid: i64) -> Result<(), Box<dyn Error>> {
        self.begin(T::SOCKET_SOCKET_X, tid)
            .i64(6)
            .u32(2)
            .u32(1)
            .u32(0)
            .u32(0);
        self.write(tid)?;
        let source = [10, 0, 0, 1, 0x39, 0x30];
        let destination = [10, 0, 0, 2, 0xBB, 0x01];
        let tuple = [&[2_u8][..], &source, &destination].concat();
        let address = [&[2_u8][..], &destination].concat();
        self.begin(T::SOCKET_CONNECT_X, tid)
            .i64(0)
            .bytes(&tuple)
            .i64(6)
            .bytes(&address);
        self.write(tid)?;
        self.begin(T::SYSCALL_CLOSE_X, tid).i64(0).i64(6);
        self.write(tid)
    }

    /// A fork seen from both sides, an exec, and the end.
    fn child(&mut self, parent: i64) -> Result<(), Box<dyn Error>> {
        let child = self.next_pid;
        self.next_pid += 1;
        for (caller, result) in [(parent, child), (child, 0)] {
            let ptid = if caller == parent { 1 } else { parent };
            self.begin(T::SYSCALL_CLONE_20_X, caller);
            self.start_of_process(result, caller, ptid, "service");
            self.encoder
                .u32(0)
                .u32(0)
                .u32(0)
                .i64(caller)
                .i64(caller)
                .u64(0);
            self.write(caller)?;
        }
        self.begin(T::SYSCALL_EXECVE_19_X, child);
        self.start_of_process(0, child, parent, "worker");
        self.encoder.bytes(b"PATH=/usr/bin:/bin\0");
        self.encoder.u32(0).i64(FIRST).u32(u32::MAX).u32(0);
        self.encoder.u64(0).u64(0).u64(0).u64(7).u64(1).u64(1);
        self.encoder.u32(0).str("/usr/bin/worker").i64(FIRST);
        self.encoder.u32(0).str("/usr/bin/worker");
        self.write(child)?;
        self.begin(T::PROCEXIT_1_E, child)
            .i64(0)
            .i64(0)
            .u8(0)
            .u8(0)
            .i64(parent);
        self.write(child)
    }

    /// The parameters that clone and exec events have in common: 0 to 14.
    fn start_of_process(&mut self, result: i64, tid: i64, ptid: i64, comm: &str) {
        self.encoder
            .i64(result)
            .str(comm)
            .bytes(b"--once\0")
            .i64(tid)
            .i64(tid)
            .i64(ptid)
            .str("/var/lib/service")
            .i64(1 << 20)
            .u64(0)
            .u64(100)
            .u32(10_000)
            .u32(1_000)
            .u32(0)
            .str(comm)
            .bytes(b"cpu=/system.slice\0memory=/system.slice\0");
    }
}
