//! Events that only read the state cost no allocation.

mod support;

use event::{Encoder, EventType as T, EventView};
use support::{CWD, Machine, addr, tuple};

#[test]
fn reading_events_do_not_allocate() {
    let mut machine = Machine::with_shell();
    machine.openat(10, 3, CWD, "/etc/passwd", 1);
    machine.apply(T::SOCKET_SOCKET_X, 10, |e| {
        e.i64(4).u32(2).u32(2).u32(0).u32(0);
    });
    type Params = fn(&mut Encoder);
    let events: [(T, Params); 12] = [
        (T::SYSCALL_READ_X, |e: &mut Encoder| {
            e.i64(5).bytes(b"hello").i64(3).u32(5);
        }),
        (T::SYSCALL_WRITE_X, |e| {
            e.i64(5).bytes(b"hello").i64(99).u32(5);
        }),
        (T::SYSCALL_OPENAT_2_X, |e| {
            e.i64(-2)
                .i64(CWD)
                .str("missing")
                .u32(1)
                .u32(0)
                .u32(0)
                .u64(0);
        }),
        (T::SYSCALL_STAT_X, |e| {
            e.i64(0).str("/etc");
        }),
        (T::SYSCALL_CHDIR_X, |e| {
            e.i64(0).str("/home");
        }),
        (T::SYSCALL_MMAP_X, |e| {
            e.i64(0)
                .u32(11)
                .u32(12)
                .u32(13)
                .u64(0)
                .u64(0)
                .u32(0)
                .u32(0)
                .i64(3)
                .u64(0);
        }),
        (T::SOCKET_SENDTO_X, |e| {
            e.i64(1)
                .bytes(b"x")
                .i64(4)
                .u32(1)
                .bytes(&tuple("10.0.0.5:1", "1.2.3.4:53"));
        }),
        (T::SOCKET_RECVFROM_X, |e| {
            e.i64(1)
                .bytes(b"x")
                .bytes(&tuple("1.2.3.4:53", "10.0.0.5:1"))
                .i64(4)
                .u32(1);
        }),
        (T::SOCKET_CONNECT_E, |e| {
            e.i64(4).bytes(&addr("1.2.3.4:53"));
        }),
        (T::SYSCALL_SETUID_X, |e| {
            e.i64(0).u32(5);
        }),
        (T::SCHEDSWITCH_6_E, |e| {
            e.i64(0).u64(1).u64(2).u32(3).u32(4).u32(5);
        }),
        (T::SYSCALL_FCNTL_X, |e| {
            e.i64(0).i64(3).u8(3).u64(1);
        }),
    ];
    let records: Vec<Vec<u8>> = events
        .into_iter()
        .map(|(event_type, params)| {
            let mut encoder = Encoder::new();
            encoder.begin(event_type, machine.ts, 10);
            params(&mut encoder);
            encoder.finish().expect("a record").to_vec()
        })
        .collect();
    let state = &mut machine.state;
    let mut apply = || {
        for record in &records {
            state.apply(&EventView::parse(record).expect("just encoded"));
        }
    };
    apply();
    let counted = allocation_counter::measure(|| (0..10).for_each(|_| apply()));
    assert_eq!(counted.count_total, 0);
}
