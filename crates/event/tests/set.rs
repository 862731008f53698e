//! Sets of event types and system calls.

use event::*;
use proptest::prelude::*;

#[test]
fn conversions_follow_the_table() {
    let openat: SyscallCodeSet = [SyscallCode::OPENAT].into_iter().collect();
    assert_eq!(openat.events(), EventSet::by_name("openat"));
    assert_eq!(openat.events().syscalls(), openat);

    // One event type stands for all calls without a dedicated event.
    let getpid: SyscallCodeSet = [SyscallCode::GETPID].into_iter().collect();
    let generic = getpid.events().syscalls();
    assert!(generic.contains(SyscallCode::GETPID) && generic.contains(SyscallCode::SYNC));
    assert!(!generic.contains(SyscallCode::OPENAT));
    for call in Syscall::all() {
        assert_eq!(
            generic.contains(call.code),
            call.is_generic(),
            "{}",
            call.name
        );
    }

    let accept4: SyscallCodeSet = [SyscallCode::ACCEPT4].into_iter().collect();
    assert_eq!(accept4.events().len(), 6);
    let meta = EventSet::matching(|info| info.origin == Some(Origin::Metaevent));
    assert!(meta.syscalls().is_empty());
}

#[test]
fn named_groups_have_their_sizes() {
    for (set, len) in [
        (SyscallSet::SinspState, 70),
        (SyscallSet::Simple, 88),
        (SyscallSet::Io, 18),
        (SyscallSet::IoOther, 12),
        (SyscallSet::File, 45),
        (SyscallSet::Net, 11),
        (SyscallSet::Proc, 24),
        (SyscallSet::Sys, 18),
    ] {
        assert_eq!(SyscallCodeSet::named(set).len(), len, "{set:?}");
    }
    assert!(SyscallCodeSet::named(SyscallSet::RepairBase).contains(SyscallCode::EXECVE));
}

#[test]
fn codes_beyond_the_table_are_not_taken() {
    let mut set = EventSet::new();
    for code in [454, 511, 512, u16::MAX] {
        assert!(!set.insert(EventType(code)));
        assert!(!set.contains(EventType(code)));
        assert!(!set.remove(EventType(code)));
    }
    assert!(set.is_empty());
    assert_eq!(EventSet::all().len(), 454);
    assert_eq!(SyscallCodeSet::all().len(), 453);
    assert!((!EventSet::all()).is_empty());
}

fn codes() -> impl Strategy<Value = Vec<u16>> {
    proptest::collection::vec(0u16..454, 0..40)
}

proptest! {
    #[test]
    fn behaves_like_a_set(a in codes(), b in codes()) {
        use std::collections::BTreeSet;
        let model = |codes: &[u16]| codes.iter().copied().collect::<BTreeSet<u16>>();
        let set = |codes: &[u16]| codes.iter().map(|c| EventType(*c)).collect::<EventSet>();
        let list = |set: EventSet| set.iter().map(|e| e.0).collect::<BTreeSet<u16>>();
        let (ma, mb, sa, sb) = (model(&a), model(&b), set(&a), set(&b));
        prop_assert_eq!(list(sa), ma.clone());
        prop_assert_eq!(sa.len(), ma.len());
        prop_assert_eq!(list(sa | sb), &ma | &mb);
        prop_assert_eq!(list(sa & sb), &ma & &mb);
        prop_assert_eq!(list(sa - sb), &ma - &mb);
        prop_assert_eq!(!!sa, sa);
        prop_assert_eq!(!(sa | sb), !sa & !sb);
        prop_assert_eq!(sa.is_subset(&sb), ma.is_subset(&mb));
        prop_assert_eq!(sa.intersects(&sb), !ma.is_disjoint(&mb));
        // Carrying over to calls and back never loses an event type that carries a call.
        let back = sa.syscalls().events();
        for event in sa.iter().filter(|event| !event.syscalls().is_empty()) {
            prop_assert!(back.contains(event));
        }
    }

    #[test]
    fn insert_and_remove(a in codes(), code in 0u16..454) {
        let mut set: EventSet = a.iter().map(|c| EventType(*c)).collect();
        let before = set;
        let was_in = set.contains(EventType(code));
        prop_assert_eq!(set.insert(EventType(code)), !was_in);
        prop_assert!(set.contains(EventType(code)));
        prop_assert!(set.remove(EventType(code)));
        prop_assert!(!set.remove(EventType(code)));
        if !was_in {
            prop_assert_eq!(set, before);
        }
    }
}
