//! How the actions are done. Which is which stands in the [table](crate::table).

pub(crate) mod below;
pub(crate) mod files;
pub(crate) mod kernel;
pub(crate) mod puppets;
pub(crate) mod started;
