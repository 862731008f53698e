//! The program's own log: lines on standard error, in the form that Falco's users grep for.
//!
//! `Www Mmm dd HH:MM:SS YYYY: message` in local time, or `YYYY-MM-DDTHH:MM:SS+0000: message` with
//! ISO times. Messages of level error and above carry no mark; it is the text that says it.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Sends the log to standard error.
pub(crate) fn start(enabled: bool, level: &str, iso_times: bool) {
    if !enabled {
        return;
    }
    let level = match level {
        "debug" => Level::DEBUG,
        "informational" | "info" | "notice" => Level::INFO,
        "warning" => Level::WARN,
        _ => Level::ERROR,
    };
    // A second start (tests in one process) changes nothing.
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .event_format(Line { iso_times })
        .try_init();
}

struct Line {
    iso_times: bool,
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = jiff::ZonedDateTime::now();
        if self.iso_times {
            let utc = now.with_time_zone(jiff::tz::TimeZone::UTC);
            write!(out, "{}: ", utc.strftime("%Y-%m-%dT%H:%M:%S+0000"))?;
        } else {
            write!(out, "{}: ", now.strftime("%a %b %e %H:%M:%S %Y"))?;
        }
        let mut message = Message {
            out: &mut out,
            result: Ok(()),
        };
        event.record(&mut message);
        message.result?;
        writeln!(out)
    }
}

/// Writes the message first, then `key=value` pairs.
struct Message<'w, 'o> {
    out: &'w mut Writer<'o>,
    result: fmt::Result,
}

impl Visit for Message<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.result.is_ok() {
            self.result = if field.name() == "message" {
                write!(self.out, "{value:?}")
            } else {
                write!(self.out, " {}={value:?}", field.name())
            };
        }
    }
}
