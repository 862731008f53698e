//! `capacity analyze`: the method of the article, applied to files.

use std::fs;
use std::path::Path;
use std::time::Duration;

use ::capacity::article;
use ::capacity::read::{ReadError, bench_log, statistics};
use ::capacity::report;
use serde_json::json;

use crate::Error;

/// Reads the files and says what they hold.
///
/// # Errors
/// When a file cannot be read or is of another kind.
pub(super) fn analyze(
    stats: Option<&Path>,
    log: Option<&Path>,
    interval: Duration,
    as_json: bool,
) -> Result<String, Error> {
    let samples = match stats {
        Some(path) => read(path, statistics)?,
        None => Vec::new(),
    };
    let rounds = match log {
        Some(path) => read(path, bench_log)?,
        None => Vec::new(),
    };
    let found = article::analyze(&samples, &rounds, interval.as_secs_f64());
    if !as_json {
        return Ok(report::analysis(&found));
    }
    let value = json!({
        "syscalls": found.syscalls.as_ref().map(|syscalls| json!({
            "per_second": syscalls.per_second,
            "used_samples": syscalls.used,
            "rest_samples": syscalls.rests,
            "edge_samples": syscalls.edges,
            "first_drop": syscalls.first_drop,
            "drops": syscalls.drops,
        })),
        "alerts": found.alerts.as_ref().map(|alerts| json!({
            "eps": alerts.eps,
            "round": alerts.round,
            "lost": alerts.lost,
            "saturated_rounds": alerts.saturation.as_ref().map(|load| &load.rounds),
            "seconds_per_action": alerts.saturation.as_ref()
                .map(|load| load.per_action.as_secs_f64()),
        })),
    });
    Ok(format!("{value:#}\n"))
}

fn read<T>(path: &Path, parse: impl Fn(&str) -> Result<T, ReadError>) -> Result<T, Error> {
    let bytes = fs::read(path).map_err(Error::io(format!("read {}", path.display())))?;
    parse(&String::from_utf8_lossy(&bytes)).map_err(|source| Error::File {
        path: path.to_owned(),
        source,
    })
}
