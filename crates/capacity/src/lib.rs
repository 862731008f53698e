//! How many system calls, and how many alerts, an engine holds: samples to rounds, the knee, the
//! reason and the report.
//!
//! # Why it is pure
//!
//! A capacity test is an experiment: load is offered, counters are read, a decision is taken. Only
//! the offering and the reading touch the machine. Everything that can be argued about — when a
//! round is clean, which rate comes next, where the limit is and why — is here, without clocks,
//! files or processes, so that it can be tested with figures from real runs and with figures that
//! no machine would give.
//!
//! # Two ways in
//!
//! * Files that others recorded: [`read`] takes statistics files of every age, metrics files and
//!   the log of a benchmark, and [`article`] applies the method of the 2021 article to them.
//! * A live run: [`search`] says which rate to offer next and when to stop, [`round`] holds what
//!   one round came to, [`diagnosis`] says what the limit is made of.
//!
//! Both end in [`report`]: tables, JSON, one page of HTML.

pub mod article;
pub mod bursts;
pub mod diagnosis;
pub mod halving;
pub mod read;
pub mod report;
pub mod round;
pub mod search;
