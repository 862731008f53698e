//! Descriptor tables, shared like the kernel shares them.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::Descriptor;

/// Which descriptor table a thread uses.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub(crate) struct FilesId(pub(crate) u32);

/// The descriptors of one table, shared after a fork until one side changes them.
pub(crate) type DescriptorMap = Arc<FxHashMap<i64, Descriptor>>;

/// A table and how many threads use it.
#[derive(Default, Debug)]
pub(crate) struct Files {
    pub(crate) users: u32,
    pub(crate) map: DescriptorMap,
}
