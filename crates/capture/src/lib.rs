//! Capture files, read and written; conversion of old events.
