//! Lines on standard error, for people and scripts.
//!
//! Text: a level of four letters, the message in a column of 44, then `key=value` pairs sorted by
//! key. JSON: one object a line, keys sorted, `level` and `msg` among them. Neither has a time, as
//! in the original: whoever collects the lines adds it.

mod text;
mod value;

pub use value::Value;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// How much matters how much. Ordered from the gravest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Level {
    Panic,
    Fatal,
    Error,
    #[value(alias = "warning")]
    Warn,
    Info,
    Debug,
    Trace,
}

/// How lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Where lines go. Clones write to the same place.
#[derive(Clone)]
pub struct Log {
    level: Level,
    format: Format,
    colours: bool,
    sink: Arc<Mutex<dyn Write + Send>>,
}

impl Log {
    /// To standard error; in colours when that is a terminal.
    pub fn to_stderr(level: Level, format: Format) -> Self {
        let stderr = std::io::stderr();
        Self {
            level,
            format,
            colours: stderr.is_terminal(),
            sink: Arc::new(Mutex::new(stderr)),
        }
    }

    /// To any writer, without colours.
    pub fn to(sink: Arc<Mutex<dyn Write + Send>>, level: Level, format: Format) -> Self {
        Self {
            level,
            format,
            colours: false,
            sink,
        }
    }

    /// Whether lines are for people.
    pub fn is_text(&self) -> bool {
        self.format == Format::Text
    }

    /// The same lines to another writer.
    pub fn through(&self, sink: Arc<Mutex<dyn Write + Send>>) -> Self {
        Self {
            sink,
            ..self.clone()
        }
    }

    /// The same lines without colours.
    pub fn without_colours(self) -> Self {
        Self {
            colours: false,
            ..self
        }
    }

    /// Whether lines of this level are written.
    pub fn is_on(&self, level: Level) -> bool {
        level <= self.level
    }

    /// A line that explains how an error came about.
    pub fn debug(&self, message: &str, fields: &[(&str, Value)]) {
        self.line(Level::Debug, message, fields);
    }

    /// A line.
    pub fn info(&self, message: &str, fields: &[(&str, Value)]) {
        self.line(Level::Info, message, fields);
    }

    /// A line about something that may be wrong.
    pub fn warn(&self, message: &str, fields: &[(&str, Value)]) {
        self.line(Level::Warn, message, fields);
    }

    /// A line about something that went wrong.
    pub fn error(&self, message: &str, fields: &[(&str, Value)]) {
        self.line(Level::Error, message, fields);
    }

    /// The last line of a program that cannot go on.
    pub fn fatal(&self, message: &str, fields: &[(&str, Value)]) {
        self.line(Level::Fatal, message, fields);
    }

    fn line(&self, level: Level, message: &str, fields: &[(&str, Value)]) {
        if !self.is_on(level) {
            return;
        }
        let fields: BTreeMap<&str, &Value> =
            fields.iter().map(|(key, value)| (*key, value)).collect();
        let mut line = match self.format {
            Format::Text => text::render(level, message, &fields, self.colours),
            Format::Json => render_json(level, message, &fields),
        };
        line.push('\n');
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        // Where could a failure to log be logged?
        let _ = sink.write_all(line.as_bytes());
    }
}

fn render_json(level: Level, message: &str, fields: &BTreeMap<&str, &Value>) -> String {
    let mut object = serde_json::Map::new();
    for (key, value) in fields {
        object.insert((*key).to_owned(), value.to_json());
    }
    object.insert("level".to_owned(), level.long_name().into());
    object.insert("msg".to_owned(), message.into());
    serde_json::Value::Object(object).to_string()
}

impl Level {
    /// As JSON lines and `--loglevel` say it.
    pub fn long_name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Fatal => "fatal",
            Self::Error => "error",
            Self::Warn => "warning",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn written(level: Level, format: Format, write: impl FnOnce(&Log)) -> String {
        let sink = Arc::new(Mutex::new(Vec::new()));
        write(&Log::to(Arc::clone(&sink) as _, level, format));
        let bytes = sink.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn json_lines_are_sorted_and_typed() {
        let line = written(Level::Info, Format::Json, |log| {
            log.info(
                "round #1",
                &[
                    ("sleep", Duration::from_millis(10).into()),
                    ("dry-run", true.into()),
                ],
            );
            log.warn(
                "x",
                &[
                    ("action", "syscall.X".into()),
                    ("lost", 1.0.into()),
                    ("n", 3_u64.into()),
                ],
            );
        });
        assert_eq!(
            line,
            "{\"dry-run\":true,\"level\":\"info\",\"msg\":\"round #1\",\"sleep\":10000000}\n\
             {\"action\":\"syscall.X\",\"level\":\"warning\",\"lost\":1,\"msg\":\"x\",\"n\":3}\n"
        );
    }

    #[test]
    fn levels_filter() {
        let lines = written(Level::Warn, Format::Text, |log| {
            log.error("e", &[]);
            log.warn("w", &[]);
            log.info("i", &[]);
            log.debug("d", &[]);
        });
        assert_eq!(lines, "ERRO e\nWARN w\n");
    }
}
