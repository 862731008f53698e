//! The command's side.

use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Report, lines, view};
use crate::args::{Top, TopFormat};

/// How long an engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs `peregrine top`.
///
/// # Errors
///
/// When no engine answers.
pub(crate) fn top(options: &Top) -> Result<ExitCode> {
    let socket = options.socket.as_path();
    let interval = Duration::from_millis(options.interval);
    let mut out = io::stdout();
    match options.output {
        None if options.once || !out.is_terminal() => {}
        None => return view::run(socket, interval),
        Some(TopFormat::Text | TopFormat::Json) => {}
    }
    let mut earlier: Option<Report> = None;
    loop {
        let report = ask(socket)?;
        if options.output == Some(TopFormat::Json) {
            serde_json::to_writer(&mut out, &report)?;
            writeln!(out)?;
        } else {
            let change = earlier
                .as_ref()
                .map_or_else(|| report.clone(), |earlier| report.since(earlier));
            out.write_all(lines::lines(&report, &change, options.rows).as_bytes())?;
        }
        out.flush()?;
        if options.once {
            return Ok(ExitCode::SUCCESS);
        }
        earlier = Some(report);
        thread::sleep(interval);
    }
}

/// Gets a report.
pub(super) fn ask(socket: &Path) -> Result<Report> {
    let at = socket.display();
    let mut stream = UnixStream::connect(socket).with_context(|| {
        format!(
            "no engine answers at {at}; start one, run this as the same user (root), or name the \
             socket of its configuration (`top.socket`) with --socket"
        )
    })?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = String::new();
    stream
        .read_to_string(&mut text)
        .with_context(|| format!("the engine at {at} did not answer"))?;
    if text.is_empty() {
        bail!("the engine at {at} did not answer in time; is it stopped?");
    }
    serde_json::from_str(&text)
        .with_context(|| format!("what listens at {at} is not an engine of this version"))
}
