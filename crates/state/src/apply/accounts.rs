//! Users and groups that come and go.

use std::sync::Arc;

use container::ContainerId;
use event::EventView;

use crate::{Group, SharedBytes, State, User};

fn text(event: &EventView<'_>, index: usize) -> SharedBytes {
    event.str(index).map(Arc::from).unwrap_or_default()
}

/// The container of an account; empty for the host.
fn container(event: &EventView<'_>, index: usize) -> Option<ContainerId> {
    event.str(index).and_then(ContainerId::named)
}

impl State {
    pub(super) fn user_added(&mut self, event: &EventView<'_>) {
        if let (Some(uid), Some(gid)) = (event.u32(0), event.u32(1)) {
            let (name, home, shell) = (text(event, 2), text(event, 3), text(event, 4));
            let user = User {
                uid,
                gid,
                name,
                home,
                shell,
            };
            self.accounts.add_user(container(event, 5), user);
        }
    }

    pub(super) fn user_deleted(&mut self, event: &EventView<'_>) {
        if let Some(uid) = event.u32(0) {
            self.accounts.remove_user(container(event, 5), uid);
        }
    }

    pub(super) fn group_added(&mut self, event: &EventView<'_>) {
        if let Some(gid) = event.u32(0) {
            self.accounts.add_group(
                container(event, 2),
                Group {
                    gid,
                    name: text(event, 1),
                },
            );
        }
    }

    pub(super) fn group_deleted(&mut self, event: &EventView<'_>) {
        if let Some(gid) = event.u32(0) {
            self.accounts.remove_group(container(event, 2), gid);
        }
    }
}
