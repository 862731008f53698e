//! Memory of a stopped thread.

use std::cell::OnceCell;
use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::sys::{self, Tid};

/// Strings never cross more than this at once, so that an unreadable page behind the end of one
/// does not matter.
const PAGE: usize = 4096;

/// Reads the memory of one stopped thread, in whatever way this process may: a sandbox can forbid
/// each of the first two.
#[derive(Debug)]
pub(crate) struct Memory {
    tid: Tid,
    way: Way,
    file: OnceCell<Option<File>>,
}

/// How memory is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// `process_vm_readv`.
    Call,
    /// `/proc/<tid>/mem`.
    File,
    /// A word at a time, as only a tracer can.
    Peek,
}

impl Way {
    /// The best way that this process has. It is tried on its own memory: that another process
    /// does not let its memory be read says nothing of the others.
    pub(crate) fn find() -> Self {
        let own = std::process::id() as Tid;
        let (there, mut here) = ([7u8; 1], [0u8; 1]);
        if sys::read_memory(own, there.as_ptr() as u64, &mut here) == Some(1) {
            Self::Call
        } else if File::open("/proc/self/mem").is_ok() {
            Self::File
        } else {
            Self::Peek
        }
    }
}

impl Memory {
    pub(crate) fn of(tid: Tid, way: Way) -> Self {
        Self {
            tid,
            way,
            file: OnceCell::new(),
        }
    }

    /// This process's own, for tests.
    #[cfg(test)]
    pub(crate) fn own() -> Self {
        Self::of(std::process::id() as Tid, Way::find())
    }

    /// Fills the buffer; false when not all of it is there.
    pub(crate) fn read(&self, address: u64, buffer: &mut [u8]) -> bool {
        self.read_some(address, buffer) == buffer.len()
    }

    /// Reads from an address on until something cannot be read.
    fn read_some(&self, address: u64, buffer: &mut [u8]) -> usize {
        if buffer.is_empty() {
            return 0;
        }
        match self.way {
            Way::Call => sys::read_memory(self.tid, address, buffer).unwrap_or(0),
            Way::File => {
                let open = || File::open(format!("/proc/{}/mem", self.tid)).ok();
                let file = self.file.get_or_init(open).as_ref();
                file.and_then(|file| file.read_at(buffer, address).ok())
                    .unwrap_or(0)
            }
            Way::Peek => self.peek(address, buffer),
        }
    }

    fn peek(&self, address: u64, buffer: &mut [u8]) -> usize {
        let mut done = 0;
        for chunk in buffer.chunks_mut(8) {
            // The last word may reach beyond what is wanted, and beyond the page: then the aligned
            // one that ends where the chunk does is read instead.
            let at = address + done as u64;
            let start = if chunk.len() < 8 { at & !7 } else { at };
            let skip = (at - start) as usize;
            let Ok(word) = sys::peek(self.tid, start) else {
                return done;
            };
            let mut bytes = word.to_ne_bytes().to_vec();
            if skip + chunk.len() > 8 {
                let Ok(next) = sys::peek(self.tid, start + 8) else {
                    return done;
                };
                bytes.extend(next.to_ne_bytes());
            }
            chunk.copy_from_slice(&bytes[skip..skip + chunk.len()]);
            done += chunk.len();
        }
        done
    }

    /// The string at an address with its NUL, at most `limit` bytes of it (cut ones end with a NUL
    /// as well); `None` when it cannot be read.
    pub(crate) fn string(&self, address: u64, limit: usize) -> Option<Vec<u8>> {
        if address == 0 {
            return None;
        }
        let mut text = Vec::new();
        // Most strings are short: a small piece first, then up to the ends of pages.
        let mut piece = 256;
        loop {
            let start = text.len();
            let at = address.checked_add(start as u64)?;
            let to_end_of_page = PAGE - (at as usize % PAGE);
            let len = piece.min(to_end_of_page).min(limit - start);
            text.resize(start + len, 0);
            if !self.read(at, &mut text[start..]) {
                return None;
            }
            if let Some(end) = text[start..].iter().position(|&byte| byte == 0) {
                text.truncate(start + end + 1);
                return Some(text);
            }
            if text.len() == limit {
                *text.last_mut()? = 0;
                return Some(text);
            }
            piece = PAGE;
        }
    }

    /// A number of `N` bytes.
    pub(crate) fn array<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        (address != 0 && self.read(address, &mut bytes)).then_some(bytes)
    }

    pub(crate) fn u32(&self, address: u64) -> Option<u32> {
        self.array(address).map(u32::from_ne_bytes)
    }

    pub(crate) fn u64(&self, address: u64) -> Option<u64> {
        self.array(address).map(u64::from_ne_bytes)
    }

    /// `N` words of 64 bits.
    pub(crate) fn words<const N: usize>(&self, address: u64) -> Option<[u64; N]> {
        let mut bytes = vec![0; N * 8];
        let read = address != 0 && self.read(address, &mut bytes);
        read.then(|| {
            std::array::from_fn(|index| {
                let mut word = [0; 8];
                word.copy_from_slice(&bytes[index * 8..index * 8 + 8]);
                u64::from_ne_bytes(word)
            })
        })
    }
}

#[cfg(test)]
#[expect(unsafe_code, reason = "makes a process to read from")]
mod tests {
    use super::*;

    /// A copy of this process, stopped and traced; gone at the end.
    struct Stopped(Tid);

    impl Stopped {
        fn new() -> Self {
            // SAFETY: the child stops, and never comes back to anything that others may hold.
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                loop {
                    // SAFETY: takes a number.
                    unsafe { libc::raise(libc::SIGSTOP) };
                }
            }
            assert!(pid > 0);
            sys::seize(pid).unwrap();
            // SAFETY: there is no place for a status.
            unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::__WALL) };
            Self(pid)
        }
    }

    impl Drop for Stopped {
        fn drop(&mut self) {
            sys::kill(self.0, libc::SIGKILL);
            // SAFETY: there is no place for a status.
            unsafe { libc::waitpid(self.0, std::ptr::null_mut(), libc::__WALL) };
        }
    }

    #[test]
    fn strings_end_at_their_end_or_at_the_limit() {
        let own = Memory::own();
        let text = c"some text";
        let at = text.as_ptr() as u64;
        assert_eq!(own.string(at, 4096).unwrap(), b"some text\0");
        assert_eq!(own.string(at, 5).unwrap(), b"some\0");
        let long = [b'x'; 5000];
        let cut = own.string(long.as_ptr() as u64, 4096).unwrap();
        assert_eq!((cut.len(), cut[4094], cut[4095]), (4096, b'x', 0));
        assert_eq!(own.string(0, 10), None);
        assert_eq!(own.string(8, 10), None, "nothing is mapped there");
    }

    #[test]
    fn the_ways_read_the_same() {
        let text: Vec<u8> = (1..=40).chain([0]).collect();
        let other = Stopped::new();
        for way in [Way::Call, Way::File, Way::Peek] {
            let memory = Memory::of(other.0, way);
            for start in 0..text.len() {
                let at = text.as_ptr() as u64 + start as u64;
                assert_eq!(memory.string(at, 100).unwrap(), text[start..], "{way:?}");
                for end in start..text.len() {
                    let mut some = vec![0; end - start];
                    assert!(memory.read(at, &mut some));
                    assert_eq!(some, text[start..end], "{way:?}");
                }
            }
            assert_eq!(memory.string(16, 100), None, "{way:?}");
            assert_eq!(memory.u64(16), None, "{way:?}");
        }
    }

    #[test]
    fn arrays_are_read_whole_or_not_at_all() {
        let own = Memory::own();
        let words = [1u64, 2, 3];
        assert_eq!(own.words::<3>(words.as_ptr() as u64), Some(words));
        assert_eq!(own.u32(words.as_ptr() as u64), Some(1));
        assert_eq!(own.words::<3>(16), None);
        assert!(own.read(16, &mut []), "nothing is always there");
    }
}
