//! Durations, floats and sizes as the original prints and reads them.

use std::fmt::Write;
use std::time::Duration;

/// `1h2m3.5s`, `250ms`, `12.207µs`, `0s`: without trailing zeros, below a second in the largest unit
/// that leaves a whole part.
pub(crate) fn format_duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    match nanos {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => format!("{}µs", with_fraction(nanos, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", with_fraction(nanos, 1_000_000)),
        _ => {
            let seconds = duration.as_secs();
            let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
            let mut text = String::new();
            if hours > 0 {
                let _ = write!(text, "{hours}h");
            }
            if hours > 0 || minutes > 0 {
                let _ = write!(text, "{minutes}m");
            }
            let rest =
                u128::from(seconds % 60) * 1_000_000_000 + u128::from(duration.subsec_nanos());
            text + &with_fraction(rest, 1_000_000_000) + "s"
        }
    }
}

fn with_fraction(amount: u128, unit: u128) -> String {
    let (whole, rest) = (amount / unit, amount % unit);
    if rest == 0 {
        return whole.to_string();
    }
    let digits = unit.ilog10() as usize;
    let fraction = format!("{rest:0digits$}");
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

/// Reads what [`format_duration`] prints, and the other spellings: `1.5h`, `100us`, `0`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is not a duration such as 100ms, 5s or 1m30s");
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut nanos = 0.0_f64;
    let mut rest = text;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(end);
        let end = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let unit = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return Err(wrong()),
        };
        nanos += number.parse::<f64>().map_err(|_| wrong())? * unit;
        rest = tail;
    }
    // 2^63 ns, the most the original can say: 292 years.
    if nanos >= 9.2e18 {
        return Err(wrong());
    }
    Ok(Duration::from_nanos(nanos.round() as u64))
}

/// The shortest digits that read back the same, with an exponent outside `1e-4 .. 1e21`.
pub(crate) fn format_float(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() || (1e-4..1e21).contains(&size) {
        return value.to_string();
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// `4.2 MB`, `36 MB`, `1.1 GB`: powers of 1000, one decimal below ten.
pub(crate) fn format_bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 10 {
        return format!("{bytes} B");
    }
    let power = bytes.ilog(1000) as usize;
    let scaled = bytes as f64 / 1000_u64.pow(bytes.ilog(1000)) as f64;
    let rounded = (scaled * 10.0 + 0.5).floor() / 10.0;
    if rounded < 10.0 {
        format!("{rounded:.1} {}", UNITS[power])
    } else {
        format!("{rounded:.0} {}", UNITS[power])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_and_read() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (999, "999ns"),
            (6_103, "6.103µs"),
            (12_207, "12.207µs"),
            (97_656, "97.656µs"),
            (20_000_000, "20ms"),
            (1_562_500, "1.5625ms"),
            (100_000_000, "100ms"),
            (5_000_000_000, "5s"),
            (1_500_000_000, "1.5s"),
            (60_000_000_000, "1m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (3_723_500_000_000, "1h2m3.5s"),
        ] {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(format_duration(duration), text);
            assert_eq!(parse_duration(text), Ok(duration));
        }
    }

    #[test]
    fn durations_read_in_other_spellings() {
        assert_eq!(parse_duration("100us"), Ok(Duration::from_micros(100)));
        assert_eq!(parse_duration("1.5h"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_duration("0"), Ok(Duration::ZERO));
        assert_eq!(parse_duration(".5s"), Ok(Duration::from_millis(500)));
        for wrong in [
            "",
            "5",
            "s",
            "-5s",
            "5 s",
            "1..5s",
            "5x",
            "99999999999h",
            "1e3s",
            "µ",
        ] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn floats() {
        for (value, text) in [
            (0.9838151888227971, "0.9838151888227971"),
            (1.0, "1"),
            (0.0, "0"),
            (0.0001, "0.0001"),
            (0.000_05, "5e-05"),
            (1e21, "1e+21"),
            (8674.2, "8674.2"),
        ] {
            assert_eq!(format_float(value), text);
        }
    }

    #[test]
    fn bytes() {
        for (bytes, text) in [
            (0, "0 B"),
            (9, "9 B"),
            (10, "10 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (4_194_304, "4.2 MB"),
            (9_999_999, "10 MB"),
            (36_100_000, "36 MB"),
            (121_000_000, "121 MB"),
            (1_100_000_000, "1.1 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(format_bytes(bytes), text);
        }
    }
}
