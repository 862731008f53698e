//! `/etc/passwd` and `/etc/group`.

use std::path::Path;
use std::sync::Arc;

use super::reader::Dir;
use super::text::{decimal, lines};
use crate::{Group, User};

/// More than this is not read.
const MAX_LEN: usize = 4 << 20;

/// The accounts in a directory.
pub(super) fn read(etc: &Path) -> (Vec<User>, Vec<Group>) {
    let (mut passwd, mut group) = (Vec::new(), Vec::new());
    if let Some(etc) = Dir::open(etc) {
        etc.read_table("passwd", MAX_LEN, &mut passwd);
        etc.read_table("group", MAX_LEN, &mut group);
    }
    (users(&passwd), groups(&group))
}

/// The accounts below a root directory that somebody else controls.
pub(super) fn read_in(root: &Dir) -> (Vec<User>, Vec<Group>) {
    let passwd = root.read_inside("etc/passwd", MAX_LEN);
    let group = root.read_inside("etc/group", MAX_LEN);
    (users(&passwd), groups(&group))
}

/// `name:password:uid:gid:comment:home:shell` per line.
fn users(passwd: &[u8]) -> Vec<User> {
    let user = |line: &[u8]| {
        let mut fields = line.split(|&byte| byte == b':');
        let name = Arc::from(fields.next()?);
        let (uid, gid) = (decimal(fields.nth(1)?)?, decimal(fields.next()?)?);
        let home = Arc::from(fields.nth(1)?);
        let shell = Arc::from(fields.next().unwrap_or_default());
        Some(User {
            uid,
            gid,
            name,
            home,
            shell,
        })
    };
    first_of_each(lines(passwd).filter_map(user), |user| user.uid)
}

/// `name:password:gid:members` per line.
fn groups(group: &[u8]) -> Vec<Group> {
    let one = |line: &[u8]| {
        let mut fields = line.split(|&byte| byte == b':');
        let name = Arc::from(fields.next()?);
        Some(Group {
            gid: decimal(fields.nth(1)?)?,
            name,
        })
    };
    first_of_each(lines(group).filter_map(one), |group| group.gid)
}

/// Several lines may have the same number; the first one gives it its name.
fn first_of_each<T>(items: impl Iterator<Item = T>, id: impl Fn(&T) -> u32) -> Vec<T> {
    let mut seen = rustc_hash::FxHashSet::default();
    items.filter(|item| seen.insert(id(item))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_do_not_parse_are_passed_over() {
        let users = users(
            b"root:x:0:0:root:/root:/bin/bash\n# comment\nbad:x:y:0::/:/\ntoor:x:0:0::/:/bin/sh\n\
              nobody:x:65534:65534:nobody:/nonexistent:\n+::::::\n",
        );
        assert_eq!(users.len(), 2);
        assert_eq!((&*users[0].name, users[0].uid), (b"root".as_slice(), 0));
        assert_eq!(
            (&*users[0].home, &*users[0].shell),
            (b"/root".as_slice(), b"/bin/bash".as_slice())
        );
        assert_eq!(
            (&*users[1].name, users[1].gid),
            (b"nobody".as_slice(), 65534)
        );

        let groups = groups(b"root:x:0:\nadm:x:4:a,b\nbroken\n");
        assert_eq!(groups.len(), 2);
        assert_eq!((&*groups[1].name, groups[1].gid), (b"adm".as_slice(), 4));
    }
}
