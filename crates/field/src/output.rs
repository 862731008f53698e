//! The values of fields as outputs show them: text for messages, typed values for JSON.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use condition::{Context, FieldId, Shape, Value, ValueType};

use crate::context::EventContext;
use crate::extract::params;
use crate::table::{EventKey, FieldFlags, FieldInfo, GenericKey, Key, ProcessKey};

/// Stands for a value that is absent.
pub const ABSENT: &str = "<NA>";

/// A typed value of a field.
#[derive(Clone, PartialEq, Debug)]
pub enum OutputValue {
    /// Absent.
    Null,
    /// Text.
    String(String),
    /// An unsigned number.
    U64(u64),
    /// A signed number.
    I64(i64),
    /// A floating-point number.
    F64(f64),
    /// True or false.
    Bool(bool),
    /// The values of a list.
    List(Vec<OutputValue>),
}

/// In which form [`EventContext::write_output`] has written a value.
#[derive(Clone, PartialEq, Debug)]
pub enum OutputForm {
    /// Not at all: it is absent.
    Null,
    /// As text, the same that [`EventContext::write_text`] writes.
    Text,
    /// As a number or a truth value, the same that `write_text` writes.
    Plain,
    /// Not at all: here it is. Its text is another.
    Other(OutputValue),
}

/// How values of a field are shown.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub(crate) ty: ValueType,
    pub(crate) flags: FieldFlags,
    /// Whether bytes without a meaning as text are shown as dots.
    pub(crate) dots: bool,
}

impl Style {
    /// For the result of a transformer.
    pub(crate) const PLAIN: Self = Self {
        ty: ValueType::String,
        flags: FieldFlags::NONE,
        dots: false,
    };
}

/// What outputs show of a field.
enum Shown {
    /// Its value.
    Value,
    /// Data that was read or written, in the form that the configuration asks for.
    Data,
    /// The process itself, where conditions mean any ancestor.
    OwnPid,
    /// All values, separated by blanks.
    Joined,
    /// All values, as a list.
    List,
}

impl EventContext<'_> {
    /// Appends the text of a field, or [`ABSENT`]. Returns whether the field has a value.
    pub fn write_text(&mut self, field: FieldId, out: &mut String) -> bool {
        let present = self.write_present(field, out);
        if !present {
            out.push_str(ABSENT);
        }
        present
    }

    fn write_present(&mut self, field: FieldId, out: &mut String) -> bool {
        let Some((_, shown, style)) = self.shown(field) else {
            return false;
        };
        match shown {
            Shown::Value => match self.value(field) {
                Some(value) => {
                    write_value(value, style, out);
                    true
                }
                None => false,
            },
            Shown::Data => self.write_data(out),
            Shown::OwnPid => self.own_pid().is_some_and(|pid| {
                write_value(Value::I64(pid), style, out);
                true
            }),
            Shown::Joined => self.join(field, style, " ", out),
            Shown::List => {
                let mark = out.len();
                out.push('(');
                let present = self.join(field, style, ",", out);
                match present {
                    true => out.push(')'),
                    false => out.truncate(mark),
                }
                present
            }
        }
    }

    fn join(&mut self, field: FieldId, style: Style, separator: &str, out: &mut String) -> bool {
        let mut first = true;
        self.each(field, &mut |value| {
            if !first {
                out.push_str(separator);
            }
            first = false;
            write_value(value, style, out);
            ControlFlow::Continue(())
        })
    }

    /// The typed value of a field.
    pub fn output_value(&mut self, field: FieldId) -> OutputValue {
        let Some((info, shown, style)) = self.shown(field) else {
            return OutputValue::Null;
        };
        if let Some(moment) = self.moment(info) {
            return OutputValue::U64(moment);
        }
        let text = |present, text| {
            if present {
                OutputValue::String(text)
            } else {
                OutputValue::Null
            }
        };
        match shown {
            Shown::Value => self
                .value(field)
                .map_or(OutputValue::Null, |value| typed(value, style)),
            Shown::Data => {
                let mut data = String::new();
                text(self.write_data(&mut data), data)
            }
            Shown::OwnPid => self.own_pid().map_or(OutputValue::Null, OutputValue::I64),
            Shown::Joined => {
                let mut joined = String::new();
                text(self.join(field, style, " ", &mut joined), joined)
            }
            Shown::List => {
                let mut values = Vec::new();
                let present = self.each(field, &mut |value| {
                    values.push(typed(value, style));
                    ControlFlow::Continue(())
                });
                if present {
                    OutputValue::List(values)
                } else {
                    OutputValue::Null
                }
            }
        }
    }

    /// Appends what [`output_value`](Self::output_value) gives, without memory of its own, as far as
    /// it is the same in a text.
    pub fn write_output(&mut self, field: FieldId, out: &mut String) -> OutputForm {
        let Some((info, shown, style)) = self.shown(field) else {
            return OutputForm::Null;
        };
        if self.moment(info).is_some() {
            return OutputForm::Other(self.output_value(field));
        }
        let text = |present| {
            if present {
                OutputForm::Text
            } else {
                OutputForm::Null
            }
        };
        match shown {
            Shown::Value => match self.value(field) {
                None => OutputForm::Null,
                Some(Value::F64(number)) => OutputForm::Other(OutputValue::F64(number)),
                Some(value) => {
                    write_value(value, style, out);
                    let special = style.flags.contains(FieldFlags::HEX)
                        || style.flags.contains(FieldFlags::PADDED);
                    match value {
                        Value::I64(_) | Value::U64(_) if !special => OutputForm::Plain,
                        Value::Bool(_) => OutputForm::Plain,
                        _ => OutputForm::Text,
                    }
                }
            },
            Shown::Data => text(self.write_data(out)),
            Shown::OwnPid => match self.own_pid() {
                Some(pid) => {
                    write_value(Value::I64(pid), style, out);
                    OutputForm::Plain
                }
                None => OutputForm::Null,
            },
            Shown::Joined => text(self.join(field, style, " ", out)),
            Shown::List => match self.output_value(field) {
                OutputValue::Null => OutputForm::Null,
                value => OutputForm::Other(value),
            },
        }
    }

    /// What is shown of a field, and how; nothing of one that outputs have no value for.
    fn shown(&self, field: FieldId) -> Option<(Option<&'static FieldInfo>, Shown, Style)> {
        let spec = self.spec(field)?;
        if spec.flags.contains(FieldFlags::FILTER_ONLY) {
            return None;
        }
        let info = self.fields().info(field);
        let shown = match (info.map(|info| info.key), spec.desc.shape) {
            (Some(Key::Event(EventKey::Buffer)), _) => Shown::Data,
            (_, Shape::Scalar) => Shown::Value,
            (Some(Key::Process(ProcessKey::Apid)), Shape::Any) => Shown::OwnPid,
            (_, Shape::Any) => Shown::Joined,
            (_, Shape::List) => Shown::List,
        };
        let style = Style {
            ty: spec.desc.ty,
            flags: spec.flags,
            dots: true,
        };
        Some((info, shown, style))
    }

    fn own_pid(&self) -> Option<i64> {
        let now = self.occurrence();
        now.state.thread(now.subject.tid).map(|thread| thread.pid)
    }

    fn write_data(&mut self, out: &mut String) -> bool {
        let (view, scratch) = self.view_and_scratch();
        scratch.clear();
        let present = params::write_buffer(view, scratch);
        push_lossy(scratch, out);
        present
    }

    /// Times are whole nanoseconds in JSON, whatever their text leaves out.
    fn moment(&self, info: Option<&FieldInfo>) -> Option<u64> {
        use GenericKey as G;
        let now = self.occurrence();
        let ts = now.event.ts();
        match info?.key {
            Key::Generic(G::Time | G::TimeS | G::TimeIso8601 | G::Datetime | G::DatetimeS)
            | Key::Generic(G::Rawtime | G::RawtimeS | G::RawtimeNs)
            | Key::Event(EventKey::Outputtime) => Some(ts),
            Key::Generic(G::Reltime | G::ReltimeS | G::ReltimeNs) => {
                Some(ts.saturating_sub(now.first_ts))
            }
            Key::Event(EventKey::Deltatime | EventKey::DeltatimeS | EventKey::DeltatimeNs) => {
                Some(ts.saturating_sub(now.previous_ts))
            }
            _ => None,
        }
    }
}

/// Appends the text of a value.
pub(crate) fn write_value(value: Value<'_>, style: Style, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = match value {
        Value::Bytes(bytes) if style.dots && style.ty == ValueType::Buffer => {
            out.extend(bytes.iter().map(|&byte| match byte {
                b' '..=b'~' => char::from(byte),
                _ => '.',
            }));
            Ok(())
        }
        Value::Bytes(bytes) => {
            push_lossy(bytes, out);
            Ok(())
        }
        Value::I64(number) if style.flags.contains(FieldFlags::HEX) => {
            // A negative number of few bits is shown with these bits only.
            let unused = match style.ty {
                ValueType::Int(bits) => 64 - u32::from(bits).clamp(8, 64),
                _ => 0,
            };
            write!(out, "{:X}", (number as u64) << unused >> unused)
        }
        Value::U64(number) if style.flags.contains(FieldFlags::HEX) => write!(out, "{number:X}"),
        Value::U64(number) if style.flags.contains(FieldFlags::PADDED) => {
            write!(out, "{number:09}")
        }
        Value::I64(number) => {
            if number < 0 {
                out.push('-');
            }
            push_number(number.unsigned_abs(), out);
            Ok(())
        }
        Value::U64(number) => {
            push_number(number, out);
            Ok(())
        }
        Value::F64(number) => write!(out, "{number:.1}"),
        Value::Bool(holds) => {
            out.push_str(if holds { "true" } else { "false" });
            Ok(())
        }
        Value::Ip(ip) => write!(out, "{ip}"),
    };
}

/// A value for JSON; what is printed in an unusual form stays text.
pub(crate) fn typed(value: Value<'_>, style: Style) -> OutputValue {
    match value {
        Value::U64(_) | Value::I64(_)
            if style.flags.contains(FieldFlags::HEX)
                || style.flags.contains(FieldFlags::PADDED) => {}
        Value::I64(number) => return OutputValue::I64(number),
        Value::U64(number) => return OutputValue::U64(number),
        Value::F64(number) => return OutputValue::F64(number),
        Value::Bool(holds) => return OutputValue::Bool(holds),
        Value::Bytes(_) | Value::Ip(_) => {}
    }
    let mut text = String::new();
    write_value(value, style, &mut text);
    OutputValue::String(text)
}

/// Appends a decimal number.
fn push_number(mut number: u64, out: &mut String) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        start -= 1;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    let text = digits.get(start..).map(str::from_utf8);
    out.push_str(text.and_then(Result::ok).unwrap_or_default());
}

/// Appends bytes as text, with U+FFFD for what is not UTF-8.
fn push_lossy(bytes: &[u8], out: &mut String) {
    if let Ok(text) = str::from_utf8(bytes) {
        out.push_str(text);
        return;
    }
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
}
