//! Nothing is lost in silence, and nothing is told that was not asked for.

use std::collections::HashMap;
use std::time::Duration;

use event::{EventType, EventView, Syscall, SyscallCode};
use probe::{Options, Probe};

#[cfg(target_arch = "x86_64")]
use crate::compat::{call32, runs_32_bit_programs};
use crate::harness::{at, call, minus, text};
use crate::with_probe;

fn codes(names: &[&str]) -> Vec<SyscallCode> {
    names
        .iter()
        .map(|name| Syscall::by_name(name).expect("it exists").code)
        .collect()
}

fn load(options: &Options) -> Probe {
    Probe::load(options).unwrap_or_else(|err| panic!("{err}"))
}

/// Calls that nobody else makes meanwhile, one of each of three drop counters.
const RARE: [(&str, EventType); 3] = [
    ("ioprio_get", EventType::GENERIC_X),
    ("open_by_handle_at", EventType::SYSCALL_OPEN_BY_HANDLE_AT_X),
    ("chroot", EventType::SYSCALL_CHROOT_X),
];

#[test]
fn a_full_ring_loses_and_counts_exactly() {
    with_probe(|| {
        let smallest = 2 * 4096;
        let options = Options {
            exclude_own: false,
            buffer_bytes: smallest,
            ..Options::default()
        };
        let mut probe = load(&options);
        let mut reader = probe.reader().expect("it is the first");
        probe
            .set_syscalls(codes(&RARE.map(|(name, _)| name)))
            .expect("the selection changes");
        probe.attach().expect("it attaches");
        let rounds = 20_000;
        for _ in 0..rounds {
            assert!(call(libc::SYS_ioprio_get, [99, 0]) < 0);
            assert!(call(libc::SYS_open_by_handle_at, [minus(1), 0, 0]) < 0);
            assert!(call(libc::SYS_chroot, [0]) < 0);
        }
        std::thread::sleep(Duration::from_millis(5));
        let mut delivered: HashMap<EventType, u64> = HashMap::new();
        let mut total = 0;
        while reader.drain(|_, record| {
            let event = EventView::parse(record).expect("a valid record");
            *delivered.entry(event.event_type()).or_default() += 1;
            total += 1;
        }) > 0
        {}
        let counters = probe.counters().expect("they can be read");
        let sum = counters.total();
        assert_eq!(sum.events, 3 * rounds);
        assert_eq!(sum.events - counters.drops(), total);
        assert_eq!(
            counters.drops(),
            sum.ring_full.total(),
            "for no other reason"
        );
        assert!(sum.ring_full.total() > 2 * rounds, "the ring is small");
        let full = sum.ring_full;
        for ((_, event), lost) in RARE.into_iter().zip([full.other, full.open, full.dir_file]) {
            assert_eq!(delivered[&event] + lost, rounds, "{event:?}");
        }
        // With room again, nothing more is lost.
        call(libc::SYS_chroot, [0]);
        std::thread::sleep(Duration::from_millis(1));
        assert_eq!(reader.drain(|_, _| ()), 1);
        let after = probe.counters().expect("they can be read");
        assert_eq!(
            (after.drops(), after.total().events),
            (counters.drops(), sum.events + 1)
        );
    });
}

#[test]
fn a_reader_that_keeps_up_loses_nothing() {
    with_probe(|| {
        let options = Options {
            exclude_own: false,
            // Room for all of it, so that it does not depend on how busy the machine is.
            buffer_bytes: 4 << 20,
            ..Options::default()
        };
        let mut probe = load(&options);
        let mut reader = probe.reader().expect("it is the first");
        assert!(matches!(probe.reader(), Err(probe::Error::ReaderTaken)));
        probe
            .set_syscalls(codes(&["chroot", "ioprio_get"]))
            .expect("the selection changes");
        probe.attach().expect("it attaches");
        let rounds = 40_000u64;
        let done = std::sync::atomic::AtomicUsize::new(0);
        let (mut seen, mut per_thread) = (0, HashMap::<i64, u64>::new());
        let mut last = HashMap::<u16, u64>::new();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..rounds / 2 {
                        call(libc::SYS_chroot, [0]);
                        call(libc::SYS_ioprio_get, [99, 0]);
                    }
                    done.fetch_add(1, std::sync::atomic::Ordering::Release);
                });
            }
            loop {
                let over = done.load(std::sync::atomic::Ordering::Acquire) == 2;
                let count = reader.drain(|cpu, record| {
                    let event = EventView::parse(record).expect("a valid record");
                    // Across CPUs a record can be overtaken when the hypervisor takes a CPU away
                    // in the middle of it; the order of one CPU holds whatever happens.
                    let last = last.entry(cpu).or_default();
                    assert!(event.ts() >= *last, "on one CPU time goes forward");
                    *last = event.ts();
                    *per_thread.entry(event.tid()).or_default() += 1;
                    seen += 1;
                });
                if over && count == 0 && !reader.has_data() {
                    break;
                }
                std::thread::yield_now();
            }
        });
        let counters = probe.counters().expect("they can be read");
        assert_eq!(counters.total().events, 2 * rounds);
        assert_eq!(seen, 2 * rounds - counters.drops());
        assert_eq!(counters.drops(), 0, "{counters:?}");
        assert_eq!(per_thread.into_values().collect::<Vec<_>>(), [rounds; 2]);
    });
}

#[test]
fn a_record_that_is_too_big_counts() {
    with_probe(|| {
        let options = Options {
            exclude_own: false,
            snaplen: 65_000,
            ..Options::default()
        };
        let mut probe = load(&options);
        let mut reader = probe.reader().expect("it is the first");
        probe
            .set_syscalls(codes(&["init_module"]))
            .expect("the selection changes");
        probe.attach().expect("it attaches");
        let image = vec![7u8; 65_000];
        let arguments = std::ffi::CString::new("x".repeat(4000)).expect("no NUL");
        for arguments in [text(c"short"), text(&arguments)] {
            call(
                libc::SYS_init_module,
                [at(&image[..]), image.len(), arguments],
            );
        }
        std::thread::sleep(Duration::from_millis(1));
        let mut sizes = Vec::new();
        reader.drain(|_, record| sizes.push(record.len()));
        assert_eq!(sizes, [26 + 4 * 2 + 8 + 65_000 + 8 + 6]);
        let sum = probe.counters().expect("they can be read").total();
        assert_eq!((sum.events, sum.too_big, sum.drops()), (2, 1, 1));
    });
}

#[test]
fn the_own_process_is_left_out_and_its_children_are_not() {
    with_probe(|| {
        let mut probe = load(&Options::default());
        let mut reader = probe.reader().expect("it is the first");
        probe
            .set_syscalls(codes(&["chroot"]))
            .expect("the selection changes");
        probe.attach().expect("it attaches");
        std::thread::spawn(|| call(libc::SYS_chroot, [0]))
            .join()
            .expect("it does not panic");
        let child = call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0, 0]);
        if child == 0 {
            call(libc::SYS_chroot, [0]);
            call(libc::SYS_exit_group, [0]);
        }
        call(libc::SYS_wait4, [child as usize, 0, 0, 0]);
        std::thread::sleep(Duration::from_millis(1));
        let mut tids = Vec::new();
        reader.drain(|_, record| tids.push(EventView::parse(record).expect("valid").tid()));
        assert_eq!(tids, [child]);
        assert_eq!(
            probe.counters().expect("they can be read").total().events,
            1
        );
        // Detached, nothing arrives; attached again, it does.
        probe.detach();
        let again = || {
            let child = call(libc::SYS_clone, [libc::SIGCHLD as usize, 0, 0, 0, 0]);
            if child == 0 {
                call(libc::SYS_chroot, [0]);
                call(libc::SYS_exit_group, [0]);
            }
            call(libc::SYS_wait4, [child as usize, 0, 0, 0]);
            std::thread::sleep(Duration::from_millis(1));
        };
        again();
        assert_eq!(reader.drain(|_, _| ()), 0);
        probe.attach().expect("it attaches again");
        again();
        assert_eq!(reader.drain(|_, _| ()), 1);
    });
}

#[test]
fn calls_that_failed_can_be_left_out() {
    with_probe(|| {
        let options = Options {
            exclude_own: false,
            drop_failed: true,
            ..Options::default()
        };
        let mut probe = load(&options);
        let mut reader = probe.reader().expect("it is the first");
        probe
            .set_syscalls(codes(&["chroot"]))
            .expect("the selection changes");
        probe.attach().expect("it attaches");
        assert!(call(libc::SYS_chroot, [0]) < 0);
        assert_eq!(call(libc::SYS_chroot, [text(c"/")]), 0);
        std::thread::sleep(Duration::from_millis(1));
        let mut paths = Vec::new();
        reader.drain(|_, record| {
            let event = EventView::parse(record).expect("valid");
            paths.push(event.str(1).map(<[u8]>::to_vec));
        });
        assert_eq!(paths, [Some(b"/".to_vec())]);
    });
}

/// 32-bit programs make the same calls under other numbers.
#[cfg(target_arch = "x86_64")]
#[test]
fn calls_of_32_bit_programs_are_translated() {
    with_probe(|| {
        if !runs_32_bit_programs() {
            eprintln!("skipped: this kernel runs no 32-bit programs");
            return;
        }
        let (prot, flags) = (
            3,
            (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT) as usize,
        );
        let low = call(libc::SYS_mmap, [0, 4096, prot, flags, minus(1), 0]) as usize;
        let write = |offset: usize, bytes: &[u8]| {
            // SAFETY: the page was mapped above, for this, and what is written fits.
            unsafe {
                std::ptr::copy_nonoverlapping(
                    bytes.as_ptr(),
                    (low + offset) as *mut u8,
                    bytes.len(),
                );
            }
            (low + offset) as u32
        };
        let path = write(0, b"/32-bit\0");
        let data = write(64, b"narrow");
        // A vector of two: pointers and lengths of 32 bits.
        let vector = [data, 3, data + 3, 3].map(u32::to_ne_bytes).concat();
        let vector = write(128, &vector);
        let socket = write(256, &[1u32, 2, 0].map(u32::to_ne_bytes).concat());

        let mut probe = load(&Options {
            exclude_own: false,
            ..Options::default()
        });
        let mut reader = probe.reader().expect("it is the first");
        let names = ["chroot", "writev", "socket"];
        probe
            .set_syscalls(codes(&names))
            .expect("the selection changes");
        probe.attach().expect("it attaches");
        let tid = call(libc::SYS_gettid, []);
        let results = [
            call32(61, [path, 0, 0]),
            call32(146, [u32::MAX, vector, 2]),
            // socketcall: 1 is socket.
            call32(102, [1, socket, 0]),
        ];
        // 61 is wait4 to 64-bit programs, which nobody asked for.
        call(61, [1, 0, 0, 0]);
        std::thread::sleep(Duration::from_millis(1));
        let mut events = Vec::new();
        reader.drain(|_, record| {
            let event = EventView::parse(record).expect("valid");
            if event.tid() == tid {
                let params: Vec<Vec<u8>> = event.params().map(<[u8]>::to_vec).collect();
                events.push((event.info().name, params));
            }
        });
        let res = |index: usize| results[index].to_le_bytes().to_vec();
        assert!(results[2] >= 0);
        assert_eq!(
            events,
            [
                ("chroot", vec![res(0), b"/32-bit\0".to_vec()]),
                (
                    "writev",
                    vec![
                        res(1),
                        b"narrow".to_vec(),
                        (-1i64).to_le_bytes().to_vec(),
                        6u32.to_le_bytes().to_vec(),
                    ]
                ),
                (
                    "socket",
                    vec![
                        res(2),
                        1u32.to_le_bytes().to_vec(),
                        2u32.to_le_bytes().to_vec(),
                        0u32.to_le_bytes().to_vec(),
                        0u32.to_le_bytes().to_vec(),
                    ]
                ),
            ]
        );
    });
}

#[test]
fn what_every_program_did_is_told() {
    with_probe(|| {
        let probe = Probe::load(&Options::default()).unwrap_or_else(|err| panic!("{err}"));
        let told: Vec<String> = probe
            .program_runs()
            .into_iter()
            .map(|program| program.name)
            .collect();
        let own: Vec<String> = Syscall::all()
            .iter()
            .filter(|syscall| syscall.native().is_some() && probe.has_filler(syscall.code))
            .map(|syscall| format!("sys_{}", syscall.name))
            .collect();
        assert!(own.len() > 100, "{own:?}");
        for program in &own {
            assert_eq!(
                told.iter().filter(|name| *name == program).count(),
                1,
                "{program}"
            );
        }
    });
}
