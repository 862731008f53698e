//! `proc.*`, `thread.*`, `user.*` and `group.*`.

use event::EventType;
use field::OutputValue;

use crate::world::{VI, World, thread};

fn plain(event: &mut event::Encoder) {
    event.u16(41).u16(110);
}

#[test]
fn the_process_itself() {
    World::new().assert_texts(&[
        ("proc.name", Some("vi")),
        ("proc.exe", Some("vi")),
        ("proc.exepath", Some("/usr/bin/vi")),
        ("proc.args", Some("a file b")),
        ("proc.args[0]", Some("a file")),
        ("proc.args[2]", None),
        ("proc.cmdline", Some("vi a file b")),
        ("proc.exeline", Some("vi a file b")),
        ("proc.cmdnargs", Some("2")),
        ("proc.cmdlenargs", Some("7")),
        ("proc.cwd", Some("/home/anna/")),
        ("proc.env", Some("HOME=/home/anna EDITOR= vi ")),
        ("proc.env[EDITOR]", Some("vi")),
        ("proc.env[HOM]", Some("")),
        ("proc.pid", Some("400")),
        ("proc.vpid", Some("400")),
        ("proc.tty", Some("0")),
        ("proc.duration", Some("5")),
        ("proc.exe_ino", None),
        ("proc.is_exe_writable", Some("false")),
        ("proc.fdopencount", Some("1")),
        ("proc.fdlimit", Some("1000")),
        ("proc.fdusage", Some("0.1")),
        ("proc.vmsize", Some("12")),
        ("thread.vmsize.b", Some("12288")),
        ("proc.stdin.type", None),
        ("thread.tid", Some("400")),
        ("thread.ismain", Some("true")),
        ("thread.nametid", Some("vi400")),
        ("thread.cap_effective", Some("CAP_CHOWN CAP_NET_RAW")),
        ("thread.cap_permitted", Some("")),
        ("thread.cgroups", Some("cpuset=/a memory=/b.slice")),
        ("thread.cgroup.memory", Some("/b.slice")),
        ("thread.cgroup.mem", None),
        ("thread.cpu", None),
    ]);
}

#[test]
fn relatives() {
    World::new().assert_texts(&[
        ("proc.ppid", Some("300")),
        ("proc.pname", Some("bash")),
        ("proc.pcmdline", Some("bash -l")),
        ("proc.pexepath", Some("/usr/bin/bash")),
        ("proc.pvpid", Some("300")),
        ("proc.aname[0]", Some("vi")),
        ("proc.aname[1]", Some("bash")),
        ("proc.aname[3]", Some("systemd")),
        ("proc.aname[4]", None),
        ("proc.apid[2]", Some("200")),
        ("proc.acmdline[2]", Some("sshd -D")),
        ("proc.aargs[1]", Some("-l")),
        ("proc.loginshellid", Some("300")),
        ("proc.sid", Some("300")),
        ("proc.sname", Some("bash")),
        ("proc.sid.exe", Some("/usr/bin/bash")),
        ("proc.vpgid.name", Some("vi")),
        ("proc.pgid.name", Some("vi")),
        ("proc.is_pgid_leader", Some("true")),
        ("proc.is_sid_leader", Some("false")),
        // Without a level: all of them, in outputs too, save for the process id.
        ("proc.aname", Some("bash sshd systemd")),
        ("proc.acmdline", Some("bash -l sshd -D systemd")),
        ("proc.apid", Some("400")),
    ]);
}

#[test]
fn conditions_see_every_ancestor_but_not_the_process() {
    let mut world = World::new();
    let mut each = |field| world.each(EventType::GENERIC_X, plain, field).unwrap();
    assert_eq!(each("proc.aname"), ["bash", "sshd", "systemd"]);
    assert_eq!(each("proc.apid"), ["300", "200", "1"]);
    assert_eq!(each("proc.acmdline"), ["bash -l", "sshd -D", "systemd"]);
    assert_eq!(each("proc.aname[1]"), ["bash"]);
    world.tid = 1;
    assert_eq!(world.each(EventType::GENERIC_X, plain, "proc.aname"), None);
    assert_eq!(world.text(EventType::GENERIC_X, plain, "proc.aname"), None);
}

#[test]
fn variables_of_ancestors() {
    let mut world = World::new();
    let mut sshd = thread(200, 200, 1, "sshd", &[]);
    sshd.env = b"EDITOR=ed\0LANG=C\0".as_slice().into();
    world.state.seed_thread(sshd);
    world.assert_texts(&[
        ("proc.aenv[EDITOR]", Some("ed")),
        ("proc.aenv[HOME]", None),
        ("proc.aenv[2]", Some("EDITOR=ed LANG=C")),
    ]);
}

#[test]
fn leaders_across_pid_namespaces_are_found_among_the_ancestors() {
    let mut world = World::new();
    // The same session id 1 in both: that of the container's first process.
    for (tid, ptid, vpid, comm) in [
        (900, 1, 1, "init"),
        (901, 900, 7, "sh"),
        (902, 901, 8, "ls"),
    ] {
        let mut thread = thread(tid, tid, ptid, comm, &[]);
        (thread.vtid, thread.vpid, thread.sid) = (vpid, vpid, 1);
        world.state.seed_thread(thread);
    }
    world.tid = 902;
    world.assert_texts(&[
        ("proc.sname", Some("init")),
        ("proc.loginshellid", Some("901")),
    ]);
}

#[test]
fn a_loop_of_parents_ends() {
    let mut world = World::new();
    world.state.seed_thread(thread(1, 1, 300, "systemd", &[]));
    let names = world
        .each(EventType::GENERIC_X, plain, "proc.aname")
        .unwrap();
    assert!(names.len() < 2000);
    world.assert_texts(&[("proc.aname[1000000]", None)]);
}

#[test]
fn other_threads_have_names_of_their_own() {
    let mut world = World::new();
    let mut worker = thread(401, VI, 300, "worker", &["a file", "b"]);
    worker.vm_size = 99;
    world.state.seed_thread(worker);
    world.tid = 401;
    world.assert_texts(&[
        ("proc.name", Some("worker")),
        ("proc.cmdline", Some("worker a file b")),
        ("proc.aname[1]", Some("bash")),
        ("proc.ppid", Some("300")),
        ("thread.ismain", Some("false")),
        ("proc.vmsize", Some("12")),
        ("thread.vmsize", Some("0")),
        ("proc.pid", Some("400")),
    ]);
}

#[test]
fn users_and_groups() {
    let mut world = World::new();
    world.assert_texts(&[
        ("user.uid", Some("1000")),
        ("user.name", Some("anna")),
        ("user.homedir", Some("/home/anna")),
        ("user.shell", Some("/bin/bash")),
        ("user.loginuid", Some("-1")),
        ("user.loginname", Some("<NA>")),
        ("group.gid", Some("100")),
        ("group.name", Some("users")),
    ]);
    let mut root = thread(500, 500, 1, "cron", &[]);
    (root.uid, root.gid, root.loginuid) = (0, 4, 1000);
    world.state.seed_thread(root);
    world.tid = 500;
    world.assert_texts(&[
        ("user.name", Some("root")),
        ("user.homedir", Some("/root")),
        ("user.shell", Some("<NA>")),
        ("user.loginuid", Some("1000")),
        ("user.loginname", Some("anna")),
        ("group.name", Some("<NA>")),
    ]);
    let value = world.typed(EventType::GENERIC_X, plain, "user.loginuid");
    assert_eq!(value, OutputValue::I64(1000));
}

#[test]
fn nothing_is_known_of_an_unknown_thread() {
    let mut world = World::new();
    world.tid = 77;
    world.assert_texts(&[
        ("proc.name", None),
        ("proc.aname", None),
        ("user.uid", None),
        ("group.name", None),
        ("fd.name", None),
        ("container.id", None),
        ("evt.type", Some("getppid")),
    ]);
}
