//! Nothing is allocated per event once the scratch memory has grown to what events need.

use std::ops::ControlFlow;

use condition::{Catalog, Context};
use event::{Encoder, EventType, EventView};
use field::{EventContext, Occurrence, Scratch, fields};
use state::{SocketRole, Subject};

use crate::world::{NOW, VI, World, tcp};

fn records() -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new();
    let mut records = Vec::new();
    let mut add = |event: &mut Encoder| records.push(event.finish().unwrap().to_vec());
    add(encoder
        .begin(EventType::GENERIC_X, NOW, VI)
        .u16(41)
        .u16(110));
    let open = encoder.begin(EventType::SYSCALL_OPENAT_2_X, NOW, VI);
    add(open
        .i64(3)
        .i64(-100)
        .str("../x")
        .u32(7)
        .u32(0o755)
        .u32(1)
        .u64(2));
    let read = encoder.begin(EventType::SYSCALL_READ_X, NOW, VI);
    add(read.i64(4).bytes(b"a\0b\xff").i64(5).u32(100));
    let rename = encoder.begin(EventType::SYSCALL_RENAMEAT_X, NOW, VI);
    add(rename.i64(0).i64(-100).str("a/../b").i64(-100).str("/c"));
    let mut list = 1u16.to_le_bytes().to_vec();
    list.extend_from_slice(&[5, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    add(encoder
        .begin(EventType::SYSCALL_POLL_X, NOW, VI)
        .i64(1)
        .bytes(&list)
        .i64(-1));
    records
}

#[test]
fn a_warm_context_does_not_allocate() {
    let mut world = World::new();
    let client = tcp(("10.0.0.5", 4000), ("10.0.0.6", 443), SocketRole::Client);
    world.state.seed_descriptor(VI, 5, client);
    let mut ids = Vec::new();
    for info in fields() {
        if info.argument.is_none_or(|rule| !rule.required) {
            ids.push(world.fields.resolve(info.name, None).unwrap().id);
        }
    }
    for (name, argument) in [
        ("proc.aname", "2"),
        ("proc.acmdline", "1"),
        ("proc.env", "EDITOR"),
        ("proc.aenv", "HOME"),
        ("evt.arg", "flags"),
        ("evt.rawarg", "res"),
        ("evt.abspath", "src"),
        ("thread.cgroup", "memory"),
        ("container.label", "app"),
    ] {
        ids.push(world.fields.resolve(name, Some(argument)).unwrap().id);
    }
    let records = records();
    let views: Vec<_> = records
        .iter()
        .map(|record| EventView::parse(record).unwrap())
        .collect();
    let mut scratch = Scratch::new();
    let mut text = String::new();
    let mut values = 0;
    let mut look_at_all = || {
        for view in &views {
            let fd = view.i64(if view.info().name == "read" { 2 } else { 0 });
            let now = Occurrence {
                event: view,
                number: 1,
                cpu: Some(0),
                first_ts: NOW,
                previous_ts: NOW,
                state: &world.state,
                subject: Subject {
                    tid: VI,
                    known: true,
                    fd,
                },
                surroundings: &world.surroundings,
            };
            let mut context = EventContext::new(&world.fields, now, &mut scratch);
            text.clear();
            for &id in &ids {
                values += usize::from(context.value(id).is_some());
                values += usize::from(context.each(id, &mut |_| ControlFlow::Continue(())));
                context.write_text(id, &mut text);
            }
        }
    };
    let cold = allocation_counter::measure(&mut look_at_all);
    assert!(cold.count_total > 0, "the count does not work");
    look_at_all();
    let warm = allocation_counter::measure(&mut look_at_all);
    assert_eq!(warm.count_total, 0, "allocations in {} events", views.len());
    assert!(values > 1000, "{values} values");
}
