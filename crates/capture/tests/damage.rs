//! Captures that are cut short or damaged give errors that say where, and never a panic.

#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

mod common;

use std::io::{self, Read};

use capture::{
    Block, Compression, Error, EventDumpFlags, MachineInfo, Options, Process, Reader, Writer,
};
use event::{Encoder, EventType};
use proptest::prelude::*;

/// Reads to the end or to the first error that ends reading; tells how many events came.
fn read(stream: impl Read) -> (u64, Result<(), Error>) {
    let mut reader = match Reader::new(stream, Options::default()) {
        Ok(reader) => reader,
        Err(err) => return (0, Err(err)),
    };
    loop {
        match reader.next_block() {
            Ok(Some(_)) => {}
            Ok(None) => return (reader.events(), Ok(())),
            Err(err) if err.is_about_one_event() => {}
            Err(err) => return (reader.events(), Err(err)),
        }
    }
}

fn unpacked(path: &std::path::Path) -> Vec<u8> {
    let mut out = Vec::new();
    let packed = std::fs::read(path).unwrap();
    flate2::read::MultiGzDecoder::new(&packed[..])
        .read_to_end(&mut out)
        .unwrap();
    out
}

fn small() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), Compression::None).unwrap();
    writer.machine(&MachineInfo::default()).unwrap();
    writer.processes([&Process::default()]).unwrap();
    let mut encoder = Encoder::new();
    for fd in 0..3 {
        encoder
            .begin(EventType::SYSCALL_CLOSE_X, 1, 1)
            .i64(0)
            .i64(fd);
        writer
            .event(0, EventDumpFlags::default(), encoder.finish().unwrap())
            .unwrap();
    }
    writer.finish().unwrap()
}

#[test]
fn a_small_capture_cut_anywhere() {
    let stream = small();
    let (whole, result) = read(&stream[..]);
    assert_eq!(whole, 3);
    result.unwrap();
    let mut clean_ends = 0;
    for end in 0..stream.len() {
        let (events, result) = read(&stream[..end]);
        match result {
            Ok(()) => {
                clean_ends += 1;
                assert!(events < whole);
            }
            Err(Error::Truncated {
                offset,
                needed,
                available,
                ..
            }) => {
                assert_eq!(offset + available, end as u64);
                assert!(needed > available);
            }
            Err(Error::NoEvents { offset }) => assert_eq!(offset, end as u64),
            Err(err) => panic!("cut at {end}: {err}"),
        }
    }
    // Only between two events.
    assert_eq!(clean_ends, 2);
}

/// The blocks of a capture, from where to where.
fn blocks(stream: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(length) = stream.get(at + 4..at + 8) {
        let length = u32::from_le_bytes(length.try_into().unwrap()) as usize;
        found.push(at..at + length);
        at += length;
    }
    found
}

/// Cuts every real capture within every block. What comes before a cut reads the same whether it is
/// cut or not, so that one section header is enough of it: the cost grows with the length of blocks
/// and not with that of files. Long blocks are cut at `step` in their middle.
fn cut_real_captures(step: usize) -> usize {
    const EVERY_BYTE: usize = 512;
    let mut cuts = 0;
    for (path, _) in common::captures() {
        let stream = unpacked(&path);
        let (whole, result) = read(&stream[..]);
        result.unwrap();
        assert!(whole > 0);
        let blocks = blocks(&stream);
        let header = &stream[blocks[0].clone()];
        for block in &blocks {
            let length = block.len();
            let at_ends =
                (0..length.min(EVERY_BYTE)).chain(length.saturating_sub(EVERY_BYTE)..length);
            let mut cut = [header, &stream[block.clone()]].concat();
            for end in at_ends.chain((0..length).step_by(step)) {
                let (events, result) = read(&cut[..header.len() + end]);
                assert_eq!(events, 0, "{} cut at {}", path.display(), block.start + end);
                // A cut between blocks leaves a capture without events.
                assert!(
                    result.is_err(),
                    "{} cut at {}",
                    path.display(),
                    block.start + end
                );
                cuts += 1;
            }
            // And a byte that is another one may be anything but a panic.
            for place in (8..length).step_by(step) {
                let place = header.len() + place;
                cut[place] ^= 0x81;
                let _ = read(&cut[..]);
                cut[place] ^= 0x81;
            }
        }
    }
    cuts
}

#[test]
fn real_captures_cut_anywhere() {
    cut_real_captures(if cfg!(debug_assertions) { 1009 } else { 251 });
}

/// `cargo test --release -p capture --test damage -- --ignored --nocapture`
#[test]
#[ignore = "takes a minute; cuts in the middle of long blocks too"]
fn real_captures_cut_at_every_byte() {
    eprintln!("{} cuts", cut_real_captures(1));
}

#[test]
fn a_compressed_capture_cut_anywhere() {
    let Some((path, _)) = common::captures().into_iter().next() else {
        return;
    };
    let packed = std::fs::read(path).unwrap();
    let (whole, _) = read(&packed[..]);
    let step = if cfg!(debug_assertions) { 101 } else { 7 };
    for end in (0..packed.len() - 8).step_by(step) {
        let (events, _) = read(&packed[..end]);
        assert!(events <= whole);
    }
}

/// A stream that gives a few bytes at a time.
struct Trickle<'a>(&'a [u8]);

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = out.len().min(3);
        self.0.read(&mut out[..len])
    }
}

#[test]
fn short_reads_do_not_matter() {
    let stream = small();
    let (events, result) = read(Trickle(&stream));
    result.unwrap();
    assert_eq!(events, 3);
}

#[test]
fn errors_say_where_and_what() {
    let message = |stream: &[u8]| read(stream).1.unwrap_err().to_string();
    assert_eq!(
        message(b""),
        "capture is cut short: unknown block at offset 0 needs 8 bytes, 0 are there"
    );
    assert!(
        message(b"{\"json\": 1}\n").starts_with("not a capture: block type 0x736a227b at offset 0")
    );
    let mut swapped = small();
    swapped[8..12].reverse();
    assert_eq!(
        message(&swapped),
        "capture is big-endian (section header at offset 0), which is not supported"
    );
    let mut newer = small();
    newer[12] = 2;
    assert_eq!(
        message(&newer),
        "capture format 2.2 (section header at offset 0) is too new, at most 1.x is supported"
    );
    let mut trailer = small();
    trailer[24] = 99;
    assert_eq!(
        message(&trailer),
        "section header block at offset 0 ends in length 99, 28 expected"
    );
    let mut length = small();
    length[32..36].copy_from_slice(&4u32.to_le_bytes());
    assert_eq!(
        message(&length),
        "machine information block at offset 28 has length 4, at least 12 expected"
    );
    // A process list whose entry claims more than the block has. The list is behind the machine
    // (192 bytes), and its entry starts with its length.
    let mut entry = small();
    entry[228..232].copy_from_slice(&9999u32.to_le_bytes());
    assert!(
        message(&entry).starts_with(
            "failed to read process list block (version 9) at offset 220, entry 0: \
             entry needs 9995 bytes"
        ),
        "{}",
        message(&entry)
    );
}

#[test]
fn lengths_are_not_believed() {
    // A block that promises a gigabyte, in a stream that ends.
    let mut stream = small()[..28].to_vec();
    stream.extend(0x201u32.to_le_bytes());
    stream.extend((1u32 << 30).to_le_bytes());
    stream.extend([0; 100]);
    let (_, result) = read(&stream[..]);
    assert!(matches!(
        result,
        Err(Error::Truncated { available: 108, .. })
    ));
    for length in [(1u32 << 30) + 4, u32::MAX] {
        stream[32..36].copy_from_slice(&length.to_le_bytes());
        assert!(matches!(read(&stream[..]).1, Err(Error::Length { .. })));
    }
}

#[test]
fn one_bad_event_does_not_end_the_capture() {
    let mut stream = small();
    let first = stream.len() - 3 * 60;
    // Its block is whole; the record in it says that it is longer.
    let declared = first + 8 + 2 + 16;
    stream[declared..declared + 4].copy_from_slice(&1000u32.to_le_bytes());
    let mut reader = Reader::new(&stream[..], Options::default()).unwrap();
    let mut seen = Vec::new();
    loop {
        match reader.next_block() {
            Ok(None) => break,
            Ok(Some(block)) => seen.push(matches!(block, Block::Event(_))),
            Err(err) => {
                assert!(err.is_about_one_event(), "{err}");
                assert!(
                    err.to_string()
                        .starts_with(&format!("failed to read event at offset {first}"))
                );
            }
        }
    }
    assert_eq!(seen, [false, false, false, true, true]);
}

proptest! {
    #[test]
    fn damaged_captures_never_panic(
        at in 0usize..100_000, bytes in proptest::collection::vec(any::<u8>(), 1..8)
    ) {
        let mut stream = small();
        let at = at % stream.len();
        let end = (at + bytes.len()).min(stream.len());
        stream[at..end].copy_from_slice(&bytes[..end - at]);
        let (events, _) = read(&stream[..]);
        prop_assert!(events <= 3);
    }

    #[test]
    fn garbage_never_panics(
        head in any::<bool>(), bytes in proptest::collection::vec(any::<u8>(), 0..400)
    ) {
        let stream = if head { [&small()[..28], &bytes].concat() } else { bytes };
        let _ = read(&stream[..]);
    }
}
