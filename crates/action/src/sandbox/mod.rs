//! Where actions are done so that nothing can come of them.
//!
//! **A process for each.** [`Worker`] starts this program again for one action. The process moves into
//! private namespaces, makes the action ready, does it when asked, and ends. What it wrote and whom
//! it talked to ends with it, however it ends: the namespaces go with their last process, and
//! everything in them is told by the kernel to die with its parent.
//!
//! **Files** ([`mounts`]). The whole file system is seen through an overlay whose upper half is memory
//! that only these processes know of. Paths, names of programs and contents are those of the machine,
//! so an engine sees `/bin/x` being written; the machine's `/bin` stays as it is.
//!
//! **Network** ([`crate::netlink`]). Nothing but a loopback device, which owns the addresses that
//! actions contact. No packet can leave.
//!
//! **Processes.** No process namespace on the host: there, an engine would see other ids than the
//! machine's own. Instead each process asks to be killed when its parent dies.
//!
//! **Containers** ([`container`]). What is only worth an alert in a container is done in one: the
//! above, process, IPC and host name namespaces, the capabilities a runtime gives, and a control group
//! named as Docker names its own, which is how engines tell a container. A control group outlives its
//! processes, so a [`janitor`] removes it when this program cannot.
//!
//! A real runtime can make it instead ([`runtime`]).
//!
//! **In place** ([`journal`](crate::journal)). Without namespaces, what an action makes is written
//! down first, and the next start undoes what a crash left.

mod cgroup;
mod child;
mod container;
mod janitor;
mod mountinfo;
mod mounts;
mod plan;
mod runtime;
mod worker;

pub(crate) use cgroup::started;
pub use cgroup::{Cgroups, join, sweep};
pub use janitor::Janitor;
pub use mounts::{cover, empty};
pub use plan::{Isolation, TOKEN};
pub use runtime::Containerd;
pub use worker::{Setting, Worker};

pub(crate) use child::ready;
pub(crate) use container::{initialize, launch};
pub(crate) use janitor::watch;
pub(crate) use plan::{ACT, INIT, JANITOR, LAUNCH, die_with, has_private_network};
