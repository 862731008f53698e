//! Records: what is encoded is what is viewed, and no bytes make a reader panic.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use event::render::{self, BufferFormat, FdType, Resolve};
use event::{
    EncodeError, Encoder, EventType, EventView, HEADER_LEN, MAX_PARAMS, ParamDetail, ParamType,
    ParamValue, ViewError, events,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Knows something of everything, and of paths an odd thing.
struct Omniscient(BufferFormat);

impl Resolve for Omniscient {
    fn fd_type(&self, fd: i64) -> Option<FdType> {
        (fd % 2 == 0).then_some(FdType {
            letter: b'4',
            transport: Some(b't'),
        })
    }

    fn fd_name(&self, _fd: i64, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"name");
        true
    }

    fn path(&self, dirfd: Option<i64>, path: &[u8], out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"/base/\x01");
        out.extend_from_slice(path);
        dirfd != Some(1)
    }

    fn thread_name(&self, _tid: i64, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"comm");
        true
    }

    fn user_name(&self, _uid: u32, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"user");
        true
    }

    fn utc_offset(&self, seconds: i64) -> i32 {
        seconds as i32
    }

    fn buffer_format(&self) -> BufferFormat {
        self.0
    }
}

/// Looks at everything that a record offers.
fn look(view: &EventView<'_>) {
    let mut out = b"before".to_vec();
    for format in [
        BufferFormat::Printable,
        BufferFormat::Base64,
        BufferFormat::Hex,
    ] {
        let resolve = Omniscient(format);
        for index in 0..=MAX_PARAMS {
            let there = view.param(index).is_some();
            out.truncate(6);
            let known = index < view.info().params.len();
            assert_eq!(render::raw(view, index, &resolve, &mut out), there && known);
            out.truncate(6);
            let resolved = render::resolved(view, index, &resolve, &mut out);
            assert_eq!(resolved, out.len() > 6);
            render::text(view, index, &resolve, &mut out);
            let _ = (
                view.value(index),
                view.i64(index),
                view.u64(index),
                view.str(index),
            );
            match view.value(index) {
                Some(ParamValue::Strings(strings)) => assert!(strings.count() <= 65_536),
                Some(ParamValue::FdList(list)) => assert_eq!(list.len(), list.count()),
                _ => {}
            }
        }
        render::args(view, &resolve, &mut out);
        assert!(out.starts_with(b"before"));
    }
    let _ = (format!("{view:?}"), view.syscall());
}

fn any_type() -> impl Strategy<Value = EventType> {
    (0..events().len() as u16).prop_map(EventType)
}

/// Parameters of the right size for their type, some of them empty or of any size.
fn params_of(ty: EventType) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let params: Vec<BoxedStrategy<Vec<u8>>> = ty
        .info()
        .unwrap()
        .params
        .iter()
        .map(|info| {
            let right = match info.ty.wire_size() {
                Some(size) => vec(any::<u8>(), size..=size).boxed(),
                None => shaped(info.ty).boxed(),
            };
            prop_oneof![8 => right, 1 => Just(Vec::new()), 1 => vec(any::<u8>(), 0..40)].boxed()
        })
        .collect();
    params
}

/// Bytes that are likely to be valid for a type of varying size.
fn shaped(ty: ParamType) -> BoxedStrategy<Vec<u8>> {
    let families = prop_oneof![Just(1u8), Just(2), Just(10), any::<u8>()];
    match ty {
        ParamType::Sockaddr => (families, prop_oneof![Just(6usize), Just(18), 0..40usize])
            .prop_map(|(family, len)| [std::vec![family], std::vec![7; len]].concat())
            .boxed(),
        ParamType::Socktuple => (families, prop_oneof![Just(12usize), Just(36), 0..60usize])
            .prop_map(|(family, len)| [std::vec![family], std::vec![7; len]].concat())
            .boxed(),
        ParamType::Fdlist => vec(any::<(i64, i16)>(), 0..6)
            .prop_map(|list| {
                let mut out = (list.len() as u16).to_le_bytes().to_vec();
                for (fd, flags) in list {
                    out.extend(fd.to_le_bytes());
                    out.extend(flags.to_le_bytes());
                }
                out
            })
            .boxed(),
        ParamType::Dyn => (0u8..6, vec(any::<u8>(), 0..12))
            .prop_map(|(index, rest)| [std::vec![index], rest].concat())
            .boxed(),
        _ => vec(any::<u8>(), 0..50).boxed(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn encoded_records_view_as_they_were(
        (ty, params) in any_type().prop_flat_map(|ty| (Just(ty), params_of(ty))),
        ts in any::<u64>(), tid in any::<i64>(), behind in vec(any::<u8>(), 0..10),
    ) {
        let mut encoder = Encoder::new();
        encoder.begin(ty, ts, tid);
        for param in &params {
            encoder.bytes(param);
        }
        let mut record = encoder.finish().unwrap().to_vec();
        let len = record.len();
        // What follows a record is left alone.
        record.extend(behind);
        let view = EventView::parse(&record).unwrap();
        prop_assert_eq!(view.record().len(), len);
        prop_assert_eq!((view.event_type(), view.ts(), view.tid()), (ty, ts, tid));
        prop_assert_eq!(view.param_count(), params.len());
        prop_assert_eq!(view.params().map(<[u8]>::to_vec).collect::<Vec<_>>(), params);
        look(&view);
    }

    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(view) = EventView::parse(&bytes) {
            look(&view);
        }
    }

    #[test]
    fn bytes_behind_a_good_header(
        ty in any_type(), count in 0u32..34, body in vec(0u8..12, 0..120),
        off in -2i64..3,
    ) {
        let mut record = std::vec![0; HEADER_LEN];
        let len = (HEADER_LEN + body.len()) as i64 + off;
        record[16..20].copy_from_slice(&(len as u32).to_le_bytes());
        record[20..22].copy_from_slice(&ty.0.to_le_bytes());
        record[22..26].copy_from_slice(&count.to_le_bytes());
        record.extend(body);
        if let Ok(view) = EventView::parse(&record) {
            look(&view);
        }
    }

    #[test]
    fn decoding_fixed_sizes(ty in any_type(), bytes in vec(any::<u8>(), 0..20)) {
        for info in ty.info().unwrap().params {
            let value = ParamValue::decode(info, &bytes);
            if let Some(size) = info.ty.wire_size() {
                prop_assert_eq!(value.is_some(), bytes.len() == size);
            } else if matches!(info.detail, ParamDetail::None) && bytes.is_empty() {
                prop_assert_eq!(value, None);
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut encoder = Encoder::new();
    encoder.begin(EventType(454), 0, 0);
    assert_eq!(encoder.finish(), Err(EncodeError::UnknownType(454)));
    encoder.begin(EventType::SYSCALL_READ_X, 0, 0);
    for _ in 0..=MAX_PARAMS {
        encoder.empty();
    }
    assert_eq!(encoder.finish(), Err(EncodeError::TooManyParams));
    encoder
        .begin(EventType::SYSCALL_READ_X, 0, 0)
        .i64(0)
        .bytes(&vec![0; 65_536]);
    assert_eq!(
        encoder.finish(),
        Err(EncodeError::ParamTooLong {
            index: 1,
            len: 65_536
        })
    );
    // Wide lengths take it.
    encoder
        .begin(EventType::PLUGINEVENT_E, 0, 0)
        .u32(1)
        .bytes(&vec![9; 65_536]);
    let record = encoder.finish().unwrap();
    let view = EventView::parse(record).unwrap();
    assert_eq!(view.param(1).unwrap().len(), 65_536);
    assert_eq!(view.param(1).unwrap().as_ptr(), record[38..].as_ptr());
}

#[test]
fn broken_records_say_what_is_wrong() {
    let mut encoder = Encoder::new();
    encoder
        .begin(EventType::SYSCALL_CLOSE_X, 0, 0)
        .i64(0)
        .i64(3);
    let record = encoder.finish().unwrap().to_vec();
    let broken = |at: usize, bytes: &[u8]| {
        let mut record = record.clone();
        record[at..at + bytes.len()].copy_from_slice(bytes);
        EventView::parse(&record).unwrap_err()
    };
    let truncated = |needed, available| ViewError::Truncated { needed, available };
    assert_eq!(
        EventView::parse(&record[..9]).unwrap_err(),
        truncated(HEADER_LEN, 9)
    );
    assert_eq!(
        EventView::parse(&record[..45]).unwrap_err(),
        truncated(46, 45)
    );
    assert_eq!(broken(16, &[27, 0]), truncated(30, 46));
    assert_eq!(broken(20, &[0xFF, 0xFF]), ViewError::UnknownType(0xFFFF));
    assert_eq!(broken(22, &[33]), ViewError::TooManyParams(33));
    let mismatch = |declared, computed| ViewError::LengthMismatch { declared, computed };
    assert_eq!(broken(26, &[7]), mismatch(46, 45));
    assert_eq!(broken(26, &[9]), mismatch(46, 47));
    assert_eq!(
        broken(26, &[9]).to_string(),
        "record length is 46, its parts add up to 47"
    );
}

#[test]
fn strings_lose_their_nul() {
    let mut encoder = Encoder::new();
    encoder
        .begin(EventType::SYSCALL_CHDIR_X, 0, 0)
        .i64(0)
        .str("/tmp");
    let view = EventView::parse(encoder.finish().unwrap()).unwrap();
    assert_eq!(view.str(1), Some(&b"/tmp"[..]));
    assert_eq!(view.value(1), Some(ParamValue::Text(b"/tmp")));
    assert_eq!(view.param_by_name("path"), Some(&b"/tmp\0"[..]));
    assert_eq!(view.param_by_name("nothing"), None);
    // A null pointer, as it is stored today and as it once was.
    for null in [&b""[..], b"(NULL)\0"] {
        encoder
            .begin(EventType::SYSCALL_CHDIR_X, 0, 0)
            .i64(0)
            .bytes(null);
        let view = EventView::parse(encoder.finish().unwrap()).unwrap();
        assert_eq!((view.str(1), view.value(1)), (None, None));
    }
}
