//! The configuration: as written, then resolved.
