//! `fs.path.*` and `evt.abspath`.

use event::{Encoder, EventType};

use crate::world::{VI, World, file};

fn rename(result: i64) -> impl FnOnce(&mut Encoder) {
    move |event| {
        event.i64(result).i64(4).str("old").i64(-100).str("/new");
    }
}

fn assert_paths(
    world: &mut World,
    event_type: EventType,
    fill: impl Fn(&mut Encoder),
    expected: &[(&str, Option<&str>)],
) {
    for (field, text) in expected {
        let found = world.text(event_type, &fill, field);
        assert_eq!(found.as_deref(), *text, "{field}");
    }
}

#[test]
fn calls_with_two_paths() {
    let mut world = World::new();
    let mut directory = file("/srv");
    directory.kind = state::DescriptorKind::Directory;
    world.state.seed_descriptor(VI, 4, directory);
    assert_paths(
        &mut world,
        EventType::SYSCALL_RENAMEAT_X,
        |event| rename(0)(event),
        &[
            ("fs.path.source", Some("/srv/old")),
            ("fs.path.sourceraw", Some("old")),
            ("fs.path.target", Some("/new")),
            ("fs.path.targetraw", Some("/new")),
            ("fs.path.name", None),
            ("evt.abspath.src", Some("/srv/old")),
            ("evt.abspath.dst", Some("/new")),
            ("evt.abspath", None),
        ],
    );
    assert_paths(
        &mut world,
        EventType::SYSCALL_RENAMEAT_X,
        |event| rename(-2)(event),
        &[("fs.path.source", None)],
    );
}

#[test]
fn links_lead_from_the_new_path() {
    let mut world = World::new();
    let link = |event: &mut Encoder| {
        event.i64(0).str("/old").str("new");
    };
    assert_paths(
        &mut world,
        EventType::SYSCALL_LINK_2_X,
        link,
        &[
            ("fs.path.source", Some("/home/anna/new")),
            ("fs.path.target", Some("/old")),
        ],
    );
    let symlink = |event: &mut Encoder| {
        event.i64(0).str("../up").str("here");
    };
    assert_paths(
        &mut world,
        EventType::SYSCALL_SYMLINK_X,
        symlink,
        &[
            ("fs.path.source", Some("/home/anna/here")),
            ("fs.path.target", Some("../up")),
        ],
    );
}

#[test]
fn calls_with_one_path() {
    let mut world = World::new();
    let mkdir = |result| {
        move |event: &mut Encoder| {
            event.i64(result).str("sub/").u32(0);
        }
    };
    assert_paths(
        &mut world,
        EventType::SYSCALL_MKDIR_2_X,
        mkdir(0),
        &[
            ("fs.path.name", Some("/home/anna/sub")),
            ("fs.path.nameraw", Some("sub/")),
            ("fs.path.source", None),
        ],
    );
    assert_paths(
        &mut world,
        EventType::SYSCALL_MKDIR_2_X,
        mkdir(-17),
        &[("fs.path.name", None)],
    );
    // A call that opens names its file also when it fails.
    let open = |event: &mut Encoder| {
        event
            .i64(-13)
            .i64(-100)
            .str("secret")
            .u32(1)
            .u32(0)
            .u32(0)
            .u64(0);
    };
    assert_paths(
        &mut world,
        EventType::SYSCALL_OPENAT_2_X,
        open,
        &[
            ("fs.path.name", Some("/home/anna/secret")),
            ("evt.abspath", Some("/home/anna/secret")),
        ],
    );
    let unreadable = |event: &mut Encoder| {
        event.i64(0).empty().u32(0);
    };
    assert_paths(
        &mut world,
        EventType::SYSCALL_MKDIR_2_X,
        unreadable,
        &[("fs.path.name", Some("<UNKNOWN>"))],
    );
    // Looking at a file is not work on it.
    let stat = |event: &mut Encoder| {
        event.i64(0).str("/x");
    };
    assert_paths(
        &mut world,
        EventType::SYSCALL_STAT_X,
        stat,
        &[("fs.path.name", None)],
    );
}
