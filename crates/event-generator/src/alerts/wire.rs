//! An alert as gRPC carries it, read where it lies.
//!
//! At a hundred thousand alerts a second, building the whole message with its map of fields would cost
//! more of the machine than the engine under test spends on some of them. So only what [`Alert`] has
//! is read, and nothing is copied. The numbers are those of `outputs.proto`.

use super::alert::{Alert, Process};

const TIME: u64 = 1;
const RULE: u64 = 4;
const OUTPUT_FIELDS: u64 = 6;
const SOURCE: u64 = 9;

/// Reads an alert.
///
/// # Errors
/// Says what is wrong with the message.
pub(super) fn alert(message: &[u8]) -> Result<Alert<'_>, &'static str> {
    let mut alert = Alert::default();
    let mut reader = Reader(message);
    while let Some((number, value)) = reader.field()? {
        match (number, value) {
            (TIME, Value::Bytes(bytes)) => alert.time = Some(timestamp(bytes)?),
            (RULE, Value::Bytes(bytes)) => alert.rule = text(bytes)?,
            (SOURCE, Value::Bytes(bytes)) => alert.source = text(bytes)?,
            (OUTPUT_FIELDS, Value::Bytes(bytes)) => entry(bytes, &mut alert.process)?,
            _ => {}
        }
    }
    Ok(alert)
}

/// Seconds and nanoseconds since the epoch.
fn timestamp(message: &[u8]) -> Result<u64, &'static str> {
    let (mut seconds, mut nanoseconds) = (0_u64, 0_u64);
    let mut reader = Reader(message);
    while let Some((number, value)) = reader.field()? {
        match (number, value) {
            (1, Value::Number(number)) => seconds = number,
            (2, Value::Number(number)) => nanoseconds = number,
            _ => {}
        }
    }
    Ok(seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds))
}

/// One entry of the map of output fields.
fn entry(message: &[u8], process: &mut Process) -> Result<(), &'static str> {
    let (mut key, mut pid): (&[u8], &[u8]) = (b"", b"");
    let mut reader = Reader(message);
    while let Some((number, value)) = reader.field()? {
        match (number, value) {
            (1, Value::Bytes(bytes)) => key = bytes,
            (2, Value::Bytes(bytes)) => pid = bytes,
            _ => {}
        }
    }
    // Most keys are others: no need to look at them as text.
    if key.starts_with(b"proc.")
        && let (Ok(key), Ok(pid)) = (std::str::from_utf8(key), std::str::from_utf8(pid))
        && let Ok(pid) = pid.parse()
    {
        process.note(key, pid);
    }
    Ok(())
}

fn text(bytes: &[u8]) -> Result<&str, &'static str> {
    std::str::from_utf8(bytes).map_err(|_| "a text that is not UTF-8")
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next field: its number and its value.
    fn field(&mut self) -> Result<Option<(u64, Value<'a>)>, &'static str> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.number()?;
        let value = match tag & 7 {
            0 => Value::Number(self.number()?),
            1 => self.bytes(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.number()?).map_err(|_| CUT)?;
                Value::Bytes(self.bytes(length)?)
            }
            5 => self.bytes(4).map(|_| Value::Fixed)?,
            _ => return Err("a field of unknown kind"),
        };
        Ok(Some((tag >> 3, value)))
    }

    fn number(&mut self) -> Result<u64, &'static str> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or(CUT)?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number of more than 64 bits")
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(CUT)?;
        self.0 = rest;
        Ok(bytes)
    }
}

const CUT: &str = "a message that ends too early";

#[cfg(test)]
mod tests {
    use outputs_api::Timestamp;
    use outputs_api::outputs::Response;
    use prost::Message;

    use super::*;

    fn response() -> Response {
        let fields = [
            ("proc.pid", "4242"),
            ("proc.name", "ünïx"),
            ("proc.apid[1]", "17"),
            ("evt.time", "1"),
        ];
        Response {
            time: Some(Timestamp {
                seconds: 1_700_000_000,
                nanos: 123_456_789,
            }),
            priority: 4,
            rule: "Read sensitive file untrusted".into(),
            output: "x".repeat(500),
            output_fields: fields
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            hostname: "h".into(),
            tags: vec!["t".into()],
            source: "syscall".into(),
            ..Response::default()
        }
    }

    #[test]
    fn what_the_generated_code_writes_is_read() {
        let bytes = response().encode_to_vec();
        let alert = alert(&bytes).unwrap();
        assert_eq!(
            (alert.rule, alert.source),
            ("Read sensitive file untrusted", "syscall")
        );
        assert_eq!(alert.time, Some(1_700_000_000_123_456_789));
        assert_eq!(alert.process.is_of(4242), Some(true));
        assert_eq!(alert.process.is_of(17), Some(true));
        assert_eq!(alert.process.is_of(1), Some(false));
    }

    #[test]
    fn damage_is_an_error_or_another_message() {
        let bytes = response().encode_to_vec();
        for end in 0..bytes.len() {
            let _ = alert(&bytes[..end]);
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            let _ = alert(&damaged);
        }
        assert_eq!(alert(&[0x22, 5, b'a']), Err(CUT));
        assert_eq!(alert(&[0x22, 1, 0xff]), Err("a text that is not UTF-8"));
        assert_eq!(alert(&[0xff; 11]), Err("a number of more than 64 bits"));
        assert_eq!(alert(&[0x0b]), Err("a field of unknown kind"));
        assert_eq!(alert(&[]), Ok(Alert::default()));
    }
}
