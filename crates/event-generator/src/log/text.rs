//! The text form of a line.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Level, Value};

/// The column messages are padded to.
const MESSAGE_WIDTH: usize = 44;

/// One line, without its newline. Blanks at the end are left out.
pub(super) fn render(
    level: Level,
    message: &str,
    fields: &BTreeMap<&str, &Value>,
    colours: bool,
) -> String {
    let (on, off) = match (colours, level) {
        (false, _) => ("", ""),
        (true, Level::Panic | Level::Fatal | Level::Error) => ("\x1b[31m", "\x1b[0m"),
        (true, Level::Warn) => ("\x1b[33m", "\x1b[0m"),
        (true, Level::Info) => ("\x1b[36m", "\x1b[0m"),
        (true, Level::Debug | Level::Trace) => ("\x1b[37m", "\x1b[0m"),
    };
    let mut line = format!("{on}{}{off} {message:<MESSAGE_WIDTH$} ", short_name(level));
    for (key, value) in fields {
        let _ = write!(line, " {on}{key}{off}={}", quoted(&value.to_text()));
    }
    line.truncate(line.trim_end().len());
    line
}

fn short_name(level: Level) -> &'static str {
    match level {
        Level::Panic => "PANI",
        Level::Fatal => "FATA",
        Level::Error => "ERRO",
        Level::Warn => "WARN",
        Level::Info => "INFO",
        Level::Debug => "DEBU",
        Level::Trace => "TRAC",
    }
}

/// In quotes, unless it consists of letters, digits and a few harmless signs only.
fn quoted(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-._/@^+".contains(c);
    if text.chars().all(harmless) {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn line(message: &str, fields: &[(&str, Value)], colours: bool) -> String {
        render(
            Level::Info,
            message,
            &fields.iter().map(|(k, v)| (*k, v)).collect(),
            colours,
        )
    }

    #[test]
    fn lines_are_those_of_the_original() {
        let action = ("action", "syscall.ReadSensitiveFileUntrusted".into());
        assert_eq!(
            line("sleep for 100ms", &[action], false),
            "INFO sleep for 100ms                               action=syscall.ReadSensitiveFileUntrusted"
        );
        assert_eq!(
            line(
                "spawn as \"httpd\"",
                &[
                    ("args", "^helper.RunShell$".into()),
                    ("action", "syscall.RunShellUntrusted".into())
                ],
                false
            ),
            "INFO spawn as \"httpd\"                              action=syscall.RunShellUntrusted args=\"^helper.RunShell$\""
        );
        assert_eq!(
            line(
                "round #14",
                &[("sleep", Duration::from_nanos(12_207).into())],
                false
            ),
            "INFO round #14                                     sleep=\"12.207µs\""
        );
        assert_eq!(line("", &[], false), "INFO");
        assert_eq!(line("resting...", &[], false), "INFO resting...");
    }

    #[test]
    fn colours_wrap_level_and_keys() {
        assert_eq!(
            line("m", &[("k", "v".into())], true),
            format!("\x1b[36mINFO\x1b[0m m{} \x1b[36mk\x1b[0m=v", " ".repeat(44))
        );
    }

    #[test]
    fn quoting_escapes() {
        assert_eq!(quoted("a-b.c_d/e@f^g+h"), "a-b.c_d/e@f^g+h");
        assert_eq!(quoted(""), "");
        assert_eq!(quoted("0%"), "\"0%\"");
        assert_eq!(quoted("a\"b\\c\nd\u{1}"), "\"a\\\"b\\\\c\\nd\\u0001\"");
    }
}
