//! Numbers and times.

use crate::table::PrintFormat;

/// Appends formatted text. Writing to a vector cannot fail.
macro_rules! push {
    ($out:expr, $($arg:tt)*) => {
        std::io::Write::write_fmt($out, format_args!($($arg)*)).expect("a vector takes everything")
    };
}
pub(super) use push;

/// Appends an unsigned number: decimal, upper-case hexadecimal, or octal with a leading zero.
pub(super) fn push_unsigned(value: u64, format: PrintFormat, out: &mut Vec<u8>) {
    match format {
        PrintFormat::Hex => push!(out, "{value:X}"),
        PrintFormat::Oct => push_octal(value, out),
        PrintFormat::Na | PrintFormat::Dec | PrintFormat::Id | PrintFormat::Dir => {
            push!(out, "{value}");
        }
    }
}

/// Appends a signed number; other bases than ten show its two's complement in `size` bytes.
pub(super) fn push_signed(value: i64, size: usize, format: PrintFormat, out: &mut Vec<u8>) {
    match format {
        PrintFormat::Hex | PrintFormat::Oct => {
            let unused = 64 - 8 * size.clamp(1, 8) as u32;
            push_unsigned((value as u64) << unused >> unused, format, out);
        }
        PrintFormat::Na | PrintFormat::Dec | PrintFormat::Id | PrintFormat::Dir => {
            push!(out, "{value}");
        }
    }
}

/// Appends an octal number with a leading zero, as file modes are written.
pub(super) fn push_octal(value: u64, out: &mut Vec<u8>) {
    if value == 0 {
        out.push(b'0');
    } else {
        push!(out, "0{value:o}");
    }
}

/// Appends nanoseconds as seconds with at most six significant digits and no trailing zeros, in
/// exponential form below 0.0001 and from a million on (C's `%g`).
pub(super) fn push_seconds(nanoseconds: u64, out: &mut Vec<u8>) {
    const DIGITS: i32 = 6;
    let value = nanoseconds as f64 / 1e9;
    if value == 0.0 {
        out.extend_from_slice(b"0s");
        return;
    }
    // Rounding to the digits shown may carry into a new one, so the exponent comes from the
    // rounded form.
    let mut digits = [0u8; 16];
    let mut rest = &mut digits[..];
    push!(&mut rest, "{value:.5e}");
    let unused = rest.len();
    let rounded = &digits[..digits.len() - unused];
    let split = rounded
        .iter()
        .position(|byte| *byte == b'e')
        .unwrap_or(rounded.len());
    let exponent: i32 = std::str::from_utf8(&rounded[split..])
        .ok()
        .and_then(|text| text.get(1..)?.parse().ok())
        .unwrap_or_default();
    let start = out.len();
    if (-4..DIGITS).contains(&exponent) {
        let decimals = (DIGITS - 1 - exponent) as usize;
        push!(out, "{value:.decimals$}");
        trim_zeros(start, out);
    } else {
        out.extend_from_slice(&rounded[..split]);
        trim_zeros(start, out);
        let sign = if exponent < 0 { '-' } else { '+' };
        push!(out, "e{sign}{:02}", exponent.unsigned_abs());
    }
    out.push(b's');
}

/// Takes the zeros off the end of a decimal fraction that starts at `start`.
fn trim_zeros(start: usize, out: &mut Vec<u8>) {
    if !out[start..].contains(&b'.') {
        return;
    }
    while out.last() == Some(&b'0') {
        out.pop();
    }
    if out.last() == Some(&b'.') {
        out.pop();
    }
}

/// Appends nanoseconds since the epoch as date and time of day, `offset` seconds ahead of UTC.
pub(super) fn push_date(nanoseconds: u64, offset: i32, out: &mut Vec<u8>) {
    let seconds = (nanoseconds / 1_000_000_000) as i64 + i64::from(offset);
    let (days, time) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    let fraction = nanoseconds % 1_000_000_000;
    push!(
        out,
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{fraction:09}"
    );
}

/// The date of a day since 1970-01-01 in the Gregorian calendar, counted in eras of 400 years that
/// start on the first of March, so that the leap day comes last.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(nanoseconds: u64) -> String {
        let mut out = Vec::new();
        push_seconds(nanoseconds, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn seconds_have_six_digits() {
        for (nanoseconds, text) in [
            (0, "0s"),
            (1, "1e-09s"),
            (1_500, "1.5e-06s"),
            (100_000, "0.0001s"),
            (500_000_000, "0.5s"),
            (1_000_000_000, "1s"),
            (1_234_567_890, "1.23457s"),
            (999_999_999_999_999, "1e+06s"),
            (999_999_000_000_000, "999999s"),
            (1_000_000_000_000_000, "1e+06s"),
            (99_999_951, "0.1s"),
            (60_000_000_000, "60s"),
            (18_446_744_073_709_551_614, "1.84467e+10s"),
        ] {
            assert_eq!(seconds(nanoseconds), text, "{nanoseconds}");
        }
    }

    #[test]
    fn dates() {
        let date = |nanoseconds, offset| {
            let mut out = Vec::new();
            push_date(nanoseconds, offset, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(date(0, 0), "1970-01-01 00:00:00.000000000");
        assert_eq!(
            date(951_782_400_000_000_001, 0),
            "2000-02-29 00:00:00.000000001"
        );
        assert_eq!(
            date(1_740_045_993_456_577_163, 0),
            "2025-02-20 10:06:33.456577163"
        );
        assert_eq!(
            date(1_740_045_993_456_577_163, 3600),
            "2025-02-20 11:06:33.456577163"
        );
        assert_eq!(date(0, -3600), "1969-12-31 23:00:00.000000000");
        assert_eq!(date(u64::MAX, 0), "2554-07-21 23:34:33.709551615");
    }

    #[test]
    fn bases() {
        let unsigned = |value, format| {
            let mut out = Vec::new();
            push_unsigned(value, format, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(unsigned(0x7fad_4877_0000, PrintFormat::Hex), "7FAD48770000");
        assert_eq!(unsigned(0o666, PrintFormat::Oct), "0666");
        assert_eq!(unsigned(0, PrintFormat::Oct), "0");
        let mut out = Vec::new();
        push_signed(-1, 4, PrintFormat::Hex, &mut out);
        push_signed(-1, 1, PrintFormat::Oct, &mut out);
        push_signed(-1, 8, PrintFormat::Dec, &mut out);
        assert_eq!(out, b"FFFFFFFF0377-1");
    }
}
