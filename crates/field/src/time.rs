//! Moments as text, without an allocation.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SECOND: u64 = 1_000_000_000;

/// The forms in which outputs print a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeForm {
    /// `HH:MM:SS.nnnnnnnnn`, local.
    Time,
    /// `HH:MM:SS`, local.
    TimeSeconds,
    /// `YYYY-MM-DDTHH:MM:SS.nnnnnnnnn+0000`, UTC.
    Iso8601,
    /// `YYYY-MM-DD HH:MM:SS.nnnnnnnnn`, local.
    DateTime,
    /// `YYYY-MM-DD HH:MM:SS`, local.
    DateTimeSeconds,
}

/// Appends a moment, given in nanoseconds since the epoch; nothing when it is past the year 9999.
/// `zone` is what the local forms are local to.
pub fn write_time(out: &mut Vec<u8>, ts: u64, form: TimeForm, zone: &TimeZone) {
    let seconds = ts / SECOND;
    let Ok(moment) = Timestamp::from_second(i64::try_from(seconds).unwrap_or(i64::MAX)) else {
        return;
    };
    let zone = if form == TimeForm::Iso8601 {
        &TimeZone::UTC
    } else {
        zone
    };
    let civil = zone.to_datetime(moment);
    if !matches!(form, TimeForm::Time | TimeForm::TimeSeconds) {
        write_date(out, civil);
        out.push(if form == TimeForm::Iso8601 {
            b'T'
        } else {
            b' '
        });
    }
    digits(out, u64::from(civil.hour().unsigned_abs()), 2);
    out.push(b':');
    digits(out, u64::from(civil.minute().unsigned_abs()), 2);
    out.push(b':');
    digits(out, u64::from(civil.second().unsigned_abs()), 2);
    if !matches!(form, TimeForm::TimeSeconds | TimeForm::DateTimeSeconds) {
        out.push(b'.');
        digits(out, ts % SECOND, 9);
    }
    if form == TimeForm::Iso8601 {
        out.extend_from_slice(b"+0000");
    }
}

fn write_date(out: &mut Vec<u8>, civil: DateTime) {
    digits(out, u64::from(civil.year().unsigned_abs()), 4);
    out.push(b'-');
    digits(out, u64::from(civil.month().unsigned_abs()), 2);
    out.push(b'-');
    digits(out, u64::from(civil.day().unsigned_abs()), 2);
}

/// Appends a number in decimal, filled up with zeros from the left.
pub(crate) fn digits(out: &mut Vec<u8>, number: u64, width: usize) {
    let start = out.len();
    let mut rest = number;
    loop {
        out.push(b'0' + (rest % 10) as u8);
        rest /= 10;
        if rest == 0 && out.len() - start >= width {
            break;
        }
    }
    if let Some(number) = out.get_mut(start..) {
        number.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ts: u64, form: TimeForm, zone: &TimeZone) -> String {
        let mut out = Vec::new();
        write_time(&mut out, ts, form, zone);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn forms() {
        let ts = 1_534_527_348_518_881_735;
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        for (form, expected) in [
            (TimeForm::Time, "19:35:48.518881735"),
            (TimeForm::TimeSeconds, "19:35:48"),
            (TimeForm::Iso8601, "2018-08-17T17:35:48.518881735+0000"),
            (TimeForm::DateTime, "2018-08-17 19:35:48.518881735"),
            (TimeForm::DateTimeSeconds, "2018-08-17 19:35:48"),
        ] {
            assert_eq!(text(ts, form, &zone), expected, "{form:?}");
        }
    }

    #[test]
    fn moments_that_no_calendar_has_are_left_out() {
        assert_eq!(
            text(0, TimeForm::Time, &TimeZone::UTC),
            "00:00:00.000000000"
        );
        assert_eq!(
            text(u64::MAX, TimeForm::DateTimeSeconds, &TimeZone::UTC),
            "2554-07-21 23:34:33"
        );
    }

    #[test]
    fn numbers_are_padded_but_not_cut() {
        let mut out = Vec::new();
        digits(&mut out, 7, 3);
        digits(&mut out, 1234, 3);
        digits(&mut out, 0, 1);
        assert_eq!(out, b"00712340");
    }
}
