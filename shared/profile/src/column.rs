//! Gathers the facts about one column, value by value, and decides at the end what it holds.

use crate::date::DateCandidates;
use crate::distinct::DistinctCounter;
use crate::number::{self, Number};
use crate::types::{ColumnProfile, ColumnType, Scalar};

/// What `pandas.read_csv` takes as missing.
const MISSING: [&[u8]; 19] = [
    b"",
    b"#N/A",
    b"#N/A N/A",
    b"#NA",
    b"-1.#IND",
    b"-1.#QNAN",
    b"-NaN",
    b"-nan",
    b"1.#IND",
    b"1.#QNAN",
    b"<NA>",
    b"N/A",
    b"NA",
    b"NULL",
    b"NaN",
    b"None",
    b"n/a",
    b"nan",
    b"null",
];

/// From this share of numbers on, a column of text was probably meant to be numeric.
const NEARLY: f64 = 0.9;

/// The facts so far. Numbers are gathered under both decimal marks, because the file's mark is known
/// only at its end.
#[derive(Default)]
pub(crate) struct ColumnFacts {
    missing: u64,
    present: u64,
    point: Numbers,
    comma: Numbers,
    booleans: u64,
    dates: DateCandidates,
    distinct: DistinctCounter,
    /// The first value that is a number under neither mark.
    odd_one: Option<String>,
}

/// The numbers under one decimal mark.
#[derive(Default)]
struct Numbers {
    count: u64,
    fractions: u64,
    leading_zeros: u64,
    sum: f64,
    range: Option<(f64, f64)>,
    integer_range: Option<(i64, i64)>,
}

impl Numbers {
    fn add(&mut self, number: Number) {
        self.count += 1;
        self.leading_zeros += u64::from(number.leading_zero);
        self.sum += number.value;
        let (min, max) = self.range.unwrap_or((number.value, number.value));
        self.range = Some((min.min(number.value), max.max(number.value)));
        match number.integer {
            Some(integer) => {
                let (min, max) = self.integer_range.unwrap_or((integer, integer));
                self.integer_range = Some((min.min(integer), max.max(integer)));
            }
            None => self.fractions += 1,
        }
    }
}

impl ColumnFacts {
    /// Takes the value of one more row.
    pub(crate) fn add(&mut self, value: &[u8]) {
        if MISSING.contains(&value) {
            self.missing += 1;
            return;
        }
        self.present += 1;
        self.distinct.add(value);
        let point = number::parse(value, b'.');
        let comma = match point {
            Some(Number {
                integer: Some(_), ..
            }) => point,
            _ => number::parse(value, b','),
        };
        if point.is_none() && comma.is_none() && self.odd_one.is_none() {
            self.odd_one = Some(String::from_utf8_lossy(value).chars().take(40).collect());
        }
        if let Some(number) = point {
            self.point.add(number);
        }
        if let Some(number) = comma {
            self.comma.add(number);
        }
        self.booleans += u64::from(matches!(
            value,
            b"true" | b"True" | b"TRUE" | b"false" | b"False" | b"FALSE"
        ));
        self.dates.add(value);
    }

    /// Whether the column is numeric under this mark only.
    pub(crate) fn speaks_for(&self, decimal: u8) -> bool {
        let (these, those) = self.numbers(decimal);
        self.present > 0 && these.count == self.present && those.count < self.present
    }

    fn numbers(&self, decimal: u8) -> (&Numbers, &Numbers) {
        if decimal == b',' {
            (&self.comma, &self.point)
        } else {
            (&self.point, &self.comma)
        }
    }

    /// Decides what the column holds; what a person should know is added to `notices`.
    pub(crate) fn finish(
        self,
        name: String,
        decimal: u8,
        notices: &mut Vec<String>,
    ) -> ColumnProfile {
        let (numbers, _) = self.numbers(decimal);
        let mut column = ColumnProfile {
            name,
            kind: ColumnType::Text,
            date_format: None,
            zoned: false,
            missing: self.missing,
            distinct: self.distinct.distinct(),
            distinct_exact: self.distinct.is_exact(),
            numeric_values: 0,
            min: None,
            max: None,
            mean: None,
            top_values: self.distinct.top_values(),
        };
        if self.present == 0 {
            notices.push(format!("column {:?} holds no values", column.name));
        } else if numbers.count == self.present && numbers.leading_zeros == 0 {
            numbers.describe(&mut column);
        } else if self.booleans == self.present {
            column.kind = ColumnType::Boolean;
        } else if let Some(dates) = self.dates.finish() {
            column.kind = if dates.with_time {
                ColumnType::Datetime
            } else {
                ColumnType::Date
            };
            column.date_format = Some(dates.format);
            column.zoned = dates.zoned;
            column.min = Some(Scalar::Text(dates.min));
            column.max = Some(Scalar::Text(dates.max));
            if dates.ambiguous {
                notices.push(format!(
                    "the dates in column {:?} are read as month/day, but could be day/month",
                    column.name
                ));
            }
        } else {
            column.numeric_values = numbers.count;
            self.explain_text(&column, numbers, notices);
        }
        column
    }

    fn explain_text(&self, column: &ColumnProfile, numbers: &Numbers, notices: &mut Vec<String>) {
        let odd = self.present - numbers.count;
        if numbers.leading_zeros > 0 && odd == 0 {
            notices.push(format!(
                "column {:?} is kept as text, because its numbers have leading zeros",
                column.name
            ));
        } else if let Some(odd_one) = &self.odd_one
            && share(numbers.count, self.present) >= NEARLY
        {
            notices.push(format!(
                "column {:?} is kept as text, because it holds more than numbers, such as {odd_one:?}",
                column.name
            ));
        }
    }
}

impl Numbers {
    fn describe(&self, column: &mut ColumnProfile) {
        column.mean = Some(self.sum / as_f64(self.count));
        if let (0, Some((min, max))) = (self.fractions, self.integer_range) {
            column.kind = ColumnType::Integer;
            (column.min, column.max) = (Some(Scalar::Integer(min)), Some(Scalar::Integer(max)));
        } else if let Some((min, max)) = self.range {
            column.kind = ColumnType::Number;
            (column.min, column.max) = (Some(Scalar::Number(min)), Some(Scalar::Number(max)));
        }
    }
}

fn share(part: u64, whole: u64) -> f64 {
    as_f64(part) / as_f64(whole)
}

/// Exact up to 2^53 rows.
fn as_f64(count: u64) -> f64 {
    count as f64
}
