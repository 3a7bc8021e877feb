//! Identifiers: 128 random bits, written as 32 lower-case hexadecimal digits.
//!
//! Whoever presents an identifier may use what it names, so they are never counted up or derived.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an id: an id is 32 lower-case hexadecimal digits")]
pub struct InvalidId(String);

fn parse_hex(text: &str) -> Result<[u8; 16], InvalidId> {
    let invalid = || InvalidId(text.chars().take(64).collect());
    let digits = text.as_bytes();
    if digits.len() != 32 {
        return Err(invalid());
    }
    let mut bytes = [0u8; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = match (hex_value(pair[0]), hex_value(pair[1])) {
            (Some(high), Some(low)) => high << 4 | low,
            _ => return Err(invalid()),
        };
    }
    Ok(bytes)
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Makes an identifier of random bytes that the caller drew.
            pub fn from_random(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }
        }

        impl $name {
            /// One of its random bytes, for choosing among a few.
            pub fn last_byte(self) -> u8 {
                self.0[15]
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, formatter)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse_hex(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id_type!(
    /// Names a session; a workflow has the id of its session.
    SessionId
);
id_type!(
    /// Names an uploaded dataset.
    DatasetId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = SessionId::from_random(*b"\x00\x01\x7f\x80\xff 0123456789");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 32);
    }

    #[test]
    fn rejects_what_is_not_32_lower_case_digits() {
        for text in [
            "",
            "12",
            &"A".repeat(32),
            &"g".repeat(32),
            &"0".repeat(33),
            &"é".repeat(16),
        ] {
            assert!(text.parse::<SessionId>().is_err(), "{text}");
        }
    }
}
