//! `user.*` and `group.*`.

use condition::Value;

use crate::table::{GroupKey, UserKey};
use crate::view::{Extracted, View};

/// What stands for a name that is not known. The id is known, so the field is not absent.
const UNKNOWN: &str = "<NA>";

pub(crate) fn extract<'a>(view: &View<'a>, key: UserKey) -> Extracted<'a> {
    let Some(thread) = view.thread() else {
        return Extracted::Absent;
    };
    let user = |uid| view.state.user_of(thread, uid);
    let bytes = |text: Option<&'a [u8]>| {
        text.filter(|text| !text.is_empty())
            .map_or(Extracted::text(UNKNOWN), Extracted::bytes)
    };
    // Root is root wherever there is no list of users that says otherwise.
    let root = |text: &'static [u8]| (thread.uid == 0).then_some(text);
    let here = user(thread.uid);
    match key {
        UserKey::Uid => Extracted::Value(Value::U64(u64::from(thread.uid))),
        UserKey::Name => bytes(here.map(|user| &*user.name).or(root(b"root"))),
        UserKey::Homedir => bytes(here.map(|user| &*user.home).or(root(b"/root"))),
        UserKey::Shell => bytes(here.map(|user| &*user.shell)),
        UserKey::Loginuid if thread.loginuid == u32::MAX => Extracted::i64(-1),
        UserKey::Loginuid => Extracted::i64(i64::from(thread.loginuid)),
        UserKey::Loginname => {
            let root = (thread.loginuid == 0).then_some(&b"root"[..]);
            bytes(user(thread.loginuid).map(|user| &*user.name).or(root))
        }
    }
}

pub(crate) fn extract_group<'a>(view: &View<'a>, key: GroupKey) -> Extracted<'a> {
    let Some(thread) = view.thread() else {
        return Extracted::Absent;
    };
    match key {
        GroupKey::Gid => Extracted::u64(u64::from(thread.gid)),
        GroupKey::Name => {
            let root = (thread.gid == 0).then_some(&b"root"[..]);
            let group = view.state.group_of(thread, thread.gid);
            group
                .map(|group| &*group.name)
                .or(root)
                .filter(|name| !name.is_empty())
                .map_or(Extracted::text(UNKNOWN), Extracted::bytes)
        }
    }
}
