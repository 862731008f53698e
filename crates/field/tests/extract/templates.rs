//! Output templates.

use std::collections::BTreeMap;
use std::sync::Arc;

use condition::{Evaluator, FieldError, PoolBuilder};
use event::{EventType, EventView};
use field::{
    EventContext, Fields, Occurrence, OutputValue, Template, TemplateError, TemplateErrorKind,
};
use state::Subject;

use crate::world::{NOW, VI, World};

/// The text of a template and its typed fields, in an event of vi that opens a file.
fn render(text: &str) -> (String, BTreeMap<String, OutputValue>) {
    let mut world = World::new();
    let mut pool = PoolBuilder::new();
    let template = Template::compile(text, &mut world.fields, &mut pool).unwrap();
    let mut evaluator = Evaluator::new(Arc::new(pool.finish()));
    let open = world.encoder.begin(EventType::SYSCALL_OPENAT_2_X, NOW, VI);
    open.i64(3)
        .i64(-100)
        .str("notes.txt")
        .u32(1)
        .u32(0)
        .u32(0)
        .u64(0);
    let event = EventView::parse(world.encoder.finish().unwrap()).unwrap();
    let now = Occurrence {
        event: &event,
        number: 7,
        cpu: None,
        first_ts: NOW,
        previous_ts: NOW,
        state: &world.state,
        subject: Subject {
            tid: VI,
            known: true,
            fd: Some(3),
        },
        surroundings: &world.surroundings,
    };
    let mut context = EventContext::new(&world.fields, now, &mut world.scratch);
    let mut out = String::new();
    evaluator.begin_event();
    template.render(&mut context, &mut evaluator, &mut out);
    let mut values = BTreeMap::new();
    template.output_fields(&mut context, |name, value| {
        let previous = values.insert(name.to_owned(), value);
        assert!(previous.is_none(), "{name} is listed twice");
    });
    (out, values)
}

fn error(text: &str) -> TemplateError {
    let template = Template::compile(text, &mut Fields::new(), &mut PoolBuilder::new());
    template.expect_err(text)
}

#[test]
fn text_around_fields_stays() {
    for (template, expected) in [
        ("", ""),
        ("no field", "no field"),
        ("%proc.name", "vi"),
        ("(%proc.name)", "(vi)"),
        ("%proc.name%proc.pid", "vi400"),
        ("%proc.name.", "vi."),
        ("%proc.name, %proc.pid...", "vi, 400..."),
        ("%proc.names", "vis"),
        ("%proc.name[%proc.pid]", "vi[400]"),
        ("%proc.name[ x]", "vi[ x]"),
        ("%proc.aname[1]!", "bash!"),
        ("%proc.aname[x]", "bash sshd systemd[x]"),
        (
            "%evt.arg.name %evt.arg[2]",
            "/home/anna/notes.txt /home/anna/notes.txt",
        ),
        ("%evt.time.isotope", "17:35:48.518881735.isotope"),
        ("%evt.time.s.", "17:35:48."),
        ("%fd.types", "(file)"),
        ("[%container.image] %fd.ip", "[<NA>] <NA>"),
        ("ünïcode %proc.name ✓", "ünïcode vi ✓"),
        ("*%proc.name", "*vi"),
    ] {
        assert_eq!(render(template).0, expected, "{template}");
    }
}

#[test]
fn widths_pad_and_cut() {
    for (template, expected) in [
        ("[%5proc.name]", "[vi   ]"),
        ("[%1proc.name]", "[v]"),
        ("[%0proc.name]", "[]"),
        ("[%6container.image]", "[<NA>  ]"),
        ("%20fd.name|", "/home/anna/notes.txt|"),
    ] {
        assert_eq!(render(template).0, expected, "{template}");
    }
}

#[test]
fn values_are_typed_and_named_as_written() {
    let (_, values) = render(
        "%evt.time %proc.name %proc.pid %proc.name %evt.failed %container.image %fd.dev \
         %proc.aname[2] %evt.arg.flags %fd.types %5proc.ppid",
    );
    let text = |text: &str| OutputValue::String(text.to_owned());
    let expected = [
        ("container.image", OutputValue::Null),
        ("evt.arg.flags", text("O_RDONLY")),
        ("evt.failed", OutputValue::Bool(false)),
        ("evt.time", OutputValue::U64(NOW)),
        ("fd.dev", text("0")),
        ("fd.types", OutputValue::List(vec![text("file")])),
        ("proc.aname[2]", text("sshd")),
        ("proc.name", text("vi")),
        ("proc.pid", OutputValue::I64(400)),
        ("proc.ppid", OutputValue::I64(300)),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value));
    assert_eq!(values, expected.into_iter().collect());
}

#[test]
fn transformers() {
    let (text, values) =
        render("%toupper(proc.name)! %concat(proc.name, \"-\", proc.exe) %7toupper(proc.name)|");
    assert_eq!(text, "VI! vi-vi VI     |");
    let names: Vec<_> = values.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["proc.exe", "proc.name"],
        "what is inside is listed, the rest is not"
    );
    assert_eq!(render("%toupper(container.image)").0, "<NA>");
}

#[test]
fn the_old_text_about_containers_is_left_out() {
    let mut fields = Fields::new();
    let mut pool = PoolBuilder::new();
    let template = Template::compile("x (%container.info)", &mut fields, &mut pool).unwrap();
    assert!(template.has_container_info() && template.fields().is_empty());
    assert_eq!(render("x (%container.info)").0, "x ()");
    let template = Template::compile("%proc.name", &mut fields, &mut pool).unwrap();
    assert!(!template.has_container_info());
}

#[test]
fn mistakes_are_said_with_their_place() {
    assert_eq!(
        error("100%"),
        TemplateError {
            kind: TemplateErrorKind::Ends,
            offset: 3
        }
    );
    assert_eq!(error("%proc.name %12").kind, TemplateErrorKind::Ends);

    let unknown = error("cmd=%proc.cmdlin");
    assert_eq!(unknown.offset, 4);
    assert!(unknown.kind.is_unknown_field());
    assert_eq!(
        unknown.to_string(),
        "unknown field `proc.cmdlin`; did you mean `proc.cmdline`?"
    );

    let argument = error("%evt.arg").kind;
    let error_is = |error| TemplateErrorKind::Field {
        name: "evt.arg".to_owned(),
        error,
    };
    assert_eq!(argument, error_is(FieldError::ArgumentRequired));
    assert!(!argument.is_unknown_field());

    for text in [
        "% proc.name",
        "%%",
        "%(",
        "%proc",
        "%é",
        "%99999999999999999999proc.name",
    ] {
        let error = error(text);
        assert_eq!(error.offset, 0, "{text}");
        assert!(!error.to_string().is_empty());
    }
}
