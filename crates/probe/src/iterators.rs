//! What is open when the probe starts, listed by the kernel.

use std::io::{BufReader, ErrorKind, Read};

/// One descriptor of a process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenFile {
    /// The process, in the first pid namespace.
    pub pid: u32,
    /// Its number.
    pub fd: u32,
    /// The kernel's open flags, `O_CLOEXEC` among them if an exec closes it.
    pub flags: u32,
    /// Device number as in events.
    pub dev: u32,
    /// Inode number.
    pub ino: u64,
    /// Kind and permissions, as `stat` has them.
    pub mode: u16,
    /// What the link in `/proc/<pid>/fd` shows; empty when that is longer than a path may be.
    pub link: Vec<u8>,
}

/// `sizeof(struct open_file)` of `bpf/iterators.h`.
const HEAD: usize = 32;

/// Reads what the kernel program writes, up to its end.
pub(crate) fn read_all(source: impl Read) -> std::io::Result<Vec<OpenFile>> {
    let mut source = BufReader::with_capacity(1 << 18, source);
    let mut files = Vec::new();
    let mut head = [0u8; HEAD];
    loop {
        match source.read_exact(&mut head) {
            Ok(()) => {}
            Err(err) if err.kind() == ErrorKind::UnexpectedEof => return Ok(files),
            Err(err) => return Err(err),
        }
        let half = |at: usize| u16::from_ne_bytes([head[at], head[at + 1]]);
        let word = |at: usize| u32::from(half(at)) | u32::from(half(at + 2)) << 16;
        let mut link = vec![0; usize::from(half(26))];
        source.read_exact(&mut link)?;
        files.push(OpenFile {
            pid: word(0),
            fd: word(4),
            flags: word(8),
            dev: word(12),
            ino: u64::from(word(16)) | u64::from(word(20)) << 32,
            mode: half(24),
            link,
        });
    }
}
