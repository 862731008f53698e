//! `bench`: load, rounds, statistics.
//!
//! A round is a time of load and a time of rest in which the last alerts arrive. Then what was done
//! is compared with what was heard and with what the engine counted itself, and with `--loop` the next
//! round is twice as fast, until nothing holds the load back any more.
//!
//! | module | what it knows |
//! |---|---|
//! | `command` | from flags to a benchmark |
//! | `course` | what is done when |
//! | `rounds` | when to go on, when to repeat; pure |
//! | `statistics` | counts to numbers to log fields; pure |
//! | `account` | where lost alerts went; pure |
//! | `slow` | whether one action holds up the load; pure |
//! | `print` | what a round came to, as log lines |
//! | `result` | the same as JSON |
//! | `screen` | the same while it happens |
//!
//! The load is [`crate::load`], alerts are counted by [`crate::alerts::Tally`], the engine is watched
//! by [`crate::watch`]. `docs/bench.md` defines every number.

mod account;
mod command;
mod course;
mod print;
mod result;
mod rounds;
mod screen;
mod slow;
mod statistics;

pub use account::Account;
pub use command::execute;
pub use course::{Bench, Plan};
pub use rounds::{Next, Pace, Rounds};
pub use slow::{ActionTime, Slow, slowest};
pub use statistics::{ActionCount, Statistics};
