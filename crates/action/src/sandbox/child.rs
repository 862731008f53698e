//! The process that does one action.

use std::net::IpAddr;
use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use rustix::event::{PollFd, PollFlags, poll};

use super::mounts;
use super::plan::{Place, Plan, die_with};
use crate::context::{Cancel, Context};
use crate::failure::Failure;
use crate::stand_in::{Deed, KUBERNETES, METADATA, OUTSIDE, ROLE};
use crate::{journal, netlink, table};

/// Moves this process to where its plan says and makes the action ready.
pub(crate) fn ready() -> Result<Deed, Failure> {
    let plan = Plan::of_this_process()?;
    let action = table::find(&plan.action).ok_or_else(|| {
        Failure::at("look the action up")(std::io::Error::other(plan.action.clone()))
    })?;
    match &plan.place {
        Place::Host => {
            die_with(Some(plan.parent))?;
            match enter() {
                // Without namespaces, what makes nothing outside the directory for such things may
                // as well be done here: it undoes itself.
                Err(Entry::Refused(_)) if action.is_harmless() => {}
                Err(Entry::Refused(errno)) => {
                    return Err(Failure::skipped(format!(
                        "no private namespaces can be made ({errno}); --in-place does without"
                    )));
                }
                Err(Entry::Failed(failure)) => return Err(failure),
                Ok(()) => {}
            }
        }
        // Does not die with its parent: it removes what it made first, when its input ends.
        Place::Bare { journal } => journal::open(journal)?,
        Place::Container { .. } => die_with(None)?,
        // Its parent is the runtime's; it ends when its input does.
        Place::Runtime => own_addresses()?,
    }
    let mut context = Context::of_this_process().map_err(Failure::at("read /proc/self"))?;
    context.program = plan.program;
    if matches!(plan.place, Place::Bare { .. }) {
        cancel_at_end_of_input(context.cancel.clone())?;
    }
    let mut prepared = action.prepare(&context)?;
    Ok(Box::new(move || prepared.run()))
}

/// Gives up what takes long when nobody waits for it any more: it is undone then. Elsewhere the
/// process is killed, and there is nothing to undo.
fn cancel_at_end_of_input(cancel: Cancel) -> Result<(), Failure> {
    let watch = move || {
        let input = std::io::stdin();
        loop {
            // Nothing is asked for, so that requests are left for who reads them.
            let mut ends = [PollFd::new(&input, PollFlags::empty())];
            let ended = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
            if poll(&mut ends, None).is_ok() && ends[0].revents().intersects(ended) {
                return cancel.cancel();
            }
        }
    };
    std::thread::Builder::new()
        .name("input".to_owned())
        .spawn(watch)
        .map(drop)
        .map_err(Failure::at("watch the input"))
}

/// The next program in the row: this one in another role.
pub(super) fn command(plan: &Plan, role: &str) -> Command {
    let mut command = Command::new(&plan.program);
    // What an engine sees of our arguments says what this process is for.
    command.args(["run", &plan.action]).env(ROLE, role);
    command
}

/// Why the namespaces were not entered.
enum Entry {
    /// The kernel does not let us make any.
    Refused(nix::errno::Errno),
    Failed(Failure),
}

impl From<Failure> for Entry {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Moves this process into a mount and a network namespace of its own; with the help of a user
/// namespace if it must.
fn enter() -> Result<(), Entry> {
    let flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET;
    let user_namespace = unshare(flags).is_err();
    if user_namespace {
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        unshare(flags | CloneFlags::CLONE_NEWUSER).map_err(Entry::Refused)?;
        // The same numbers as outside: a program that asks who it is gets the answer it had.
        let map = |file: &str, text: String| {
            std::fs::write(format!("/proc/self/{file}"), text)
                .map_err(Failure::at(format!("write /proc/self/{file}")))
        };
        map("setgroups", "deny".to_owned())?;
        map("uid_map", format!("{0} {0} 1", user.as_raw()))?;
        map("gid_map", format!("{0} {0} 1", group.as_raw()))?;
    }
    mounts::cover(user_namespace)?;
    own_addresses()?;
    Ok(())
}

/// Gives the loopback device every address that some action contacts.
pub(super) fn own_addresses() -> Result<(), Failure> {
    // A user's processes listen below port 1024 too. Of this network namespace alone; an old kernel
    // that cannot say so lets root do it.
    let _ = std::fs::write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    netlink::own(&[OUTSIDE, METADATA, KUBERNETES].map(IpAddr::V4))
        .map_err(Failure::at("make a private network"))
}
