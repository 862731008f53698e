//! Numbers as C++ streams and `printf("%g")` print them: six significant digits.

/// Appends `number` with six significant digits, no trailing zeros, and an exponent when it is below
/// 0.0001 or has more than six digits before the point.
pub(crate) fn push_general(out: &mut String, number: f64) {
    if !number.is_finite() {
        let name = if number.is_nan() { "nan" } else { "inf" };
        out.push_str(if number.is_sign_negative() { "-" } else { "" });
        out.push_str(name);
        return;
    }
    // Rounding to six digits may carry into a seventh, so the exponent is taken after it.
    let scientific = format!("{number:.5e}");
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("the format has an exponent");
    let exponent: i32 = exponent.parse().expect("the format's exponent is a number");
    if (-4..6).contains(&exponent) {
        let decimals = usize::try_from(5 - exponent).expect("at most nine");
        out.push_str(without_trailing_zeros(&format!("{number:.decimals$}")));
        return;
    }
    out.push_str(without_trailing_zeros(mantissa));
    let sign = if exponent < 0 { '-' } else { '+' };
    out.push_str(&format!("e{sign}{:02}", exponent.unsigned_abs()));
}

fn without_trailing_zeros(number: &str) -> &str {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn general(number: f64) -> String {
        let mut out = String::new();
        push_general(&mut out, number);
        out
    }

    /// The right column is what glibc's `printf("%g")` says.
    #[test]
    fn as_printf() {
        for (number, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (100.0, "100"),
            (4.560_877_190_479_316, "4.56088"),
            (16.081_340_252_707_58, "16.0813"),
            (0.1, "0.1"),
            (0.000_1, "0.0001"),
            (0.000_099_999_96, "0.0001"),
            (0.000_099_999, "9.9999e-05"),
            (0.000_01, "1e-05"),
            (2.5e-7, "2.5e-07"),
            (123_456.0, "123456"),
            (999_999.4, "999999"),
            (999_999.5, "1e+06"),
            (1_234_567.0, "1.23457e+06"),
            (1e100, "1e+100"),
            (5e-324, "4.94066e-324"),
            (-1.5, "-1.5"),
            (33.333_333_333_333_336, "33.3333"),
            (0.5, "0.5"),
            (99.999_999, "100"),
        ] {
            assert_eq!(general(number), expected, "{number:?}");
        }
        assert_eq!(general(f64::INFINITY), "inf");
    }

    proptest! {
        /// Six digits say as much as six digits can.
        #[test]
        fn close_to_the_number(number in proptest::num::f64::NORMAL) {
            let read: f64 = general(number).parse().unwrap();
            prop_assert!((read - number).abs() <= number.abs() * 5.1e-6 || read.is_infinite());
        }
    }
}
