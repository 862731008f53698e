//! `bench`: load, rounds, statistics.
//!
//! A round is a time of load and a time of rest in which the last alerts arrive. Then what was done
//! is compared with what was heard, and with `--loop` the next round is twice as fast, until nothing
//! holds the load back any more.
//!
//! | module | what it knows |
//! |---|---|
//! | [`load`](self) | threads that do actions; what each did |
//! | `pace` | when the next action is due |
//! | `tally` | alerts heard, per action |
//! | `rounds` | when to go on, when to repeat; pure |
//! | `statistics` | counts to numbers to log fields; pure |
//! | `process` | CPU and memory of the engine |
//! | `result` | the same numbers as JSON |
//!
//! What is measured is the engine, so the load gives way to nothing: its threads count in plain
//! variables, share nothing with the thread that hears alerts, and hand their counts over when a
//! round ends. CPU is that of the loaded time alone; the rest does not dilute it.

mod command;
mod load;
mod pace;
mod process;
mod result;
mod rounds;
mod statistics;
mod tally;

pub use command::{Job, Plan, execute, measure};
pub use process::Error as ProcessError;
pub use rounds::{Next, Rounds};
pub use statistics::{ActionCount, Statistics};
pub use tally::Tally;
