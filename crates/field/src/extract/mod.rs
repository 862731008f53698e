//! One extractor per class: functions from an event and a field to a value.

pub(crate) mod container;
pub(crate) mod event;
pub(crate) mod fd;
pub(crate) mod fdlist;
pub(crate) mod fs_path;
pub(crate) mod generic;
pub(crate) mod open;
pub(crate) mod params;
pub(crate) mod process;
pub(crate) mod relatives;
pub(crate) mod socket;
pub(crate) mod user;
