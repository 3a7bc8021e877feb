//! What a profile says: plain data that is stored, sent and shown as JSON.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize};

/// What a CSV file holds, as far as its columns tell.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Profile {
    /// Rows of data, without the header and without rows that were skipped.
    pub rows: u64,
    /// Size of the file.
    pub bytes: u64,
    /// How the file is written, which is how it must be read again.
    pub dialect: Dialect,
    /// The columns, in the file's order.
    pub columns: Vec<ColumnProfile>,
    /// What a person should know about the file, one sentence each.
    #[serde(default)]
    pub notices: Vec<String>,
    /// The first rows as they stand in the file. They are cell contents: for the person who sent
    /// the file, not for a language model unless that is switched on.
    #[serde(default)]
    pub preview: Preview,
}

impl Profile {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// How a file is written.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Dialect {
    /// What stands between two fields.
    pub delimiter: char,
    /// The decimal mark: `.` or `,`.
    pub decimal: char,
    /// Whether the first row holds names.
    pub has_header: bool,
    /// Whether the columns are named differently here than in the file (absent, doubled or padded
    /// names), so that a reader has to be given the names.
    pub renamed: bool,
    /// What becomes of rows with more fields than the header; absent where there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extra_fields: Option<ExtraFields>,
    /// Always `utf-8` for now.
    pub encoding: String,
}

/// What becomes of rows with more fields than the header.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ExtraFields {
    /// The first row has too many already, as with a delimiter at the end of every line: all rows
    /// are kept and what exceeds the header is cut off.
    Cut,
    /// Single rows have too many, as with a delimiter in a text without quotes. Their fields have
    /// slipped, so these rows are skipped.
    Skip,
}

/// What one column holds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ColumnProfile {
    /// The name; unique in its profile and never empty.
    pub name: String,
    /// What all values of the column are.
    #[serde(rename = "type")]
    pub kind: ColumnType,
    /// How to read the dates, in the notation of `strptime`, or `ISO8601`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date_format: Option<String>,
    /// Whether the points in time carry an offset from UTC.
    #[serde(default, skip_serializing_if = "is_false")]
    pub zoned: bool,
    /// Rows without a value: empty, or one of the words that `pandas` takes as missing.
    pub missing: u64,
    /// How many different values there are: exact up to 100,000, then within about two percent.
    pub distinct: u64,
    /// False where `distinct` is an estimate.
    pub distinct_exact: bool,
    /// In a text column, how many values look like numbers. Where this is not zero a reader must be
    /// told to leave the column as text.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub numeric_values: u64,
    /// The smallest number or earliest date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Scalar>,
    /// The largest number or latest date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Scalar>,
    /// The mean of a numeric column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Where the values of a numeric column lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantiles: Option<Quantiles>,
    /// How many values of a numeric column lie where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub histogram: Option<Histogram>,
    /// The most frequent values, those that stand in at least two rows; long ones are cut.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top_values: Vec<ValueCount>,
}

/// What all values of a column are.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Whole numbers.
    Integer,
    /// Numbers, some with a fraction.
    Number,
    /// `true` and `false`.
    Boolean,
    /// Days.
    Date,
    /// Days with a time.
    Datetime,
    /// Anything else.
    Text,
}

impl ColumnType {
    /// Whether one can calculate with the values.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Integer | Self::Number)
    }

    /// Whether the values are points in time.
    pub fn is_temporal(self) -> bool {
        matches!(self, Self::Date | Self::Datetime)
    }
}

/// One end of a column's range.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Scalar {
    /// Of an integer column.
    Integer(i64),
    /// Of a number column.
    Number(f64),
    /// Of a column of dates, in ISO 8601.
    Text(String),
}

/// Read by hand: what serde derives for `untagged` takes much more code.
impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kinds;
        impl Visitor<'_> for Kinds {
            type Value = Scalar;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number or a text")
            }

            fn visit_i64<E>(self, integer: i64) -> Result<Scalar, E> {
                Ok(Scalar::Integer(integer))
            }

            fn visit_u64<E>(self, integer: u64) -> Result<Scalar, E> {
                let number = Scalar::Number(integer as f64);
                Ok(i64::try_from(integer).map_or(number, Scalar::Integer))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Kinds)
    }
}

impl Scalar {
    /// The number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Integer(integer) => Some(*integer as f64),
            Self::Number(number) => Some(*number),
            Self::Text(_) => None,
        }
    }

    /// The date, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Integer(_) | Self::Number(_) => None,
        }
    }
}

/// Quantiles of a numeric column, over the rows that have a value, in the column's own unit.
///
/// The 5 % quantile is the smallest value that at least 5 % of the rows do not exceed (what numpy calls
/// `inverted_cdf`), so each is a value of the column.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Quantiles {
    /// False where they are estimates: the share of rows that do not exceed one is then within one
    /// percentage point of its own (the 5 % quantile is one of those from 4 to 6 %).
    pub exact: bool,
    /// Of 5 % of the rows.
    pub p05: Scalar,
    /// Of a quarter of the rows.
    pub p25: Scalar,
    /// The median.
    pub p50: Scalar,
    /// Of three quarters of the rows.
    pub p75: Scalar,
    /// Of 95 % of the rows.
    pub p95: Scalar,
}

/// A histogram of a numeric column: at most 20 bins of one width, from its smallest value to its
/// largest.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Histogram {
    /// False where the counts are estimates, each within two percent of all rows with a value.
    pub exact: bool,
    /// Where bins begin, and at last where the last one ends: one more than there are bins. A value on an
    /// edge belongs to the bin that begins there, the largest of all to the last. In a column of whole
    /// numbers each bin holds as many of them, so the last edge may lie beyond the largest.
    pub bin_edges: Vec<f64>,
    /// How many rows each bin has; together as many as have a value.
    pub counts: Vec<u64>,
}

/// A value and the number of rows that hold it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ValueCount {
    /// The value as it stands in the file.
    pub value: String,
    /// In how many rows.
    pub count: u64,
}

/// The first rows of a file, as text.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Preview {
    /// The names of the columns.
    pub columns: Vec<String>,
    /// The rows, each with one text per column.
    pub rows: Vec<Vec<String>>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}
