//! Filling a record with what a stopped thread's call was told and did.
//!
//! The functions mirror the ones of the probe (`record.h`, `user.h` there), so that a call gives the
//! same bytes from either source.

use event::Encoder;

use crate::call::Call;
use crate::entry::Inputs;
use crate::facts::machine::Machine;
use crate::memory::Memory;
use crate::sys::Tid;

/// Strings, argument and environment areas end after so many bytes.
pub(crate) const TEXT_MAX: usize = 4096;
/// So many parts of a vector are looked at.
const MAX_IOVECS: u64 = 32;
const NSEC_PER_SEC: u64 = 1_000_000_000;

/// A stopped thread, and what is known of it without asking.
pub(crate) struct Caller<'a> {
    pub(crate) tid: Tid,
    pub(crate) tgid: Tid,
    /// The thread that made it, as long as nobody else has taken its place.
    pub(crate) maker: Tid,
    pub(crate) memory: &'a Memory,
    /// What the call was told, read before it was made.
    pub(crate) inputs: &'a Inputs,
    pub(crate) machine: &'a Machine,
    /// How many bytes of data an event carries.
    pub(crate) snaplen: usize,
}

/// A record being written.
pub(crate) struct Record<'a> {
    pub(crate) call: &'a Call,
    pub(crate) caller: &'a Caller<'a>,
    pub(crate) out: &'a mut Encoder,
}

/// A part of a vector: address and length.
pub(crate) type Part = (u64, u64);

impl Record<'_> {
    pub(crate) fn arg(&self, index: usize) -> u64 {
        self.call.args[index]
    }

    /// An argument that is 32 bits wide.
    pub(crate) fn arg32(&self, index: usize) -> u32 {
        self.call.args[index] as u32
    }

    pub(crate) fn u8(&mut self, value: u64) {
        self.out.u8(value as u8);
    }

    pub(crate) fn u16(&mut self, value: u64) {
        self.out.u16(value as u16);
    }

    pub(crate) fn u32(&mut self, value: u64) {
        self.out.u32(value as u32);
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.out.u64(value);
    }

    /// Descriptors and process ids are ints for programs and 64 bits wide in records.
    pub(crate) fn int(&mut self, value: u64) {
        self.out.i64(i64::from(value as i32));
    }

    /// The result.
    pub(crate) fn ret(&mut self) {
        self.out.i64(self.call.ret);
    }

    /// An argument that is an int.
    pub(crate) fn fd(&mut self, index: usize) {
        self.int(self.arg(index));
    }

    /// An argument of 32 bits.
    pub(crate) fn word(&mut self, index: usize) {
        self.u32(self.arg(index));
    }

    /// An argument of 64 bits.
    pub(crate) fn long(&mut self, index: usize) {
        self.u64(self.arg(index));
    }

    /// "Could not be read", or "does not apply".
    pub(crate) fn empty(&mut self) {
        self.out.empty();
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.bytes(bytes);
    }

    /// A string of our own, ended with a NUL.
    pub(crate) fn text(&mut self, text: impl AsRef<[u8]>) {
        self.out.str(text);
    }

    /// The string that an argument points to.
    pub(crate) fn name(&mut self, index: usize) {
        self.string(self.arg(index));
    }

    /// The string at an address of the caller.
    pub(crate) fn string(&mut self, address: u64) {
        match self.read_string(address) {
            Some(text) => self.out.bytes(&text),
            None => self.out.empty(),
        };
    }

    pub(crate) fn read_string(&self, address: u64) -> Option<Vec<u8>> {
        match self.caller.inputs.text(address) {
            Some(text) => Some(text.to_vec()),
            None => self.caller.memory.string(address, TEXT_MAX),
        }
    }

    /// The first bytes of a buffer.
    pub(crate) fn data(&mut self, address: u64, available: u64) {
        let len = self.shown(available);
        let mut bytes = vec![0; len];
        if !self.caller.memory.read(address, &mut bytes) {
            bytes.clear();
        }
        self.out.bytes(&bytes);
    }

    /// How many of so many bytes an event carries.
    pub(crate) fn shown(&self, available: u64) -> usize {
        usize::try_from(available).map_or(self.caller.snaplen, |len| len.min(self.caller.snaplen))
    }

    /// Two longs.
    pub(crate) fn longs(&self, address: u64) -> Option<[i64; 2]> {
        let memory = self.caller.memory;
        if self.call.compat {
            let [low, high] = memory
                .words::<1>(address)
                .map(|[both]| [both, both >> 32])?;
            return Some([i64::from(low as i32), i64::from(high as i32)]);
        }
        memory
            .words::<2>(address)
            .map(|pair| pair.map(|word| word as i64))
    }

    /// A `struct timespec` in nanoseconds; all ones when there is none.
    pub(crate) fn timespec(&self, address: u64) -> u64 {
        match self.longs(address) {
            Some([seconds, nanos]) => nanoseconds(seconds, nanos),
            None => u64::MAX,
        }
    }

    /// A `struct timeval` in nanoseconds; 0 when there is none.
    pub(crate) fn timeval(&self, address: u64) -> u64 {
        match self.longs(address) {
            Some([seconds, micros]) => nanoseconds(seconds, micros.wrapping_mul(1000)),
            None => 0,
        }
    }

    /// A size or a pointer; 0 when it cannot be read.
    pub(crate) fn pointer(&self, address: u64) -> u64 {
        let memory = self.caller.memory;
        if self.call.compat {
            memory.u32(address).map_or(0, u64::from)
        } else {
            memory.u64(address).unwrap_or(0)
        }
    }

    /// A 32-bit number; 0 when it cannot be read.
    pub(crate) fn number(&self, address: u64) -> u32 {
        self.caller.memory.u32(address).unwrap_or(0)
    }

    /// The first parts of a vector; none when it cannot be read.
    pub(crate) fn vector(&self, address: u64, count: u64) -> Vec<Part> {
        let width = if self.call.compat { 4 } else { 8 };
        let mut bytes = vec![0; count.min(MAX_IOVECS) as usize * 2 * width];
        if !self.caller.memory.read(address, &mut bytes) {
            return Vec::new();
        }
        let word = |bytes: &[u8]| {
            let mut word = [0; 8];
            word[..width].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        };
        bytes
            .chunks_exact(2 * width)
            .map(|part| (word(&part[..width]), word(&part[width..])))
            .collect()
    }

    /// The first bytes of what a vector points to.
    pub(crate) fn gathered(&mut self, parts: &[Part], available: u64) {
        let mut left = self.shown(available);
        let mut out = Vec::new();
        for (address, len) in parts {
            if left == 0 {
                break;
            }
            let start = out.len();
            let len = usize::try_from(*len).map_or(left, |len| len.min(left));
            out.resize(start + len, 0);
            if !self.caller.memory.read(*address, &mut out[start..]) {
                out.truncate(start);
                break;
            }
            left -= len;
        }
        self.out.bytes(&out);
    }

    /// How many bytes were transferred.
    pub(crate) fn transferred(&self) -> u64 {
        self.call.ret.max(0) as u64
    }

    /// What was written, or should have been.
    pub(crate) fn written(&self, size: u64) -> u64 {
        if self.call.ret >= 0 {
            self.call.ret as u64
        } else {
            size
        }
    }
}

/// The sizes of a vector's parts together.
pub(crate) fn total(parts: &[Part]) -> u64 {
    parts
        .iter()
        .fold(0, |total: u64, (_, len)| total.wrapping_add(*len))
}

fn nanoseconds(seconds: i64, nanos: i64) -> u64 {
    (seconds as u64)
        .wrapping_mul(NSEC_PER_SEC)
        .wrapping_add(nanos as u64)
}
