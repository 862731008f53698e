//! Whatever comes in: no panic, no limit exceeded, no lost count.

mod support;

use event::{Encoder, EventType, EventView, ParamType, events};
use proptest::prelude::*;
use state::{Descriptor, DescriptorKind, Found, Group, Limits, Lookup, State, Thread, User};

/// A parameter, drawn so that ids and descriptors meet often.
#[derive(Clone, Debug)]
enum Param {
    Small(i64),
    Text(String),
    Raw(Vec<u8>),
    Empty,
    Typed(u8),
}

fn param() -> impl Strategy<Value = Param> {
    prop_oneof![
        4 => (-2i64..12).prop_map(Param::Small),
        1 => "[./a-c]{0,12}".prop_map(Param::Text),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Param::Raw),
        1 => Just(Param::Empty),
        4 => any::<u8>().prop_map(Param::Typed),
    ]
}

/// Event types that change the state, with a few that do not.
fn event_type() -> impl Strategy<Value = EventType> {
    let codes: Vec<EventType> = events()
        .iter()
        .filter(|info| !info.is_unused() && !info.is_old_version() && !info.is_large())
        .map(|info| info.event_type)
        .collect();
    let process = vec![
        EventType::SYSCALL_CLONE_20_X,
        EventType::SYSCALL_EXECVE_19_X,
        EventType::PROCEXIT_1_E,
        EventType::SYSCALL_OPENAT_2_X,
        EventType::SYSCALL_CLOSE_X,
        EventType::SYSCALL_DUP2_X,
    ];
    prop_oneof![prop::sample::select(codes), prop::sample::select(process)]
}

/// Knows half of the threads, and groups them differently than the events do.
struct Half;

impl Lookup for Half {
    fn thread(&mut self, tid: i64) -> Option<Found> {
        let pid = tid / 3 * 3 + 1;
        let thread = |tid| {
            let mut thread = Thread::new(tid, pid);
            thread.ptid = (pid + 3) % 12;
            thread
        };
        let main = (tid != pid).then(|| thread(pid));
        let descriptors = vec![(3, Descriptor::new(DescriptorKind::File))];
        (tid % 2 == 0).then(|| Found {
            thread: thread(tid),
            main,
            descriptors,
        })
    }

    fn is_alive(&mut self, tid: i64) -> bool {
        tid % 4 == 0
    }

    fn descriptor(&mut self, _: i64, fd: i64) -> Option<Descriptor> {
        (fd % 2 == 0).then(|| Descriptor::new(DescriptorKind::Fifo))
    }

    fn users(&mut self, _: i64) -> Option<(Vec<User>, Vec<Group>)> {
        None
    }
}

type Record = (EventType, i64, u64, Vec<Param>);

fn encode(encoder: &mut Encoder, ts: u64, (event_type, tid, _, params): &Record) -> Vec<u8> {
    encoder.begin(*event_type, ts, *tid);
    let table = event_type
        .info()
        .map(|info| info.params)
        .unwrap_or_default();
    for (index, param) in params.iter().enumerate() {
        let ty = table.get(index).map(|param| param.ty);
        match param {
            Param::Small(value) => match ty.and_then(ParamType::wire_size) {
                Some(1) => encoder.u8(*value as u8),
                Some(2) => encoder.u16(*value as u16),
                Some(4) => encoder.u32(*value as u32),
                _ => encoder.i64(*value),
            },
            Param::Text(text) => encoder.str(text),
            Param::Raw(bytes) => encoder.bytes(bytes),
            Param::Empty => encoder.empty(),
            Param::Typed(seed) => typed(encoder, ty, *seed),
        };
    }
    encoder.finish().expect("the parameters are short").to_vec()
}

/// A value that makes sense for the type.
fn typed(encoder: &mut Encoder, ty: Option<ParamType>, seed: u8) -> &mut Encoder {
    use ParamType as P;
    match ty {
        Some(P::Charbuf | P::Fspath | P::Fsrelpath) => {
            encoder.str(["/etc/x", "../y", "memfd", ""][usize::from(seed % 4)])
        }
        Some(P::Socktuple) => match seed % 3 {
            0 => encoder.bytes(&support::tuple("10.0.0.1:5", "10.0.0.2:53")),
            1 => encoder.bytes(&support::tuple("[::]:5", "[::ffff:1.2.3.4]:53")),
            _ => encoder.bytes(&support::unix_tuple(1, 2, "/run/x")),
        },
        Some(P::Sockaddr) => encoder.bytes(&support::addr("10.0.0.1:53")),
        Some(P::Errno | P::Pid | P::Fd | P::Int64) => encoder.i64(i64::from(seed % 12)),
        Some(P::Flags32 | P::Enumflags32) => encoder.u32(u32::from(seed) << (seed % 25)),
        ty => match ty.and_then(ParamType::wire_size) {
            Some(1) => encoder.u8(seed),
            Some(2) => encoder.u16(seed.into()),
            Some(4) => encoder.u32(seed.into()),
            Some(8) => encoder.u64(seed.into()),
            _ => encoder.bytes(b"a=/b\0c=/d\0"),
        },
    }
}

fn check(state: &State, limits: &Limits) {
    let counters = state.counters();
    assert!(counters.n_threads as usize <= limits.threads);
    assert_eq!(counters.n_threads, state.threads().count() as u64);
    assert_eq!(
        counters.n_threads,
        counters.n_added_threads - counters.n_removed_threads
    );
    for thread in state.threads() {
        assert!(state.descriptors(thread).count() <= limits.descriptors);
        assert!(state.ancestors(thread).count() <= 1024);
        let listed = state.thread_count(thread);
        assert!(
            listed
                <= state
                    .threads()
                    .filter(|other| other.pid == thread.pid)
                    .count()
        );
        for child in state.children(thread) {
            assert_eq!(child.ptid, thread.pid);
        }
        if thread.is_main() && thread.ptid > 0 {
            let parent = state.thread(thread.ptid);
            let listed = |parent| state.children(parent).any(|child| child.tid == thread.tid);
            assert!(parent.is_none_or(|parent| !parent.is_main() || listed(parent)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_events(
        live in any::<bool>(),
        records in prop::collection::vec(
            (event_type(), -1i64..12, 0u64..3, prop::collection::vec(param(), 0..32)),
            1..120,
        ),
    ) {
        let limits = Limits { threads: 8, descriptors: 5, ..Limits::default() };
        let mut state = State::new(limits.clone());
        if live {
            state.set_lookup(Box::new(Half));
        }
        let mut encoder = Encoder::new();
        let mut ts = 1_000_000_000;
        let mut path = Vec::new();
        for record in &records {
            ts += record.2 * 20_000_000_000;
            let bytes = encode(&mut encoder, ts, record);
            let view = EventView::parse(&bytes).expect("just encoded");
            let subject = state.apply(&view);
            prop_assert_eq!(subject.known, state.thread(subject.tid).is_some());
            check(&state, &limits);
            if let Some(thread) = state.thread(subject.tid) {
                state.resolve_path(thread, subject.fd.unwrap_or(-100), b"a/../b", &mut path);
            }
        }
        // The tables of threads that are gone are gone too.
        let mut tables = std::collections::HashMap::new();
        for thread in state.threads() {
            let fds: Vec<i64> = state.descriptors(thread).map(|(fd, _)| fd).collect();
            tables.insert(thread.tid, fds.len() as u64);
        }
        let most: u64 = tables.values().sum();
        prop_assert!(state.counters().n_fds <= most);
    }
}
