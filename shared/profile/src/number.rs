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
}

/// Reads a field under one decimal mark.
pub(crate) fn parse(field: &[u8], decimal: u8) -> Option<Number> {
    let field = field.trim_ascii();
    let shape = Shape::of(field, decimal)?;
    let mut buffer = [0_u8; 64];
    let text = buffer.get_mut(..field.len())?;
    text.copy_from_slice(field);
    if let Some(position) = shape.mark {
        text[position] = b'.';
    }
    let text = std::str::from_utf8(text).ok()?;
    let whole = shape.mark.is_none() && !shape.exponent;
    let integer = if whole { text.parse().ok() } else { None };
    let value = match integer {
        Some(integer) => integer as f64,
        None => text.parse().ok().filter(|value: &f64| value.is_finite())?,
    };
    Some(Number {
        value,
        integer,
        leading_zero: shape.leading_zero,
    })
}

/// Where the parts of a number are.
struct Shape {
    mark: Option<usize>,
    exponent: bool,
    leading_zero: bool,
}

impl Shape {
    fn of(field: &[u8], decimal: u8) -> Option<Self> {
        let digits_from = |start: usize| {
            field[start..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count()
        };
        let start = usize::from(matches!(field.first(), Some(b'+' | b'-')));
        let whole = digits_from(start);
        let mut at = start + whole;
        let mut shape = Self {
            mark: None,
            exponent: false,
            leading_zero: whole > 1 && field[start] == b'0',
        };
        let mut fraction = 0;
        if field.get(at) == Some(&decimal) {
            shape.mark = Some(at);
            fraction = digits_from(at + 1);
            at += 1 + fraction;
        }
        if whole + fraction == 0 {
            return None;
        }
        if matches!(field.get(at), Some(b'e' | b'E')) {
            at += 1;
            at += usize::from(matches!(field.get(at), Some(b'+' | b'-')));
            let exponent = if at <= field.len() {
                digits_from(at)
            } else {
                0
            };
            if exponent == 0 {
                return None;
            }
            shape.exponent = true;
            at += exponent;
        }
        (at == field.len()).then_some(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn value(field: &str, decimal: u8) -> Option<f64> {
        parse(field.as_bytes(), decimal).map(|number| number.value)
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
        ] {
            assert_eq!(value(field, b'.'), Some(expected), "{field:?}");
        }
        assert_eq!(value("1,5", b','), Some(1.5));
    }

    #[test]
    fn refuses_what_only_looks_like_a_number() {
        for field in [
            "", "-", ".", "e5", "1e", "1e+", "1.2.3", "1,5", "12px", "0x10", "inf", "١",
        ] {
            assert_eq!(value(field, b'.'), None, "{field:?}");
        }
        assert_eq!(value("1.5", b','), None);
    }

    #[test]
    fn tells_codes_from_counts() {
        assert!(parse(b"00501", b'.').is_some_and(|number| number.leading_zero));
        assert!(parse(b"0.5", b'.').is_some_and(|number| !number.leading_zero));
        assert!(parse(b"0", b'.').is_some_and(|number| !number.leading_zero));
        assert_eq!(
            parse(b"9223372036854775808", b'.').and_then(|number| number.integer),
            None
        );
    }
}
