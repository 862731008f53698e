//! Samples to rounds, the knee and the report.
