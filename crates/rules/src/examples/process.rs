//! The processes of an example.

use std::net::{IpAddr, SocketAddr};

use state::{
    Descriptor, DescriptorKind, Endpoint, L4Proto, SocketRole, SocketTuple, State, Thread, User,
};

use super::read::Reader;
use crate::yaml::{Kind, Node};

const KEYS: &[&str] = &[
    "pid",
    "name",
    "exe",
    "argv0",
    "args",
    "env",
    "cwd",
    "user",
    "uid",
    "gid",
    "loginuid",
    "tty",
    "container",
    "caps",
    "age",
    "exe_flags",
    "fds",
    "parent",
];

/// Ids from here on are given to processes that have none.
pub(super) const FIRST_PID: i64 = 1000;

/// The id of the process that all others come from.
const INIT: i64 = 1;

/// The container of `container: true`.
const CONTAINER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Accounts that need no number.
const ACCOUNTS: [(&str, u32); 8] = [
    ("root", 0),
    ("daemon", 1),
    ("bin", 2),
    ("mail", 8),
    ("www-data", 33),
    ("postgres", 70),
    ("nobody", 65534),
    ("anna", 1000),
];

/// The number of an account that is not in [`ACCOUNTS`].
const OTHER_ACCOUNT: u32 = 1001;

/// Bits of the parameter `flags` of an `execve`.
const EXE_FLAGS: [(&str, u32); 4] = [
    ("writable", 1),
    ("upper_layer", 2),
    ("memfd", 4),
    ("lower_layer", 8),
];

/// A process as an example describes it.
#[derive(Debug)]
pub(super) struct Process {
    /// 0 until it has been given one.
    pub(super) pid: i64,
    pub(super) name: String,
    pub(super) exe: String,
    pub(super) argv0: String,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<String>,
    pub(super) cwd: String,
    user: Option<String>,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) loginuid: u32,
    pub(super) tty: u32,
    container: Option<String>,
    pub(super) caps: u64,
    /// Seconds since it started.
    age: u64,
    pub(super) exe_flags: u32,
    fds: Vec<(i64, Descriptor)>,
    parent: Parent,
}

#[derive(Debug)]
enum Parent {
    Init,
    None,
    Process(Box<Process>),
}

/// Reads a process: its name alone, or a mapping.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Process> {
    if let Some(name) = node.scalar() {
        return Some(Process::new(name.as_str()));
    }
    let keys = reader.keys(node, "a process", Some(KEYS))?;
    let text = |reader: &mut Reader<'_>, key| match keys.get(key) {
        Some(node) => reader.text(node).map(|text| Some(text.to_owned())),
        None => Some(None),
    };
    let (name, exe) = (text(reader, "name")?, text(reader, "exe")?);
    let Some(named) = name.as_deref().or(exe.as_deref()) else {
        return reader.wrong(keys.span, "A process needs a `name` or an `exe`", "", None);
    };
    let mut process = Process::new(named.rsplit('/').next().unwrap_or_default());
    if let Some(exe) = exe {
        process.argv0.clone_from(&exe);
        process.exe = exe;
    }
    if let Some(argv0) = text(reader, "argv0")? {
        process.argv0 = argv0;
    }
    if let Some(cwd) = text(reader, "cwd")? {
        process.cwd = cwd;
    }
    if let Some(node) = keys.get("args") {
        process.args = reader.texts(node)?;
    }
    if let Some(node) = keys.get("env") {
        process.env = reader.texts(node)?;
    }
    if let Some(node) = keys.get("pid") {
        process.pid = reader.number(node, &2)?;
    }
    process.user = text(reader, "user")?;
    match keys.get("uid") {
        Some(node) => {
            process.uid = reader.number(node, &0)?;
            let known = ACCOUNTS.iter().find(|(_, uid)| *uid == process.uid);
            let known = known.map(|(name, _)| (*name).to_owned());
            process.user = process.user.or(known);
        }
        None => {
            let name = process.user.get_or_insert_with(|| "root".to_owned());
            let known = ACCOUNTS.iter().find(|(known, _)| known == name);
            process.uid = known.map_or(OTHER_ACCOUNT, |(_, uid)| *uid);
        }
    }
    process.gid = process.uid;
    if let Some(node) = keys.get("gid") {
        process.gid = reader.number(node, &0)?;
    }
    if let Some(node) = keys.get("loginuid") {
        process.loginuid = reader.number(node, &0)?;
    }
    if let Some(node) = keys.get("tty") {
        process.tty = match reader.text(node)? {
            // The first pseudo-terminal.
            "true" => 34816,
            "false" => 0,
            _ => reader.number(node, &0)?,
        };
    }
    if let Some(node) = keys.get("container") {
        process.container = container(reader, node)?;
    }
    if let Some(node) = keys.get("caps") {
        for name in reader.texts(node)? {
            let value = capability(&name);
            process.caps |= match value {
                Some(value) => value,
                None => {
                    let message = format!("Unknown capability '{name}'");
                    return reader.wrong(node.span, message, "expected `CAP_…` or `all`", None);
                }
            };
        }
    }
    if let Some(node) = keys.get("age") {
        process.age = reader.number(node, &0)?;
    }
    if let Some(node) = keys.get("exe_flags") {
        for name in reader.texts(node)? {
            match EXE_FLAGS.iter().find(|(known, _)| *known == name) {
                Some((_, bit)) => process.exe_flags |= bit,
                None => {
                    let names = EXE_FLAGS.iter().map(|(name, _)| *name);
                    let near = suggest::nearest(&name, names);
                    let message = format!("Unknown mark '{name}' of a program");
                    let label = "expected writable, upper_layer, lower_layer or memfd";
                    return reader.wrong(node.span, message, label, near);
                }
            }
        }
    }
    if let Some(node) = keys.get("fds") {
        for (number, entry) in reader.keys(node, "`fds`", None)?.iter() {
            let Ok(number) = number.parse() else {
                let message = format!("'{number}' is not the number of a descriptor");
                return reader.wrong(entry.key.span, message, "expected a number", None);
            };
            let text = reader.text(&entry.value)?;
            let Some(descriptor) = descriptor(text) else {
                let label = "expected a path, `tcp HOST:PORT->HOST:PORT`, `tcp HOST:PORT` for one \
                             that listens, `udp …` or `unix PATH`";
                let message = format!("'{text}' is not a descriptor");
                return reader.wrong(entry.value.span, message, label, None);
            };
            process.fds.push((number, descriptor));
        }
    }
    if let Some(node) = keys.get("parent") {
        process.parent = parent(reader, node)?;
    }
    Some(process)
}

/// `none`, a name, a mapping, or the parent, its parent and so on.
fn parent(reader: &mut Reader<'_>, node: &Node) -> Option<Parent> {
    match &node.kind {
        Kind::Scalar { text, .. } if text.as_str() == "none" => Some(Parent::None),
        Kind::Sequence(items) => {
            let mut chain = Parent::Init;
            for item in items.iter().rev() {
                let mut process = read(reader, item)?;
                process.parent = chain;
                chain = Parent::Process(Box::new(process));
            }
            Some(chain)
        }
        _ => Some(Parent::Process(Box::new(read(reader, node)?))),
    }
}

fn container(reader: &mut Reader<'_>, node: &Node) -> Option<Option<String>> {
    let text = reader.text(node)?;
    match text {
        "true" => Some(Some(CONTAINER.to_owned())),
        "false" | "host" => Some(None),
        id if id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Some(Some(id.to_owned()))
        }
        _ => reader.wrong(
            node.span,
            format!("'{text}' is not a container"),
            "expected `true`, `false`, or an id of 64 hexadecimal digits",
            None,
        ),
    }
}

fn capability(name: &str) -> Option<u64> {
    if name.eq_ignore_ascii_case("all") {
        return Some((1 << 41) - 1);
    }
    let name = format!("PPM_{}", name.to_ascii_uppercase());
    event::constants()
        .iter()
        .find(|(known, _)| name.starts_with("PPM_CAP_") && *known == name)
        .and_then(|(_, value)| u64::try_from(*value).ok())
}

fn descriptor(text: &str) -> Option<Descriptor> {
    if text.starts_with('/') {
        let kind = match text.len() > 1 && text.ends_with('/') {
            true => DescriptorKind::Directory,
            false => DescriptorKind::File,
        };
        return Some(named(kind, text));
    }
    let (kind, rest) = text.split_once(' ')?;
    let l4 = match kind {
        "tcp" => L4Proto::Tcp,
        "udp" => L4Proto::Udp,
        "unix" => {
            let kind = DescriptorKind::Unix {
                source: 0,
                destination: 0,
            };
            return Some(named(kind, rest));
        }
        _ => return None,
    };
    let kind = match rest.split_once("->") {
        Some((from, to)) => {
            let (from, to) = (address(from)?, address(to)?);
            DescriptorKind::Inet(SocketTuple {
                source_ip: from.ip(),
                source_port: from.port(),
                destination_ip: to.ip(),
                destination_port: to.port(),
                l4,
                role: SocketRole::Client,
            })
        }
        None => {
            let at = address(rest)?;
            DescriptorKind::InetServer(Endpoint {
                ip: at.ip(),
                port: at.port(),
                l4,
            })
        }
    };
    let mut descriptor = Descriptor::new(kind);
    descriptor.l4 = l4;
    Some(descriptor)
}

fn named(kind: DescriptorKind, name: &str) -> Descriptor {
    let mut descriptor = Descriptor::new(kind);
    let path = match kind {
        DescriptorKind::Directory => name.trim_end_matches('/'),
        _ => name,
    };
    descriptor.name = path.as_bytes().into();
    descriptor.name_raw = name.as_bytes().into();
    descriptor
}

/// `10.0.0.1:80`, `[::1]:80`, or an address without a port.
pub(super) fn address(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let without_port = || Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, 0));
    text.parse().ok().or_else(without_port)
}

/// Texts, each ended by a NUL.
pub(super) fn joined(texts: &[String]) -> Vec<u8> {
    texts
        .iter()
        .flat_map(|text| text.bytes().chain(std::iter::once(0)))
        .collect()
}

impl Process {
    /// An old process of root on the host.
    fn new(name: &str) -> Self {
        // What is longer, the kernel cuts.
        let comm = name
            .char_indices()
            .take_while(|(at, c)| at + c.len_utf8() <= 15);
        Self {
            pid: 0,
            name: comm.map(|(_, c)| c).collect(),
            exe: format!("/usr/bin/{name}"),
            argv0: name.to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            cwd: "/tmp".to_owned(),
            user: Some("root".to_owned()),
            uid: 0,
            gid: 0,
            loginuid: u32::MAX,
            tty: 0,
            container: None,
            caps: 0,
            age: 60,
            exe_flags: 0,
            fds: Vec::new(),
            parent: Parent::Init,
        }
    }

    /// Gives it and its ancestors ids where they have none.
    pub(super) fn number(&mut self, next: &mut i64) {
        if self.pid == 0 {
            self.pid = *next;
            *next += 1;
        }
        if let Parent::Process(parent) = &mut self.parent {
            parent.number(next);
        }
    }

    pub(super) fn parent_pid(&self) -> i64 {
        match &self.parent {
            Parent::Init => INIT,
            Parent::None => 0,
            Parent::Process(parent) => parent.pid,
        }
    }

    /// As the kernel lists it, of one controller.
    pub(super) fn cgroups(&self) -> Vec<u8> {
        match &self.container {
            Some(id) => format!("memory=/docker/{id}\0").into_bytes(),
            None => b"memory=/user.slice\0".to_vec(),
        }
    }

    /// Puts it and its ancestors into a state, as processes that are there at a time.
    pub(super) fn seed(&self, state: &mut State, now: u64) {
        if let Parent::Process(parent) = &self.parent {
            parent.seed(state, now);
        }
        let mut cwd = self.cwd.clone();
        if !cwd.ends_with('/') {
            cwd.push('/');
        }
        let mut thread = Thread::new(self.pid, self.pid);
        thread.ptid = self.parent_pid();
        thread.sid = self.pid;
        thread.vtid = self.pid;
        thread.vpid = self.pid;
        thread.comm = self.name.as_bytes().into();
        thread.exe = self.argv0.as_bytes().into();
        thread.exepath = self.exe.as_bytes().into();
        thread.args = joined(&self.args).into();
        thread.env = joined(&self.env).into();
        thread.cwd = cwd.into_bytes().into();
        thread.cgroups = self.cgroups().into();
        thread.uid = self.uid;
        thread.gid = self.gid;
        thread.loginuid = self.loginuid;
        thread.tty = self.tty;
        thread.cap_permitted = self.caps;
        thread.cap_effective = self.caps;
        thread.exe_writable = self.exe_flags & 1 != 0;
        thread.exe_upper_layer = self.exe_flags & 2 != 0;
        thread.exe_from_memfd = self.exe_flags & 4 != 0;
        thread.exe_lower_layer = self.exe_flags & 8 != 0;
        thread.clone_ts = now.saturating_sub(self.age.saturating_mul(1_000_000_000));
        state.seed_thread(thread);
        for (number, descriptor) in &self.fds {
            state.seed_descriptor(self.pid, *number, descriptor.clone());
        }
        if let Some(name) = &self.user {
            state.seed_user(User {
                uid: self.uid,
                gid: self.gid,
                name: name.as_bytes().into(),
                home: b"/".as_slice().into(),
                shell: b"/bin/sh".as_slice().into(),
            });
        }
    }
}

/// Puts the process that all others come from, and the usual accounts, into a state.
pub(super) fn seed_init(state: &mut State, now: u64) {
    let mut init = Process::new("systemd");
    init.pid = INIT;
    init.parent = Parent::None;
    init.age = 24 * 60 * 60;
    for (name, uid) in ACCOUNTS {
        state.seed_user(User {
            uid,
            gid: uid,
            name: name.as_bytes().into(),
            home: b"/".as_slice().into(),
            shell: b"/bin/sh".as_slice().into(),
        });
    }
    init.seed(state, now);
}
