//! What a line contains.

use jiff::tz::TimeZone;

/// What a line contains. The names follow the configuration keys.
#[derive(Clone, Debug)]
pub struct Format {
    /// `json_output`: JSON lines instead of text.
    pub json: bool,
    /// `json_include_output_property`.
    pub include_output: bool,
    /// `json_include_output_fields_property`.
    pub include_output_fields: bool,
    /// `json_include_tags_property`.
    pub include_tags: bool,
    /// `json_include_message_property`: `output` again, without time and priority.
    pub include_message: bool,
    /// Escape text lines like JSON strings, so that an alert is always one line and a control
    /// character in a file name never reaches a terminal. Off in Falco up to 0.44.
    pub escape_text: bool,
    /// How the time at the start of a line is written.
    pub time: TimeFormat,
}

/// The defaults of the configuration, with times in UTC.
impl Default for Format {
    fn default() -> Self {
        Self {
            json: false,
            include_output: true,
            include_output_fields: true,
            include_tags: true,
            include_message: false,
            escape_text: false,
            time: TimeFormat::Local(TimeZone::UTC),
        }
    }
}

/// How the time at the start of a line is written.
#[derive(Clone, Debug)]
pub enum TimeFormat {
    /// `HH:MM:SS.nnnnnnnnn` in this time zone.
    Local(TimeZone),
    /// `time_format_iso_8601`: `YYYY-MM-DDTHH:MM:SS.nnnnnnnnn+0000`, always UTC.
    Iso8601,
}

impl TimeFormat {
    /// The field that stands for the time in `output_fields`.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Local(_) => "evt.time",
            Self::Iso8601 => "evt.time.iso8601",
        }
    }
}
