//! Whatever events and texts contain, nothing panics.

use std::ops::ControlFlow;

use condition::{Catalog, Context, PoolBuilder};
use event::{EventType, EventView, events};
use field::{EventContext, Fields, Occurrence, Scratch, Template, fields};
use proptest::collection::vec;
use proptest::prelude::*;
use state::{SocketRole, Subject};

use crate::world::{NOW, VI, World, tcp};

/// A world, and the ids of all fields that need no argument and of some that do.
fn world() -> (World, Vec<condition::FieldId>) {
    let mut world = World::new();
    let client = tcp(("10.0.0.5", 4000), ("10.0.0.6", 443), SocketRole::Client);
    world.state.seed_descriptor(VI, 5, client);
    let optional = fields()
        .iter()
        .filter(|info| info.argument.is_none_or(|rule| !rule.required));
    let names: Vec<_> = optional.map(|info| info.name).collect();
    let more = [
        "evt.arg.fd",
        "evt.arg.name",
        "evt.arg.data",
        "evt.arg.addr",
        "evt.arg.tuple",
        "evt.arg.val",
        "evt.rawarg.res",
        "evt.rawarg.flags",
        "evt.rawarg.data",
        "evt.rawarg.tuple",
        "evt.abspath.src",
        "evt.abspath.dst",
    ];
    let ids = names
        .into_iter()
        .chain(more)
        .map(|name| world.fields.resolve(name, None).unwrap().id)
        .collect();
    (world, ids)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn events_of_random_bytes(
        code in 0..events().len() as u16,
        params in vec(vec(any::<u8>(), 0..40), 0..12),
        fd in prop_oneof![Just(None), Just(Some(5i64)), any::<i64>().prop_map(Some)],
        tid in prop_oneof![Just(VI), Just(1), any::<i64>()],
        ts in any::<u64>(),
    ) {
        let (mut world, ids) = world();
        world.encoder.begin(EventType(code), ts, tid);
        for param in &params {
            world.encoder.bytes(param);
        }
        let event = EventView::parse(world.encoder.finish().unwrap()).unwrap();
        let now = Occurrence {
            event: &event,
            number: u64::MAX,
            cpu: None,
            first_ts: NOW,
            previous_ts: NOW,
            state: &world.state,
            subject: Subject { tid, known: true, fd },
            surroundings: &world.surroundings,
        };
        let mut scratch = Scratch::new();
        let mut context = EventContext::new(&world.fields, now, &mut scratch);
        let mut text = String::new();
        for &id in &ids {
            let present = context.value(id).is_some();
            prop_assert_eq!(present, context.value(id).is_some(), "a second look sees the same");
            context.each(id, &mut |_| ControlFlow::Continue(()));
            context.write_text(id, &mut text);
            context.output_value(id);
        }
    }

    #[test]
    fn templates_of_random_text(text in "[%a-z.\\[\\]() \"0-9é]{0,40}") {
        let _ = Template::compile(&text, &mut Fields::new(), &mut PoolBuilder::new());
    }

    #[test]
    fn fields_of_random_text(name in "[a-z.]{0,20}", argument in proptest::option::of(".{0,8}")) {
        let mut fields = Fields::new();
        if let Ok(desc) = fields.resolve(&name, argument.as_deref()) {
            prop_assert!(fields.desc(desc.id) == Some(desc));
        }
    }

    #[test]
    fn a_template_with_fields_among_random_text(
        before in "[a-zé .]{0,10}",
        field in prop_oneof![Just("proc.name"), Just("fd.sip"), Just("evt.arg.fd"), Just("proc.aname[2]")],
        after in "[^%a-z0-9_.]?[^%]{0,10}",
    ) {
        let text = format!("{before}%{field}{after}");
        let template = Template::compile(&text, &mut Fields::new(), &mut PoolBuilder::new());
        prop_assert!(template.is_ok(), "{:?}: {:?}", text, template);
    }
}
