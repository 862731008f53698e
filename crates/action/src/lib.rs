//! What the event generator can do.
