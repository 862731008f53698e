//! A warm matcher does not allocate.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use event::{Encoder, EventType, EventView};
use field::{EventContext, Occurrence, Scratch, Surroundings};
use rules::{Matcher, Settings};
use state::Subject;

struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: everything is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are those that the system's allocator needs.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn matching_does_not_allocate() {
    let path = format!(
        "{}/../../rules/peregrine_rules.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).unwrap();
    let set = Arc::new(common::ruleset(&[&text], &Settings::default()));
    let mut world = common::World::new(common::ruleset(&[&text], &Settings::default()));
    world
        .process(100, 1, "cat", &["/etc/shadow"])
        .file(100, 7, "/etc/shadow");
    let mut matcher = Matcher::new(Arc::clone(&set), "syscall").unwrap();
    let mut encoder = Encoder::new();
    encoder.begin(EventType::SYSCALL_OPENAT_2_X, common::NOW, 100);
    encoder
        .i64(7)
        .i64(-100)
        .str("/etc/shadow")
        .u32(1)
        .u32(0)
        .u32(0)
        .u64(0);
    let record = encoder.finish().unwrap().to_vec();
    let (surroundings, mut scratch) = (Surroundings::new("box"), Scratch::new());
    let mut run = |count: usize| {
        let mut matched = 0;
        for _ in 0..count {
            let event = EventView::parse(&record).unwrap();
            let now = Occurrence {
                event: &event,
                number: 1,
                cpu: None,
                first_ts: common::NOW,
                previous_ts: common::NOW,
                state: &world.state,
                subject: Subject {
                    tid: 100,
                    known: true,
                    fd: Some(7),
                },
                surroundings: &surroundings,
            };
            let mut context = EventContext::new(set.sources()[0].fields(), now, &mut scratch);
            matched += matcher.matches(&mut context, event.event_type(), &mut |rule, _, _| {
                assert_eq!(&**rule.name(), "Read sensitive file untrusted");
            });
        }
        matched
    };
    // What is kept of a process is found out after some events.
    assert_eq!(run(100), 100);
    let before = COUNT.get();
    let started = std::time::Instant::now();
    assert_eq!(run(10_000), 10_000);
    let (allocations, elapsed) = (COUNT.get() - before, started.elapsed());
    eprintln!("{} ns per event that matches", elapsed.as_nanos() / 10_000);
    assert_eq!(allocations, 0, "in 10 000 events");
}
