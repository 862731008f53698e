//! The alert queue and its sinks.
