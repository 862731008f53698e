//! Moments as text.
//!
//! Everything but the nanoseconds of a moment changes once a second, so that much is kept.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const SECOND: u64 = 1_000_000_000;

/// Writes moments of one time zone.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    zone: TimeZone,
    /// The second that the texts are of.
    second: Option<u64>,
    /// `HH:MM:SS` there.
    time: [u8; 8],
    /// `YYYY-MM-DDTHH:MM:SS` in UTC.
    utc: [u8; 19],
}

impl Clock {
    pub(crate) fn new(zone: TimeZone) -> Self {
        Self {
            zone,
            second: None,
            time: [b'0'; 8],
            utc: [b'0'; 19],
        }
    }

    /// Appends `HH:MM:SS.nnnnnnnnn`, local.
    pub(crate) fn local(&mut self, out: &mut String, ts: u64) {
        self.turn(ts / SECOND);
        push_ascii(out, &self.time);
        push_nanoseconds(out, ts % SECOND);
    }

    /// Appends `YYYY-MM-DDTHH:MM:SS.nnnnnnnnn`, UTC, without a zone.
    pub(crate) fn utc(&mut self, out: &mut String, ts: u64) {
        self.turn(ts / SECOND);
        push_ascii(out, &self.utc);
        push_nanoseconds(out, ts % SECOND);
    }

    fn turn(&mut self, second: u64) {
        if self.second == Some(second) {
            return;
        }
        // A u64 of nanoseconds ends in the year 2554, long before jiff does.
        let offset = i64::try_from(second)
            .ok()
            .and_then(|second| Timestamp::from_second(second).ok())
            .map_or(0, |moment| self.zone.to_offset(moment).seconds());
        let local = second.saturating_add_signed(i64::from(offset)) % 86_400;
        write_time(&mut self.time, local);
        let (year, month, day) = civil(second / 86_400);
        write_digits(&mut self.utc[0..4], year);
        self.utc[4] = b'-';
        write_digits(&mut self.utc[5..7], month);
        self.utc[7] = b'-';
        write_digits(&mut self.utc[8..10], day);
        self.utc[10] = b'T';
        write_time(&mut self.utc[11..19], second % 86_400);
        self.second = Some(second);
    }
}

/// Year, month and day of the `days`-th day after 1 January 1970, in the Gregorian calendar.
///
/// Years are counted from March, so that the day that leap years add is the last of its year, and
/// in eras of 400 years, which all have the same 146 097 days.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

fn write_time(out: &mut [u8], second_of_day: u64) {
    write_digits(&mut out[0..2], second_of_day / 3_600);
    out[2] = b':';
    write_digits(&mut out[3..5], second_of_day / 60 % 60);
    out[5] = b':';
    write_digits(&mut out[6..8], second_of_day % 60);
}

/// Fills `out` with the last digits of `number`.
fn write_digits(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn push_nanoseconds(out: &mut String, nanoseconds: u64) {
    let mut digits = *b".000000000";
    write_digits(&mut digits[1..], nanoseconds);
    push_ascii(out, &digits);
}

fn push_ascii(out: &mut String, bytes: &[u8]) {
    out.push_str(std::str::from_utf8(bytes).expect("only digits and punctuation"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz;
    use proptest::prelude::*;

    fn utc(ts: u64) -> String {
        let mut out = String::new();
        Clock::new(TimeZone::UTC).utc(&mut out, ts);
        out
    }

    #[test]
    fn moments() {
        assert_eq!(utc(0), "1970-01-01T00:00:00.000000000");
        assert_eq!(utc(951_782_400 * SECOND), "2000-02-29T00:00:00.000000000");
        assert_eq!(utc(4_107_542_400 * SECOND), "2100-03-01T00:00:00.000000000");
        assert_eq!(utc(u64::MAX), "2554-07-21T23:34:33.709551615");
    }

    #[test]
    fn zones() {
        let mut out = String::new();
        let mut clock = Clock::new(tz::offset(-5).to_time_zone());
        clock.local(&mut out, 1);
        // Before the epoch there: the clock stops at midnight rather than wrap.
        assert_eq!(out, "00:00:00.000000001");
        out.clear();
        clock.local(&mut out, 86_400 * SECOND);
        assert_eq!(out, "19:00:00.000000000");
    }

    proptest! {
        #[test]
        fn agrees_with_jiff(ts: u64, hours in -12i8..=14) {
            let moment = Timestamp::from_nanosecond(i128::from(ts)).unwrap();
            prop_assert_eq!(utc(ts), moment.strftime("%Y-%m-%dT%H:%M:%S.%9f").to_string());
            if ts > 86_400 * SECOND {
                let zone = tz::offset(hours).to_time_zone();
                let mut out = String::new();
                Clock::new(zone.clone()).local(&mut out, ts);
                let expected = moment.to_zoned_datetime(zone).strftime("%H:%M:%S.%9f").to_string();
                prop_assert_eq!(out, expected);
            }
        }
    }
}
