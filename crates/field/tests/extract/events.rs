//! `evt.*`.

use condition::Value;
use event::{Encoder, EventType};
use field::OutputValue;

use crate::world::{NOW, World};

const O_RDWR: u32 = 3;
const O_CREAT: u32 = 1 << 2;
const F_CREATED: u32 = 1 << 14;

fn openat(fd: i64, path: &str, flags: u32, mode: u32) -> impl FnOnce(&mut Encoder) {
    move |event| {
        event
            .i64(fd)
            .i64(-100)
            .str(path)
            .u32(flags)
            .u32(mode)
            .u32(0)
            .u64(0);
    }
}

fn read(result: i64, data: &'static [u8]) -> impl FnOnce(&mut Encoder) {
    move |event| {
        event.i64(result).bytes(data).i64(3).u32(100);
    }
}

#[test]
fn times_and_counters() {
    let mut world = World::new();
    world.assert_texts(&[
        ("evt.num", Some("7")),
        ("evt.time", Some("17:35:48.518881735")),
        ("evt.time.s", Some("17:35:48")),
        (
            "evt.time.iso8601",
            Some("2018-08-17T17:35:48.518881735+0000"),
        ),
        ("evt.datetime.s", Some("2018-08-17 17:35:48")),
        ("evt.rawtime", Some("1534527348518881735")),
        ("evt.rawtime.s", Some("1534527348")),
        ("evt.rawtime.ns", Some("518881735")),
        ("evt.reltime", Some("2000000003")),
        ("evt.reltime.s", Some("2")),
        ("evt.reltime.ns", Some("000000003")),
        ("evt.deltatime", Some("1000000001")),
        ("evt.deltatime.s", Some("1")),
        ("evt.deltatime.ns", Some("000000001")),
        ("evt.latency", Some("0")),
        ("evt.latency.human", Some("0ns")),
        ("evt.cpu", Some("2")),
        ("evt.hostname", Some("box")),
        ("evt.source", Some("syscall")),
        ("evt.pluginname", None),
        ("evt.asynctype", None),
        ("evt.is_async", Some("false")),
        ("evt.count", Some("1")),
        ("evt.count.exit", Some("1")),
        ("evt.count.error", None),
        ("util.cnt", Some("1")),
        ("util.cnt", Some("2")),
    ]);
}

#[test]
fn moments_are_nanoseconds_in_json() {
    let mut world = World::new();
    for field in [
        "evt.time",
        "evt.time.iso8601",
        "evt.datetime.s",
        "evt.rawtime.s",
    ] {
        let value = world.typed(
            EventType::GENERIC_X,
            |event| {
                event.u16(41).u16(110);
            },
            field,
        );
        assert_eq!(value, OutputValue::U64(NOW), "{field}");
    }
    let value = world.typed(
        EventType::GENERIC_X,
        |event| {
            event.u16(41);
        },
        "evt.reltime.ns",
    );
    assert_eq!(value, OutputValue::U64(2_000_000_003));
}

#[test]
fn generic_events_are_called_after_their_system_call() {
    let mut world = World::new();
    world.assert_texts(&[
        ("evt.type", Some("getppid")),
        ("syscall.type", Some("getppid")),
        ("evt.dir", Some("<")),
        ("evt.args", Some("")),
        ("evt.res", None),
        ("evt.rawres", None),
        ("evt.failed", None),
        ("evt.category", Some("other")),
        ("evt.type.is.getppid", Some("1")),
        ("evt.type.is.openat", Some("0")),
    ]);
    // A writer that did not know the call left only the native number.
    let native = |event: &mut Encoder| {
        event.u16(0).u16(110);
    };
    if cfg!(target_arch = "x86_64") {
        let name = world.text(EventType::GENERIC_X, native, "evt.type");
        assert_eq!(name.as_deref(), Some("getppid"));
    }
    let nothing = |event: &mut Encoder| {
        event.u16(0).u16(60_000);
    };
    let name = world.text(EventType::GENERIC_X, nothing, "evt.type");
    assert_eq!(name.as_deref(), Some("syscall"));
}

#[test]
fn injected_events_have_their_own_name() {
    let mut world = World::new();
    let fill = |event: &mut Encoder| {
        event.u32(3).str("container").bytes(b"{}");
    };
    for (field, expected) in [
        ("evt.type", Some("container")),
        ("evt.asynctype", Some("container")),
        ("evt.is_async", Some("true")),
        ("syscall.type", None),
    ] {
        let text = world.text(EventType::ASYNCEVENT_E, fill, field);
        assert_eq!(text.as_deref(), expected, "{field}");
    }
}

#[test]
fn results() {
    let mut world = World::new();
    let cases: [(i64, &str, &str, &str); 3] = [
        (3, "SUCCESS", "3", "false"),
        (-2, "ENOENT", "-2", "true"),
        (0, "SUCCESS", "0", "false"),
    ];
    for (fd, res, rawres, failed) in cases {
        for (field, expected) in [
            ("evt.res", res),
            ("evt.rawres", rawres),
            ("evt.failed", failed),
        ] {
            let fill = openat(fd, "x", 1, 0);
            let text = world.text(EventType::SYSCALL_OPENAT_2_X, fill, field);
            assert_eq!(text.as_deref(), Some(expected), "{field} of {fd}");
        }
    }
    let fill = openat(-2, "x", 1, 0);
    let text = world.text(EventType::SYSCALL_OPENAT_2_X, fill, "evt.count.error.file");
    assert_eq!(text.as_deref(), Some("1"));
}

#[test]
fn what_opening_asks_for() {
    let mut world = World::new();
    let mut holds = |flags, mode, field: &str| {
        let text = world.text(
            EventType::SYSCALL_OPENAT_2_X,
            openat(3, "x", flags, mode),
            field,
        );
        text.as_deref() == Some("true")
    };
    assert!(holds(1, 0, "evt.is_open_read") && !holds(1, 0, "evt.is_open_write"));
    assert!(!holds(2, 0, "evt.is_open_read") && holds(2, 0, "evt.is_open_write"));
    assert!(holds(O_RDWR, 0, "evt.is_open_read") && holds(O_RDWR, 0, "evt.is_open_write"));
    assert!(holds(O_CREAT | 2, 0o755, "evt.is_open_exec"));
    assert!(!holds(O_CREAT | 2, 0o644, "evt.is_open_exec"));
    assert!(!holds(2, 0o755, "evt.is_open_exec"));
    assert!(!holds(O_CREAT | 2, 0o644, "evt.is_open_create"));
    assert!(holds(O_CREAT | F_CREATED | 2, 0o644, "evt.is_open_create"));
    world.assert_texts(&[("evt.is_open_read", Some("false"))]);
}

#[test]
fn reads_and_writes() {
    let mut world = World::new();
    world.fd = Some(3);
    let data = b"a\0b\xff";
    for (field, expected) in [
        ("evt.is_io", Some("true")),
        ("evt.is_io_read", Some("true")),
        ("evt.is_io_write", Some("false")),
        ("evt.io_dir", Some("read")),
        ("evt.buflen", Some("4")),
        ("evt.buflen.in", Some("4")),
        ("evt.buflen.out", None),
        ("evt.buflen.file", Some("4")),
        ("evt.buflen.net", None),
        ("evt.buffer", Some("a.b.")),
        ("evt.category", Some("file")),
        (
            "evt.args",
            Some("res=4 data=a.b. fd=3(<f>/home/anna/notes.txt) size=100"),
        ),
        ("evt.is_syslog", Some("false")),
    ] {
        let text = world.text(EventType::SYSCALL_READ_X, read(4, data), field);
        assert_eq!(text.as_deref(), expected, "{field}");
    }
    world.check(
        EventType::SYSCALL_READ_X,
        read(4, data),
        "evt.buffer",
        |value| {
            assert_eq!(value, Some(Value::Bytes(data)), "conditions see the bytes");
        },
    );
    let text = world.text(EventType::SYSCALL_READ_X, read(-9, b""), "evt.buflen");
    assert_eq!(text, None, "a read that failed read nothing");
}

#[test]
fn data_is_shown_as_configured() {
    let mut world = World::new();
    world.surroundings.buffers = event::render::BufferFormat::Base64;
    let text = world.text(
        EventType::SYSCALL_READ_X,
        read(4, b"a\0b\xff"),
        "evt.buffer",
    );
    assert_eq!(text.as_deref(), Some("YQBi/w=="));
    let value = world.typed(
        EventType::SYSCALL_READ_X,
        read(4, b"a\0b\xff"),
        "evt.buffer",
    );
    assert_eq!(value, OutputValue::String("YQBi/w==".to_owned()));
    assert_eq!(
        world.typed(EventType::GENERIC_X, |_| {}, "evt.buffer"),
        OutputValue::Null
    );
}

#[test]
fn parameters_by_name_and_number() {
    let mut world = World::new();
    for (field, expected) in [
        ("evt.arg.flags", Some("O_CREAT|O_RDWR")),
        ("evt.arg[3]", Some("O_CREAT|O_RDWR")),
        ("evt.arg.dirfd", Some("AT_FDCWD")),
        ("evt.arg.name", Some("/home/anna/x")),
        ("evt.arg.request", None),
        ("evt.arg[30]", None),
        ("evt.rawarg.flags", Some("7")),
        ("evt.rawarg.name", Some("x")),
        ("evt.rawarg.request", None),
    ] {
        let fill = openat(3, "x", O_RDWR | O_CREAT, 0o644);
        let text = world.text(EventType::SYSCALL_OPENAT_2_X, fill, field);
        assert_eq!(text.as_deref(), expected, "{field}");
    }
    // An older writer left out what it did not know.
    let short = |event: &mut Encoder| {
        event.i64(3).i64(-100).str("x").u32(1).u32(0);
    };
    assert_eq!(
        world.text(EventType::SYSCALL_OPENAT_2_X, short, "evt.arg.dev"),
        None
    );
}

#[test]
fn moments_nearby() {
    let mut world = World::new();
    let field = format!("evt.around[{}]", NOW + 1_500_000);
    world.check(
        EventType::GENERIC_X,
        |event| {
            event.u16(41);
        },
        &field,
        |value| {
            assert_eq!(value, Some(Value::U64(2)));
        },
    );
    // A condition's business alone.
    assert_eq!(
        world.text(
            EventType::GENERIC_X,
            |event| {
                event.u16(41);
            },
            &field
        ),
        None
    );
}

#[test]
fn records_cut_short_are_no_reason_to_panic() {
    let mut world = World::new();
    for info in event::events() {
        for field in [
            "evt.type",
            "evt.args",
            "evt.res",
            "evt.arg.fd",
            "evt.rawarg.flags",
            "evt.buffer",
            "evt.category",
            "evt.is_open_exec",
            "evt.abspath",
            "fs.path.name",
            "fd.name",
            "fdlist.nums",
            "evt.plugininfo",
            "fd.directory",
        ] {
            world.text(info.event_type, |_| {}, field);
            world.text(
                info.event_type,
                |event| {
                    event.bytes(b"\x01").bytes(b"");
                },
                field,
            );
        }
    }
}
