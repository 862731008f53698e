//! Reads constants by the type of what they are compared with.

use std::net::IpAddr;

use ipnet::IpNet;

use super::error::describe;
use crate::ast::Operator;
use crate::matching::path_prefix::MAX_LENGTH;
use crate::matching::services;
use crate::pool::Constant;
use crate::quote::hex_byte;
use crate::value::ValueType;

/// Reads a constant; says why it is not of the type.
pub(super) fn read(bytes: &[u8], operator: Operator, ty: ValueType) -> Result<Constant, String> {
    match ty {
        ValueType::String | ValueType::Path => text(bytes, operator),
        ValueType::Buffer => match operator {
            Operator::BContains | Operator::BStartsWith => hexadecimal(bytes),
            _ => Ok(Constant::Bytes(bytes.into())),
        },
        _ => {
            let text = std::str::from_utf8(bytes).map_err(|_| expected(ty))?;
            read_value(text, ty)
        }
    }
}

fn read_value(text: &str, ty: ValueType) -> Result<Constant, String> {
    let constant = match ty {
        ValueType::Int(bits) => signed(text, bits).map(Constant::I64),
        ValueType::Uint(bits) => return unsigned(text, bits, ty),
        ValueType::RelTime | ValueType::AbsTime => return unsigned(text, 64, ty),
        ValueType::Port => match services::port(text) {
            Some(port) => Some(Constant::U64(port.into())),
            None => unsigned_in(text, 16).map(Constant::U64),
        },
        ValueType::Double => double(text).map(|number| Constant::F64(number.to_bits())),
        ValueType::Bool => match text {
            "true" | "1" => Some(Constant::Bool(true)),
            "false" | "0" => Some(Constant::Bool(false)),
            _ => None,
        },
        ValueType::IpAddr => match text.parse::<IpAddr>() {
            Ok(address) => Some(Constant::Ip(address.to_canonical())),
            Err(_) if text.parse::<IpNet>().is_ok() => {
                return Err("expected one IP address; networks go with fields like fd.net".into());
            }
            Err(_) => None,
        },
        ValueType::IpNet => match text.parse::<IpNet>() {
            Ok(network) => Some(Constant::Net(network.trunc())),
            Err(_) if text.parse::<IpAddr>().is_ok() => {
                return Err(format!("expected a network, like '{text}/24'"));
            }
            Err(_) => None,
        },
        ValueType::String | ValueType::Path | ValueType::Buffer => None,
    };
    constant.ok_or_else(|| expected(ty))
}

fn expected(ty: ValueType) -> String {
    let range = match ty {
        ValueType::Int(bits) if bits < 64 => {
            let limit = 1_i64 << (bits - 1);
            format!(" ({} to {})", -limit, limit - 1)
        }
        ValueType::Uint(bits) if bits < 64 => format!(" (0 to {})", (1_u64 << bits) - 1),
        ValueType::Port => " (0 to 65535, or the name of a service)".to_owned(),
        ValueType::IpNet => ", like '10.0.0.0/8'".to_owned(),
        _ => String::new(),
    };
    format!("expected {}{range}", describe(ty))
}

fn text(bytes: &[u8], operator: Operator) -> Result<Constant, String> {
    if bytes.contains(&0) {
        return Err("a text cannot contain a NUL byte".to_owned());
    }
    if operator == Operator::PMatch && bytes.len() > MAX_LENGTH {
        return Err(format!("a path has at most {MAX_LENGTH} bytes"));
    }
    if operator == Operator::Regex && std::str::from_utf8(bytes).is_err() {
        return Err("a regular expression must be valid UTF-8".to_owned());
    }
    Ok(Constant::Bytes(bytes.into()))
}

fn hexadecimal(bytes: &[u8]) -> Result<Constant, String> {
    if bytes.len() % 2 == 1 {
        return Err("expected an even number of hexadecimal digits".to_owned());
    }
    let bytes: Option<Box<[u8]>> = bytes
        .chunks_exact(2)
        .map(|pair| hex_byte([pair[0], pair[1]]))
        .collect();
    bytes
        .map(Constant::Bytes)
        .ok_or_else(|| "expected hexadecimal digits".to_owned())
}

/// A whole number, decimal with an optional sign or hexadecimal after `0x`.
fn integer(text: &str) -> Option<i128> {
    let digits = |text: &str, radix| match text.bytes().next() {
        Some(first) if first.is_ascii_alphanumeric() => i128::from_str_radix(text, radix).ok(),
        _ => None,
    };
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return digits(hex, 16);
    }
    match text.strip_prefix('-') {
        Some(magnitude) => digits(magnitude, 10).map(|number| -number),
        None => digits(text.strip_prefix('+').unwrap_or(text), 10),
    }
}

fn signed(text: &str, bits: u8) -> Option<i64> {
    let number = i64::try_from(integer(text)?).ok()?;
    let limit = 1_i128 << (bits - 1);
    (-limit..limit)
        .contains(&i128::from(number))
        .then_some(number)
}

fn unsigned_in(text: &str, bits: u8) -> Option<u64> {
    let number = u64::try_from(integer(text)?).ok()?;
    (u128::from(number) < 1 << bits).then_some(number)
}

/// Rules write `-1` for the unset value of unsigned fields, which has all bits set; so a negative
/// number is taken as its two's complement in the width of the field.
fn unsigned(text: &str, bits: u8, ty: ValueType) -> Result<Constant, String> {
    if let Some(number) = unsigned_in(text, bits) {
        return Ok(Constant::U64(number));
    }
    match integer(text) {
        Some(number) if number < 0 && signed(text, bits).is_some() => {
            let wrapped = u64::try_from((1_i128 << bits) + number);
            Ok(Constant::U64(
                wrapped.expect("a sum below two to the power of bits fits"),
            ))
        }
        _ => Err(expected(ty)),
    }
}

fn double(text: &str) -> Option<f64> {
    if let Some(number) = integer(text) {
        return Some(number as f64);
    }
    // Neither "inf" nor "nan" is a number here.
    let plain =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    text.bytes()
        .all(plain)
        .then(|| text.parse().ok())
        .flatten()
        .filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, ty: ValueType) -> Result<Constant, String> {
        super::read(text.as_bytes(), Operator::Eq, ty)
    }

    #[test]
    fn numbers_must_fit() {
        assert_eq!(read("-128", ValueType::Int(8)), Ok(Constant::I64(-128)));
        assert_eq!(read("0x7f", ValueType::Int(8)), Ok(Constant::I64(127)));
        assert_eq!(read("+1", ValueType::Int(64)), Ok(Constant::I64(1)));
        assert_eq!(
            read("128", ValueType::Int(8)).unwrap_err(),
            "expected a signed 8-bit number (-128 to 127)"
        );
        assert_eq!(
            read("9223372036854775807", ValueType::Int(64)),
            Ok(Constant::I64(i64::MAX))
        );
        assert!(read("9223372036854775808", ValueType::Int(64)).is_err());
        assert_eq!(
            read("18446744073709551615", ValueType::Uint(64)),
            Ok(Constant::U64(u64::MAX))
        );
        assert!(read("18446744073709551616", ValueType::Uint(64)).is_err());
        assert!(
            read(
                "999999999999999999999999999999999999999999999",
                ValueType::Uint(64)
            )
            .is_err()
        );
        for wrong in ["", "-", "+-1", "--1", "0x", "0x-1", "1.5", "1e3", "a", "1 "] {
            assert!(read(wrong, ValueType::Int(64)).is_err(), "{wrong:?}");
            assert!(read(wrong, ValueType::Uint(64)).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn minus_one_is_the_unset_value_of_unsigned_fields() {
        assert_eq!(
            read("-1", ValueType::Uint(32)),
            Ok(Constant::U64(u32::MAX.into()))
        );
        assert_eq!(read("-1", ValueType::Uint(64)), Ok(Constant::U64(u64::MAX)));
        assert!(read("-1", ValueType::Port).is_err());
    }

    #[test]
    fn other_types() {
        assert_eq!(read("ssh", ValueType::Port), Ok(Constant::U64(22)));
        assert_eq!(read("65535", ValueType::Port), Ok(Constant::U64(65535)));
        assert!(read("65536", ValueType::Port).is_err());
        assert_eq!(
            read("1.5", ValueType::Double),
            Ok(Constant::F64(1.5_f64.to_bits()))
        );
        assert!(read("nan", ValueType::Double).is_err());
        assert!(read("1e999", ValueType::Double).is_err());
        assert!(read("True", ValueType::Bool).is_err());
        let v4 = Constant::Ip([1, 2, 3, 4].into());
        assert_eq!(read("::ffff:1.2.3.4", ValueType::IpAddr), Ok(v4));
        assert!(
            read("10.0.0.0/8", ValueType::IpAddr)
                .unwrap_err()
                .contains("fd.net")
        );
        assert_eq!(
            read("10.1.2.3/8", ValueType::IpNet),
            Ok(Constant::Net("10.0.0.0/8".parse().unwrap()))
        );
        assert!(
            read("10.0.0.1", ValueType::IpNet)
                .unwrap_err()
                .contains("10.0.0.1/24")
        );
        assert!(read("10.0.0.1/33", ValueType::IpNet).is_err());
        assert!(super::read(b"\xff", Operator::Eq, ValueType::Bool).is_err());
    }
}
