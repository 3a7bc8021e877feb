//! Reads numbers as `pandas` does: a sign, digits, a decimal mark, an exponent, spaces around.

/// A number as it stands in a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Number {
    /// The value.
    pub(crate) value: f64,
    /// The value again, where it is whole and fits.
    pub(crate) integer: Option<i64>,
    /// Whether it is written like `007`, as codes are.
    pub(crate) leading_zero: bool,
    /// The decimal mark, where there is one: under the other mark this is no number.
    pub(crate) mark: Option<u8>,
}

/// The powers of ten that a double holds exactly, as far as they are needed.
const POWERS: [f64; 16] = [
    1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];
/// As many digits always fit a 64-bit integer ...
const INTEGER_DIGITS: usize = 18;
/// ... and as many a double, so that one division rounds correctly (Clinger's fast path).
const EXACT_DIGITS: usize = 15;

/// Reads a field under either decimal mark, a point or a comma.
#[inline]
pub(crate) fn read(field: &[u8]) -> Option<Number> {
    // Most of what is no number is told by its first byte.
    if !matches!(field.first()?, b' ' | b'\t'..=b'\r' | b'0'..=b'9' | b'+' | b'-' | b'.' | b',') {
        return None;
    }
    Shape::of_short(field).map_or_else(|| read_any(field), |shape| Some(shape.short_number(field)))
}

/// Reads what is not simply up to eight characters.
#[inline(never)]
fn read_any(field: &[u8]) -> Option<Number> {
    let field = field.trim_ascii();
    let shape = Shape::of(field)?;
    let whole = shape.mark.is_none() && !shape.exponent;
    let simple = if whole {
        shape.digits <= INTEGER_DIGITS
    } else {
        !shape.exponent && shape.digits <= EXACT_DIGITS
    };
    let (value, integer) = if simple {
        let size = i64::try_from(shape.mantissa).ok()?;
        if whole {
            let integer = if shape.negative { -size } else { size };
            (integer as f64, Some(integer))
        } else {
            let size = size as f64 / POWERS[shape.fraction];
            (if shape.negative { -size } else { size }, None)
        }
    } else {
        read_long(field, &shape)?
    };
    Some(Number {
        value,
        integer,
        leading_zero: shape.leading_zero,
        mark: shape.mark.map(|at| field[at]),
    })
}

/// Reads what has an exponent or many digits.
fn read_long(field: &[u8], shape: &Shape) -> Option<(f64, Option<i64>)> {
    let mut buffer = [0_u8; 64];
    let text = buffer.get_mut(..field.len())?;
    text.copy_from_slice(field);
    if let Some(position) = shape.mark {
        text[position] = b'.';
    }
    let text = std::str::from_utf8(text).ok()?;
    let whole = shape.mark.is_none() && !shape.exponent;
    let integer: Option<i64> = if whole { text.parse().ok() } else { None };
    let value = match integer {
        Some(integer) => integer as f64,
        None => text.parse().ok().filter(|value: &f64| value.is_finite())?,
    };
    Some((value, integer))
}

/// Where the parts of a number are.
struct Shape {
    negative: bool,
    /// All digits but the exponent's, as one number; wrong where they are too many.
    mantissa: u64,
    digits: usize,
    /// How many of them stand after the mark.
    fraction: usize,
    mark: Option<usize>,
    exponent: bool,
    leading_zero: bool,
}

/// The character 0 in each byte of a word, and the upper half of each byte.
const ZEROS: u64 = 0x3030_3030_3030_3030;
const UPPER: u64 = 0xF0F0_F0F0_F0F0_F0F0;

impl Shape {
    /// Of up to eight characters that are digits and perhaps a mark, as most numbers are: in a word, all
    /// at once.
    #[inline]
    fn of_short(field: &[u8]) -> Option<Self> {
        let length = field.len();
        let byte = |at: usize| u64::from(field[at]) << (8 * at);
        let word = match length {
            8 => u64::from_le_bytes(*field.first_chunk()?),
            4..8 => {
                let head = u32::from_le_bytes(*field.first_chunk()?);
                let tail = u32::from_le_bytes(*field.last_chunk()?);
                // Where both overlap they are the same.
                u64::from(head) | u64::from(tail) << (8 * (length - 4))
            }
            1..4 => byte(0) | byte(length / 2) | byte(length - 1),
            _ => return None,
        };
        // The last character in the highest byte; zeros before the first.
        let mut word = match length {
            8 => word,
            _ => word << (64 - 8 * length) | ZEROS >> (8 * length),
        };
        if word & 0x8080_8080_8080_8080 != 0 {
            return None;
        }
        let others =
            (word & UPPER ^ ZEROS) | (word.wrapping_add(0x0606_0606_0606_0606) & UPPER ^ ZEROS);
        let mut fraction = 0;
        if others != 0 {
            let at = others.trailing_zeros() / 8 * 8;
            let is_only = others >> at <= 0xFF;
            if !is_only || !matches!((word >> at) as u8, b'.' | b',') {
                return None;
            }
            fraction = 7 - at as usize / 8;
            // The digits before the mark move up to its place.
            let below = (1 << at) - 1;
            let above = (!0_u64).checked_shl(at + 8).unwrap_or(0);
            word = word & above | (word & below) << 8 | 0x30;
        }
        let mark = (others != 0).then(|| length - 1 - fraction);
        let digits = mark.map_or(length, |_| length - 1);
        (digits > 0).then(|| Self {
            negative: false,
            mantissa: eight_digits(word),
            digits,
            fraction,
            mark,
            exponent: false,
            leading_zero: digits - fraction > 1 && field[0] == b'0',
        })
    }

    /// The number that [`Shape::of_short`] found.
    #[inline]
    fn short_number(&self, field: &[u8]) -> Number {
        // Eight digits fit anything.
        let whole = self.mantissa as i64;
        Number {
            value: whole as f64 / POWERS[self.fraction],
            integer: self.mark.is_none().then_some(whole),
            leading_zero: self.leading_zero,
            mark: self.mark.map(|at| field[at]),
        }
    }

    fn of(field: &[u8]) -> Option<Self> {
        let (negative, start) = match field.first() {
            Some(b'-') => (true, 1),
            Some(b'+') => (false, 1),
            _ => (false, 0),
        };
        let mut mantissa = 0;
        let unsigned = &field[start..];
        let mut rest = take_digits(unsigned, &mut mantissa);
        let whole = unsigned.len() - rest.len();
        let (mut mark, mut fraction) = (None, 0);
        if let Some((b'.' | b',', after)) = rest.split_first() {
            mark = Some(start + whole);
            rest = take_digits(after, &mut mantissa);
            fraction = after.len() - rest.len();
        }
        let digits = whole + fraction;
        let exponent = !rest.is_empty();
        if digits == 0 || exponent && !is_exponent(rest) {
            return None;
        }
        Some(Self {
            negative,
            mantissa,
            digits,
            fraction,
            mark,
            exponent,
            leading_zero: whole > 1 && unsigned[0] == b'0',
        })
    }
}

/// The number that eight digits write, the first in the lowest byte: pairs, then fours, then all.
fn eight_digits(word: u64) -> u64 {
    let digits = word - ZEROS;
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00FF_00FF_00FF_00FF;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_FFFF_0000_FFFF;
    fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xFFFF_FFFF
}

/// Adds the digits at the beginning to a number, and gives what follows them.
fn take_digits<'a>(text: &'a [u8], number: &mut u64) -> &'a [u8] {
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first()
        && byte.is_ascii_digit()
    {
        *number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
        rest = after;
    }
    rest
}

/// Whether this is `e5`, `E-5` or the like.
fn is_exponent(text: &[u8]) -> bool {
    let Some((b'e' | b'E', digits)) = text.split_first() else {
        return false;
    };
    let digits = match digits.split_first() {
        Some((b'+' | b'-', digits)) => digits,
        _ => digits,
    };
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::read;

    fn value(field: &str, decimal: u8) -> Option<f64> {
        read(field.as_bytes())
            .filter(|number| number.mark.is_none_or(|mark| mark == decimal))
            .map(|number| number.value)
    }

    #[test]
    fn reads_what_pandas_reads() {
        for (field, expected) in [
            ("1", 1.0),
            (" -2.5 ", -2.5),
            ("+.5", 0.5),
            ("7.", 7.0),
            ("1e3", 1000.0),
            ("1.5E-2", 0.015),
            ("000000000000000000000012", 12.0),
            ("123456789.123456789", 123_456_789.123_456_79),
            ("0.000000000000001", 1e-15),
            ("12345678", 12_345_678.0),
            ("1234.678", 1234.678),
            (".1234567", 0.123_456_7),
            ("1234567.", 1_234_567.0),
            ("0", 0.0),
            ("98", 98.0),
            ("007", 7.0),
        ] {
            assert_eq!(value(field, b'.'), Some(expected), "{field:?}");
        }
        assert_eq!(value("1,5", b','), Some(1.5));
        assert_eq!(value("1e3", b','), Some(1000.0));
    }

    #[test]
    fn reads_every_number_as_the_standard_library_does() {
        // A fixed sequence (Knuth's multiplier).
        let mut state: u64 = 7;
        for round in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let digits = (state >> (round % 64)).to_string();
            let text = match round % 3 {
                0 => format!("-{digits}"),
                _ => format!(
                    "{}.{}",
                    &digits[..digits.len() / 2],
                    &digits[digits.len() / 2..]
                ),
            };
            assert_eq!(value(&text, b'.'), text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn refuses_what_only_looks_like_a_number() {
        for field in [
            "",
            "-",
            ".",
            "e5",
            "1e",
            "1e+",
            "1.2.3",
            "1,5",
            "12px",
            "0x10",
            "inf",
            "١",
            "1.5,2",
            "1e5 2",
            "1e999",
            "1234.56.",
            "123/5678",
            "123:",
            "12\u{80}4",
            "..",
            "1..2",
            "0x",
            "1 2",
        ] {
            assert_eq!(value(field, b'.'), None, "{field:?}");
        }
        assert_eq!(value("1.5", b','), None);
    }

    #[test]
    fn tells_codes_from_counts() {
        assert!(read(b"00501").is_some_and(|number| number.leading_zero));
        assert!(read(b"0.5").is_some_and(|number| !number.leading_zero));
        assert!(read(b"0").is_some_and(|number| !number.leading_zero));
        assert_eq!(
            read(b"9223372036854775808").and_then(|number| number.integer),
            None
        );
    }
}
