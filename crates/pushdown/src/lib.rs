//! From a ruleset to what the kernel may drop.
//!
//! Most of what a machine does breaks no rule, and most of it can be told from a few properties of a
//! call that the kernel has at hand: whether it failed, its flags, the path it names, what its
//! descriptor is, what it connects to, which program makes it and whether that is in a container. This
//! crate works out, from the conditions of all rules that are switched on, which calls no rule can match,
//! as tables that a small program in the kernel looks into before it makes a record.
//!
//! ```text
//!  condition ──Translator──► Formula ──clauses──► Clause… ──Slot::new──► Slot ──► the probe's maps
//!  (of a rule, in a call)    (never stricter)     (per table)            (bits and look-ups)
//! ```
//!
//! **Only ever too much.** A formula holds wherever the condition does; everything after it only
//! widens. The engine evaluates the whole condition again, so a verdict is the same with the filter
//! and without, and a test says so: what matches in user space passes [`Slot::passes`], the
//! look-ups written once more in Rust.
//!
//! **Nothing is known of odd paths.** A path that is relative, or has `..` in it, is resolved in user
//! space; such calls pass, unless flags or result rule them out.
//!
//! **State on demand.** What rules read of descriptors decides which events pass for the sake of
//! state: see [`Needs`].
//!
//! The crate does no I/O and knows no kernel.

mod call;
mod clause;
mod explain;
mod formula;
mod path;
mod peer;
mod plan;
mod reason;
mod state;
mod table;
mod translate;

pub use clause::Clause;
pub use explain::{json, text};
pub use formula::{Atom, Formula, PathAtom, PeerAtom, ProcessAtom, RESULT, Signs, Test, kind};
pub use peer::{NETWORKS, PORTS, PeerTable};
pub use plan::{CallPlan, Plan, RuleInCall};
pub use state::{Follow, Needs, Reader, is_needed_for_state, pass, pass_for_state};
pub use table::{
    CLASSES, CLAUSES, KEY_BYTES, PATH_BYTES, PROCESSES, PathMasks, PathTable, Processes, STARTS,
    Seen, Slot, TAILS, TEST_ANY_BIT, TEST_DESCRIPTOR, TEST_EQUALS, TESTS, Verdicts, end_of,
    is_regular, start_of,
};
pub use translate::LeftOver;
