//! Old events become current ones.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use capture::{ConvertError, Converted, Converter};
use event::{Encoder, EventFlags, EventType, EventView, ParamType, events};
use proptest::collection::vec;
use proptest::prelude::*;

type E = EventType;

fn record(ty: EventType, tid: i64, params: &[&[u8]]) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.begin(ty, 1000, tid);
    for param in params {
        encoder.bytes(param);
    }
    encoder.finish().unwrap().to_vec()
}

/// A record with parameters of the sizes of its type; the n-th is filled with byte n + 1.
fn filled(ty: EventType, tid: i64, params: usize) -> Vec<u8> {
    let mut encoder = Encoder::new();
    encoder.begin(ty, 1000, tid);
    for (index, info) in ty.info().unwrap().params.iter().enumerate().take(params) {
        let size = info.ty.wire_size().unwrap_or(5);
        encoder.bytes(&vec![index as u8 + 1; size]);
    }
    encoder.finish().unwrap().to_vec()
}

struct Case {
    converter: Converter,
}

impl Case {
    fn new() -> Self {
        Self {
            converter: Converter::new(),
        }
    }

    fn drops(&mut self, ty: EventType, params: &[&[u8]]) -> &mut Self {
        let result = self.converter.convert(&record(ty, 7, params)).unwrap();
        assert_eq!(result, Converted::Dropped, "{ty:?}");
        self
    }

    fn passes(&mut self, ty: EventType, params: &[&[u8]]) -> &mut Self {
        let result = self.converter.convert(&record(ty, 7, params)).unwrap();
        assert_eq!(result, Converted::Unchanged, "{ty:?}");
        self
    }

    fn gives(
        &mut self,
        ty: EventType,
        params: &[&[u8]],
        new: EventType,
        expected: &[&[u8]],
    ) -> &mut Self {
        let result = self.converter.convert(&record(ty, 7, params)).unwrap();
        assert_eq!(result, Converted::Changed, "{ty:?}");
        let view = EventView::parse(self.converter.record()).unwrap();
        assert_eq!((view.event_type(), view.ts(), view.tid()), (new, 1000, 7));
        assert_eq!(view.params().collect::<Vec<_>>(), expected, "{ty:?}");
        self
    }
}

const FD: &[u8] = &[3, 0, 0, 0, 0, 0, 0, 0];
const OK: &[u8] = &[0; 8];
const SIZE: &[u8] = &[9, 0, 0, 0];
const NONE: &[u8] = &[];

#[test]
fn an_exit_event_takes_what_its_enter_event_had() {
    Case::new()
        .drops(E::SYSCALL_READ_E, &[FD, SIZE])
        .gives(
            E::SYSCALL_READ_X,
            &[OK, b"data"],
            E::SYSCALL_READ_X,
            &[OK, b"data", FD, SIZE],
        )
        // It was used up: the next one has nothing to take.
        .gives(
            E::SYSCALL_READ_X,
            &[OK, b""],
            E::SYSCALL_READ_X,
            &[OK, NONE, &[0; 8], &[0; 4]],
        );
}

#[test]
fn only_the_other_half_of_the_same_call_is_taken() {
    Case::new().drops(E::SYSCALL_WRITE_E, &[FD, SIZE]).gives(
        E::SYSCALL_READ_X,
        &[OK, b"x"],
        E::SYSCALL_READ_X,
        &[OK, b"x", &[0; 8], &[0; 4]],
    );
    let mut case = Case::new();
    case.drops(E::SYSCALL_CLOSE_E, &[FD]);
    // Another thread.
    let other = record(E::SYSCALL_CLOSE_X, 8, &[OK]);
    assert_eq!(case.converter.convert(&other), Ok(Converted::Changed));
    let view = EventView::parse(case.converter.record()).unwrap();
    assert_eq!(view.params().collect::<Vec<_>>(), [OK, &[0; 8]]);
    case.gives(E::SYSCALL_CLOSE_X, &[OK], E::SYSCALL_CLOSE_X, &[OK, FD]);
}

#[test]
fn types_change_in_a_chain() {
    let name: &[u8] = b"/etc/passwd\0";
    Case::new()
        .drops(E::SYSCALL_OPENAT_E, &[FD, name, SIZE, SIZE])
        .gives(
            E::SYSCALL_OPENAT_X,
            &[FD],
            E::SYSCALL_OPENAT_2_X,
            &[FD, FD, name, SIZE, SIZE, NONE, NONE],
        );
    // Accept has gained two numbers on the way to its current form, and its flags from the start.
    Case::new().drops(E::SOCKET_ACCEPT4_E, &[SIZE]).gives(
        E::SOCKET_ACCEPT4_X,
        &[FD, b"tuple", &[1]],
        E::SOCKET_ACCEPT4_6_X,
        &[FD, b"tuple", &[1], &[0; 4], &[0; 4], SIZE],
    );
}

#[test]
fn the_oldest_exec_goes_through_seven_types() {
    let old = filled(E::SYSCALL_EXECVE_8_X, 7, 8);
    let mut case = Case::new();
    // Its enter event had no parameters; it becomes one without a file name, and is handed out.
    case.gives(E::SYSCALL_EXECVE_8_E, &[], E::SYSCALL_EXECVE_19_E, &[NONE]);
    assert_eq!(case.converter.convert(&old), Ok(Converted::Changed));
    let view = EventView::parse(case.converter.record()).unwrap();
    let new = E::SYSCALL_EXECVE_19_X.info().unwrap();
    assert_eq!(view.event_type(), new.event_type);
    assert_eq!(view.param_count(), new.params.len());
    for (index, info) in E::SYSCALL_EXECVE_8_X
        .info()
        .unwrap()
        .params
        .iter()
        .enumerate()
    {
        let (at, _) = new.param(info.name).unwrap();
        assert_eq!(view.param(at).unwrap()[0], index as u8 + 1, "{}", info.name);
    }
    assert_eq!(view.param_by_name("env"), Some(NONE));
}

#[test]
fn the_file_name_of_exec_comes_from_its_start() {
    let name: &[u8] = b"/bin/true\0";
    let mut case = Case::new();
    case.passes(E::SYSCALL_EXECVE_19_E, &[name]);
    assert_eq!(
        case.converter
            .convert(&filled(E::SYSCALL_EXECVE_19_X, 7, 30)),
        Ok(Converted::Changed)
    );
    let view = EventView::parse(case.converter.record()).unwrap();
    assert_eq!(view.param_by_name("filename"), Some(name));
    assert_eq!(
        case.converter
            .convert(&filled(E::SYSCALL_EXECVE_19_X, 7, 31)),
        Ok(Converted::Unchanged)
    );
}

#[test]
fn a_connect_keeps_the_address_asked_for() {
    let address: &[u8] = &[2, 10, 0, 0, 1, 80, 0];
    Case::new()
        .passes(E::SOCKET_CONNECT_E, &[FD, address])
        .gives(
            E::SOCKET_CONNECT_X,
            &[OK, b"tuple"],
            E::SOCKET_CONNECT_X,
            &[OK, b"tuple", FD, address],
        )
        .gives(E::SOCKET_CONNECT_E, &[FD], E::SOCKET_CONNECT_E, &[FD, NONE])
        .gives(
            E::SOCKET_CONNECT_X,
            &[OK, b"t"],
            E::SOCKET_CONNECT_X,
            &[OK, b"t", FD, NONE],
        );
}

#[test]
fn unset_users_are_not_root() {
    let unset: &[u8] = &[0xFF; 4];
    // Where the table asks for a default, it is "nobody" for users and zero for all else.
    let rows = events().iter().filter(|info| {
        info.is_exit()
            && info.flags.contains(EventFlags::CONVERTER_MANAGED)
            && !info.is_old_version()
    });
    let mut users = 0;
    for info in rows {
        for params in 0..info.params.len() {
            let mut converter = Converter::new();
            let old = filled(info.event_type, 1, params);
            if converter.convert(&old) != Ok(Converted::Changed) {
                continue;
            }
            let view = EventView::parse(converter.record()).unwrap();
            for (index, param) in info.params.iter().enumerate().skip(params) {
                let bytes = view.param(index).unwrap();
                if matches!(param.ty, ParamType::Uid | ParamType::Gid) {
                    users += 1;
                    assert!(
                        bytes.is_empty() || bytes == unset,
                        "{}.{}",
                        info.ident,
                        param.name
                    );
                } else {
                    assert!(
                        bytes.iter().all(|byte| *byte == 0),
                        "{}.{}",
                        info.ident,
                        param.name
                    );
                    let size = param.ty.wire_size().unwrap_or(0);
                    assert!(bytes.is_empty() || bytes.len() == size);
                }
            }
        }
    }
    assert!(users > 0);
}

#[test]
fn what_is_no_longer_needed_goes() {
    let placeholder = events()
        .iter()
        .find(|info| info.is_unused())
        .unwrap()
        .event_type;
    let old_enter = events()
        .iter()
        .find(|info| {
            info.is_old_version()
                && !info.is_exit()
                && !info.flags.contains(EventFlags::CONVERTER_MANAGED)
        })
        .unwrap()
        .event_type;
    Case::new()
        .drops(placeholder, &[])
        .drops(old_enter, &[])
        .drops(E::GENERIC_E, &[&[16, 0], &[39, 0]])
        .passes(E::GENERIC_X, &[&[16, 0], &[39, 0]])
        .passes(E::PROCINFO_E, &[OK, OK]);
}

#[test]
fn wide_values_are_cut_to_their_new_size() {
    let variant = [&[0][..], FD].concat();
    Case::new()
        .drops(E::SYSCALL_BPF_E, &[&[5, 0, 0, 0, 0, 0, 0, 0]])
        .gives(
            E::SYSCALL_BPF_X,
            &[&variant],
            E::SYSCALL_BPF_2_X,
            &[FD, &[5, 0, 0, 0]],
        );
}

#[test]
fn container_events_become_json() {
    Case::new().gives(
        E::CONTAINER_E,
        &[b"3ad7b26ded6d\0", &[0; 4], b"na\"me\0", b"bus\\ybox\n\0"],
        E::CONTAINER_JSON_2_E,
        &[b"{\"container\":{\"id\":\"3ad7b26ded6d\",\"type\":0,\"name\":\"na\\\"me\",\"image\":\"bus\\\\ybox\\u000a\"}}\0"],
    );
}

#[test]
fn what_nobody_wrote_is_refused() {
    let mut converter = Converter::new();
    let error = converter
        .convert(&record(E::SYSCALL_OPENAT_X, 1, &[FD, FD]))
        .unwrap_err();
    assert_eq!(
        error,
        ConvertError::NoConversion {
            ident: "SYSCALL_OPENAT_X",
            params: 2
        }
    );
    assert_eq!(
        error.to_string(),
        "no conversion is known for SYSCALL_OPENAT_X with 2 parameters"
    );
    assert!(matches!(
        converter.convert(b"short"),
        Err(ConvertError::View(_))
    ));
}

#[test]
fn newer_events_pass() {
    let mut record = Encoder::new();
    record.begin(E::SYSCALL_READ_X, 1, 1);
    for _ in 0..10 {
        record.bytes(b"more");
    }
    let record = record.finish().unwrap().to_vec();
    assert_eq!(Converter::new().convert(&record), Ok(Converted::Unchanged));
}

/// Whatever a writer stored: what comes out is current.
#[test]
fn what_comes_out_is_current() {
    let mut changed = 0;
    for info in events() {
        for params in 0..=info.params.len() {
            for with_enter in [false, true] {
                let mut converter = Converter::new();
                if with_enter && info.is_exit() {
                    let enter = EventType(info.event_type.0 - 1);
                    let count = enter.info().unwrap().params.len();
                    let _ = converter.convert(&filled(enter, 1, count));
                }
                let old = filled(info.event_type, 1, params);
                let record = match converter.convert(&old) {
                    Ok(Converted::Changed) => converter.record().to_vec(),
                    Ok(Converted::Unchanged) => old,
                    Ok(Converted::Dropped) | Err(ConvertError::NoConversion { .. }) => continue,
                    Err(err) => panic!("{} with {params}: {err}", info.ident),
                };
                let view = EventView::parse(&record).unwrap();
                // Two enter events of execs are handed out although nothing makes them any more.
                let old = view.info().is_old_version() && view.info().is_exit();
                assert!(!old, "{} with {params}", info.ident);
                assert!(!view.info().is_unused());
                changed += 1;
                // Converting once more changes nothing.
                assert_eq!(Converter::new().convert(&record), Ok(Converted::Unchanged));
            }
        }
    }
    assert!(changed > 500, "{changed}");
}

proptest! {
    #[test]
    fn never_panics(
        records in vec((0u16..454, 0i64..3, vec(vec(any::<u8>(), 0..20), 0..34)), 0..40),
    ) {
        let mut converter = Converter::new();
        let mut encoder = Encoder::new();
        for (code, tid, params) in records {
            encoder.begin(EventType(code), 0, tid);
            for param in &params {
                encoder.bytes(param);
            }
            let Ok(record) = encoder.finish() else { continue };
            if converter.convert(record) == Ok(Converted::Changed) {
                let view = EventView::parse(converter.record()).unwrap();
                prop_assert_eq!(view.tid(), tid);
            }
        }
    }
}
