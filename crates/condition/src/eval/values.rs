//! Values that are kept for a while, in memory that is used again.

use std::io::Write;

use crate::value::Value;

/// Some values. Clearing them keeps the memory.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) bytes: Vec<u8>,
    pub(super) items: Vec<Item>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    /// A range of the bytes.
    Bytes {
        start: usize,
        end: usize,
    },
    Other(Value<'static>),
}

impl Values {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.items.clear();
    }

    pub(super) fn push(&mut self, value: Value<'_>) {
        let item = match value {
            Value::Bytes(bytes) => return self.push_bytes(bytes.iter().copied()),
            Value::I64(number) => Value::I64(number),
            Value::U64(number) => Value::U64(number),
            Value::F64(number) => Value::F64(number),
            Value::Bool(bool) => Value::Bool(bool),
            Value::Ip(address) => Value::Ip(address),
        };
        self.items.push(Item::Other(item));
    }

    pub(super) fn push_bytes(&mut self, bytes: impl Iterator<Item = u8>) {
        let start = self.bytes.len();
        self.bytes.extend(bytes);
        self.end_bytes(start);
    }

    /// Makes the bytes from `start` on a value.
    pub(super) fn end_bytes(&mut self, start: usize) {
        self.items.push(Item::Bytes {
            start,
            end: self.bytes.len(),
        });
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Value<'_>> {
        self.items.iter().map(|&item| self.value(item))
    }

    fn value(&self, item: Item) -> Value<'_> {
        match item {
            Item::Bytes { start, end } => Value::Bytes(&self.bytes[start..end]),
            Item::Other(value) => value,
        }
    }
}

/// Appends a value as people read it.
pub(super) fn render(value: Value<'_>, text: &mut Vec<u8>) {
    let written = match value {
        Value::Bytes(bytes) => {
            text.extend_from_slice(bytes);
            Ok(())
        }
        Value::I64(number) => write!(text, "{number}"),
        Value::U64(number) => write!(text, "{number}"),
        Value::F64(number) => write!(text, "{number:.1}"),
        Value::Bool(bool) => write!(text, "{bool}"),
        Value::Ip(address) => write!(text, "{address}"),
    };
    written.expect("a Vec takes any bytes");
}
