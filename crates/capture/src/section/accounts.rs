//! The user list. An entry is: kind u8 (0 user, 1 group); for a user uid u32, gid u32, name, home
//! directory, shell; for a group gid u32, name. In version 2 its length (u32, counting itself)
//! stands in front.

use crate::cursor::{Cursor, Fields};
use crate::error::SectionError;
use crate::model::{Account, Group, User};

const USER: u8 = 0;
const GROUP: u8 = 1;
const MAX_STRING: usize = 255;
/// What other writers stored; reading is more generous than writing.
const MAX_READ: usize = 4096;

pub(crate) fn read(body: Cursor<'_>, version: u8) -> Result<Vec<Account>, (usize, SectionError)> {
    super::entries(body, |body| match version {
        1 => read_entry(body),
        _ => read_entry(&mut body.entry(true)?),
    })
}

fn read_entry(entry: &mut Cursor<'_>) -> Result<Account, SectionError> {
    Ok(match entry.u8("account kind")? {
        USER => Account::User(User {
            uid: entry.u32("user id")?,
            gid: entry.u32("group id")?,
            name: entry.string("user name", MAX_READ)?,
            home: entry.string("home directory", MAX_READ)?,
            shell: entry.string("shell", MAX_READ)?,
        }),
        GROUP => Account::Group(Group {
            gid: entry.u32("group id")?,
            name: entry.string("group name", MAX_READ)?,
        }),
        kind => {
            let value = u32::from(kind);
            return Err(SectionError::Unknown {
                field: "account kind",
                value,
            });
        }
    })
}

pub(crate) fn write(account: &Account, out: &mut Fields) {
    out.entry(true, |out| match account {
        Account::User(user) => {
            out.u8(USER);
            out.u32(user.uid);
            out.u32(user.gid);
            for text in [&user.name, &user.home, &user.shell] {
                out.string(text, MAX_STRING);
            }
        }
        Account::Group(group) => {
            out.u8(GROUP);
            out.u32(group.gid);
            out.string(&group.name, MAX_STRING);
        }
    });
}
