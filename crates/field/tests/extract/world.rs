//! A small machine: systemd → sshd → bash → vi, and a user.

use std::net::IpAddr;
use std::ops::ControlFlow;

use condition::{Catalog, Context, Value};
use event::{Encoder, EventType, EventView};
use field::{EventContext, Fields, Occurrence, OutputValue, Scratch, Surroundings};
use state::{
    Descriptor, DescriptorKind, Group, Interface, L4Proto, Limits, SocketRole, SocketTuple, State,
    Subject, Thread, User,
};

/// The time of every event: 2018-08-17 17:35:48 UTC and a bit.
pub(crate) const NOW: u64 = 1_534_527_348_518_881_735;

/// The process that events come from.
pub(crate) const VI: i64 = 400;

pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) surroundings: Surroundings,
    pub(crate) fields: Fields,
    pub(crate) scratch: Scratch,
    pub(crate) encoder: Encoder,
    /// The descriptor of the next event.
    pub(crate) fd: Option<i64>,
    /// The thread of the next event.
    pub(crate) tid: i64,
}

pub(crate) fn thread(tid: i64, pid: i64, ptid: i64, comm: &str, args: &[&str]) -> Thread {
    let mut thread = Thread::new(tid, pid);
    thread.ptid = ptid;
    thread.vtid = tid;
    thread.vpid = pid;
    thread.comm = comm.as_bytes().into();
    thread.exe = format!("/usr/bin/{comm}").into_bytes().into();
    thread.exepath = format!("/usr/bin/{comm}").into_bytes().into();
    thread.args = args
        .iter()
        .flat_map(|arg| [arg.as_bytes(), &[0]].concat())
        .collect();
    thread.cwd = b"/home/anna/".as_slice().into();
    thread
}

pub(crate) fn file(path: &str) -> Descriptor {
    let mut descriptor = Descriptor::new(DescriptorKind::File);
    descriptor.name = path.as_bytes().into();
    descriptor.name_raw = path.as_bytes().into();
    descriptor
}

pub(crate) fn tcp(source: (&str, u16), destination: (&str, u16), role: SocketRole) -> Descriptor {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    Descriptor::new(DescriptorKind::Inet(SocketTuple {
        source_ip: ip(source.0),
        source_port: source.1,
        destination_ip: ip(destination.0),
        destination_port: destination.1,
        l4: L4Proto::Tcp,
        role,
    }))
}

impl World {
    pub(crate) fn new() -> Self {
        let mut state = State::new(Limits::default());
        state.seed_thread(thread(1, 1, 0, "systemd", &[]));
        state.seed_thread(thread(200, 200, 1, "sshd", &["-D"]));
        state.seed_thread(thread(300, 300, 200, "bash", &["-l"]));
        let mut vi = thread(VI, VI, 300, "vi", &["a file", "b"]);
        vi.exe = b"vi".as_slice().into();
        vi.uid = 1000;
        vi.gid = 100;
        vi.sid = 300;
        vi.vpgid = VI;
        vi.pgid = VI;
        vi.env = b"HOME=/home/anna\0EDITOR= vi \0".as_slice().into();
        vi.clone_ts = NOW - 5;
        vi.cap_effective = 1 | 1 << 13;
        vi.fd_limit = 1000;
        vi.vm_size = 12;
        vi.cgroups = b"cpuset=/a\0memory=/b.slice\0".as_slice().into();
        state.seed_thread(vi);
        state.seed_descriptor(VI, 3, file("/home/anna/notes.txt"));
        state.seed_user(User {
            uid: 1000,
            gid: 100,
            name: b"anna".as_slice().into(),
            home: b"/home/anna".as_slice().into(),
            shell: b"/bin/bash".as_slice().into(),
        });
        state.seed_group(Group {
            gid: 100,
            name: b"users".as_slice().into(),
        });
        for address in ["10.0.0.5", "::1"] {
            state.seed_interface(Interface {
                name: b"eth0".as_slice().into(),
                address: address.parse().unwrap(),
                netmask: address.parse().unwrap(),
                broadcast: address.parse().unwrap(),
                link_speed: 0,
            });
        }
        Self {
            state,
            surroundings: Surroundings::new("box"),
            fields: Fields::new(),
            scratch: Scratch::new(),
            encoder: Encoder::new(),
            fd: None,
            tid: VI,
        }
    }

    /// Lets `look` see an event whose parameters `fill` writes.
    fn with<T>(
        &mut self,
        event_type: EventType,
        fill: impl FnOnce(&mut Encoder),
        field: &str,
        look: impl FnOnce(&mut EventContext<'_>, condition::FieldId) -> T,
    ) -> T {
        let (name, argument) = match field.split_once('[') {
            Some((name, rest)) => (name, rest.strip_suffix(']')),
            None => (field, None),
        };
        let id = self.fields.resolve(name, argument).unwrap().id;
        self.encoder.begin(event_type, NOW, self.tid);
        fill(&mut self.encoder);
        let event = EventView::parse(self.encoder.finish().unwrap()).unwrap();
        let now = Occurrence {
            event: &event,
            number: 7,
            cpu: Some(2),
            first_ts: NOW - 2_000_000_003,
            previous_ts: NOW - 1_000_000_001,
            state: &self.state,
            subject: Subject {
                tid: self.tid,
                known: true,
                fd: self.fd,
            },
            surroundings: &self.surroundings,
        };
        let mut context = EventContext::new(&self.fields, now, &mut self.scratch);
        look(&mut context, id)
    }

    /// The text of a field; `None` when it is absent.
    pub(crate) fn text(
        &mut self,
        event_type: EventType,
        fill: impl FnOnce(&mut Encoder),
        field: &str,
    ) -> Option<String> {
        self.with(event_type, fill, field, |context, id| {
            let mut text = String::new();
            let present = context.write_text(id, &mut text);
            assert!(present || text == "<NA>", "{field}: {text}");
            present.then_some(text)
        })
    }

    /// The typed value of a field.
    pub(crate) fn typed(
        &mut self,
        event_type: EventType,
        fill: impl FnOnce(&mut Encoder),
        field: &str,
    ) -> OutputValue {
        self.with(event_type, fill, field, |context, id| {
            context.output_value(id)
        })
    }

    /// What a condition sees of a field with one value.
    pub(crate) fn check<T>(
        &mut self,
        event_type: EventType,
        fill: impl FnOnce(&mut Encoder),
        field: &str,
        look: impl FnOnce(Option<Value<'_>>) -> T,
    ) -> T {
        self.with(event_type, fill, field, |context, id| {
            look(context.value(id))
        })
    }

    /// What a condition sees of a field with several values; `None` when it is absent.
    pub(crate) fn each(
        &mut self,
        event_type: EventType,
        fill: impl FnOnce(&mut Encoder),
        field: &str,
    ) -> Option<Vec<String>> {
        self.with(event_type, fill, field, |context, id| {
            let mut values = Vec::new();
            let present = context.each(id, &mut |value| {
                values.push(match value {
                    Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                    Value::Ip(ip) => ip.to_string(),
                    Value::U64(number) => number.to_string(),
                    Value::I64(number) => number.to_string(),
                    other => format!("{other:?}"),
                });
                ControlFlow::Continue(())
            });
            assert!(present || values.is_empty(), "{field}");
            present.then_some(values)
        })
    }

    /// Asserts the text of fields in an event without parameters (`getppid`).
    pub(crate) fn assert_texts(&mut self, expected: &[(&str, Option<&str>)]) {
        for (field, text) in expected {
            let found = self.text(
                EventType::GENERIC_X,
                |event| {
                    event.u16(41).u16(110);
                },
                field,
            );
            assert_eq!(found.as_deref(), *text, "{field}");
        }
    }
}
