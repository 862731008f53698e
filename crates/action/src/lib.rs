//! What the event generator can do: every action, the rule it is for, what it needs and how it is
//! undone.
//!
//! **One table.** [`all`] lists every action: name, rule, what it does, what it needs, how fast it
//! can be repeated. Listing, explaining, selecting, testing and benchmarking read the same rows.
//! Names and the pairing of names with rules are those of the original event generator; the texts
//! and the ways of doing it are ours.
//!
//! **Prepare, then run.** A benchmark repeats an action a hundred thousand times a second, so an
//! action has two halves. [`Action::prepare`] checks what the action needs, makes directories and
//! paths, starts helpers, and may be slow and fail. [`Prepared::run`] then does the suspicious thing
//! once, as few system calls as the rule needs, without allocating.
//!
//! **Nothing stays.** Whatever an action creates belongs to a guard inside [`Prepared`]; dropping it
//! removes everything, after success, failure and interruption alike. No action touches a file that
//! was there before: where the original renames `/bin/true`, we rename a file of our own in the same
//! directory. In a [`sandbox`], which has a process and namespaces of its own, a kill leaves nothing
//! either; without one, what `SIGKILL` leaves carries the prefix [`temp::PREFIX`], and a [`journal`]
//! tells the next start what to remove.
//!
//! **Stand-ins.** Many rules look at the name and the arguments of a program, not at what it does.
//! For these we start *ourselves* under that name ([`stand_in`]): `shred`, `nmap` or `nc -e /bin/sh`
//! are then a process that exits at once. No tool has to be installed, nothing is shredded, no
//! network is scanned.
//!
//! **No packet leaves.** Rules about connections need a connection with a public address. A stand-in
//! makes it inside a network namespace of its own, which holds nothing but a loopback device to
//! which that address was given.
//!
//! **Where unsafe is.** In one function of the private `raw` module: `userfaultfd` has no safe form.

mod action;
mod acts;
mod context;
mod failure;
pub mod journal;
pub mod netlink;
mod prepared;
mod raw;
pub mod sandbox;
pub mod stand_in;
mod table;
pub mod temp;
mod wait;

pub use action::{Action, Maturity, Need, Spawn, Suitability};
pub use context::{Cancel, Capability, Context, in_container};
pub use failure::Failure;
pub use prepared::Prepared;
pub use table::{all, find};

/// Name of the action without its package: `ReadSensitiveFileUntrusted` of
/// `syscall.ReadSensitiveFileUntrusted`.
pub fn short_name(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, short)| short)
}

/// A rule's or an action's name as the two are compared: letters and digits only, in lower case.
///
/// The link between a rule and an action is this alone: `Read sensitive file untrusted` and
/// `ReadSensitiveFileUntrusted` meet as `readsensitivefileuntrusted`.
pub fn normalized(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}
