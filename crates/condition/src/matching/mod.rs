//! Tests of one value against one constant pattern, and what they need.

pub(crate) mod glob;
pub(crate) mod matcher;
pub(crate) mod network;
pub(crate) mod number;
pub(crate) mod path_prefix;
pub(crate) mod regex;
pub(crate) mod services;
pub(crate) mod substring;
pub(crate) mod utf8;
