//! Gathers the facts about one column, value by value, and decides at the end what it holds.

use crate::date::DateCandidates;
use crate::distinct::Distinct;
use crate::distribution::Distribution;
use crate::frequent::Frequent;
use crate::number::{self, Number};
use crate::records::Record;
use crate::sketch::Sketch;
use crate::types::{ColumnProfile, ColumnType, Scalar};

/// How many different values are counted exactly.
const EXACT_LIMIT: usize = 100_000;

/// From this share of numbers on, a column of text was probably meant to be numeric.
const NEARLY: f64 = 0.9;

/// The facts so far. Numbers are gathered under both decimal marks, because the file's mark is known
/// only at its end.
pub(crate) struct ColumnFacts {
    missing: u64,
    present: u64,
    /// Without a mark: at the end, they belong to either.
    plain: Numbers,
    point: Numbers,
    comma: Numbers,
    booleans: u64,
    dates: DateCandidates,
    /// The first values. What they add up to is found at the end, from their counts.
    frequent: Frequent<Reading>,
    /// How many of those are missing values: nothing at all, or a word for that.
    missing_words: usize,
    /// The values beyond.
    others: Distinct,
    /// The numbers among them.
    other_numbers: Sketch,
    /// The first value that is a number under neither mark.
    odd_one: Option<String>,
}

/// Room that is used again and again, for some rows of one column.
#[derive(Default)]
pub(crate) struct Room {
    hashes: Vec<u64>,
    /// Which of them are not remembered.
    others: Vec<usize>,
    /// The hashes of values beyond those that are.
    beyond: Vec<u64>,
}

/// What a value is by itself.
#[derive(Clone, Copy)]
enum Reading {
    Missing,
    Number(Amount),
    Boolean,
    Other,
}

/// As much of a number as adding up needs.
#[derive(Clone, Copy)]
struct Amount {
    value: f64,
    whole: bool,
    leading_zero: bool,
    mark: Option<u8>,
}

impl Reading {
    fn of(value: &[u8], number: Option<Number>) -> Self {
        match (number, value) {
            (Some(number), _) => Self::Number(Amount {
                value: number.value,
                whole: number.integer.is_some(),
                leading_zero: number.leading_zero,
                mark: number.mark,
            }),
            (None, b"true" | b"True" | b"TRUE" | b"false" | b"False" | b"FALSE") => Self::Boolean,
            (None, _) if is_missing(value) => Self::Missing,
            (None, _) => Self::Other,
        }
    }
}

/// What `pandas.read_csv` takes as missing.
fn is_missing(value: &[u8]) -> bool {
    matches!(
        value,
        b"" | b"#N/A"
            | b"#N/A N/A"
            | b"#NA"
            | b"-1.#IND"
            | b"-1.#QNAN"
            | b"-NaN"
            | b"-nan"
            | b"1.#IND"
            | b"1.#QNAN"
            | b"<NA>"
            | b"N/A"
            | b"NA"
            | b"NULL"
            | b"NaN"
            | b"None"
            | b"n/a"
            | b"nan"
            | b"null"
    )
}

/// The numbers under one decimal mark.
struct Numbers {
    count: u64,
    fractions: u64,
    leading_zeros: u64,
    sum: f64,
    /// Turned round as long as there is none, as the next.
    range: (f64, f64),
    integer_range: (i64, i64),
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            count: 0,
            fractions: 0,
            leading_zeros: 0,
            sum: 0.0,
            range: (f64::INFINITY, f64::NEG_INFINITY),
            integer_range: (i64::MAX, i64::MIN),
        }
    }
}

impl Numbers {
    /// Takes a number that stands in so many rows.
    fn add(&mut self, amount: Amount, rows: u64) {
        self.count += rows;
        self.fractions += if amount.whole { 0 } else { rows };
        self.leading_zeros += if amount.leading_zero { rows } else { 0 };
        self.sum += amount.value * as_f64(rows);
    }

    /// Takes a number that may have been there before.
    fn widen(&mut self, number: Number) {
        widen(&mut self.range, (number.value, number.value));
        if let Some(integer) = number.integer {
            widen(&mut self.integer_range, (integer, integer));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.fractions += other.fractions;
        self.leading_zeros += other.leading_zeros;
        self.sum += other.sum;
        widen(&mut self.range, other.range);
        widen(&mut self.integer_range, other.integer_range);
    }
}

fn widen<T: PartialOrd>(range: &mut (T, T), by: (T, T)) {
    if by.0 < range.0 {
        range.0 = by.0;
    }
    if by.1 > range.1 {
        range.1 = by.1;
    }
}

impl ColumnFacts {
    /// Those of one of so many columns.
    pub(crate) fn one_of(columns: usize) -> Self {
        Self {
            missing: 0,
            present: 0,
            plain: Numbers::default(),
            point: Numbers::default(),
            comma: Numbers::default(),
            booleans: 0,
            dates: DateCandidates::default(),
            frequent: Frequent::one_of(columns),
            missing_words: 0,
            others: Distinct::default(),
            other_numbers: Sketch::default(),
            odd_one: None,
        }
    }

    /// Takes what stands at `index` in some more rows.
    pub(crate) fn add(&mut self, rows: &[Record<'_>], index: usize, room: &mut Room) {
        // One kind of work at a time: then the processor looks up several values at once.
        hash_all(rows, index, &mut room.hashes);
        let is_full = self.frequent.is_full();
        self.frequent.count_all(&room.hashes, &mut room.others);
        if is_full {
            self.read_beyond(rows, index, room);
        } else {
            self.read_new(rows, index, room);
        }
        let remembered = self.frequent.len() - self.missing_words;
        self.others
            .add_all(&mut room.beyond, EXACT_LIMIT - remembered);
    }

    /// Reads values, some of which are to be remembered.
    #[inline(never)]
    fn read_new(&mut self, rows: &[Record<'_>], index: usize, room: &mut Room) {
        for &position in &room.others {
            let (value, hash) = (rows[position].field(index), room.hashes[position]);
            // Two of a kind may be new together.
            if self.frequent.count(hash) {
                continue;
            }
            let reading = self.read(value);
            if self.frequent.remember(hash, value, reading) {
                self.missing_words += usize::from(matches!(reading, Reading::Missing));
            } else if self.add_beyond(reading) {
                room.beyond.push(hash);
            }
        }
    }

    /// Reads values that are not remembered when all places are taken.
    #[inline(never)]
    fn read_beyond(&mut self, rows: &[Record<'_>], index: usize, room: &mut Room) {
        for &position in &room.others {
            let reading = self.read(rows[position].field(index));
            if self.add_beyond(reading) {
                room.beyond.push(room.hashes[position]);
            }
        }
    }

    #[inline]
    fn read(&mut self, value: &[u8]) -> Reading {
        let number = number::read(value);
        let reading = Reading::of(value, number);
        if !matches!(reading, Reading::Missing) {
            if let Some(number) = number {
                self.marked(number.mark).widen(number);
            } else if self.odd_one.is_none() {
                self.odd_one = Some(beginning(value));
            }
            self.dates.add(value);
        }
        reading
    }

    /// Adds up a value that is not remembered, and says whether it is one that counts.
    #[inline]
    fn add_beyond(&mut self, reading: Reading) -> bool {
        self.tally(reading, 1);
        if let (Reading::Number(amount), None) = (reading, &self.odd_one) {
            self.other_numbers.add(amount.value);
        }
        !matches!(reading, Reading::Missing)
    }

    fn marked(&mut self, mark: Option<u8>) -> &mut Numbers {
        match mark {
            None => &mut self.plain,
            Some(b',') => &mut self.comma,
            Some(_) => &mut self.point,
        }
    }

    fn tally(&mut self, reading: Reading, rows: u64) {
        if matches!(reading, Reading::Missing) {
            self.missing += rows;
            return;
        }
        self.present += rows;
        match reading {
            Reading::Number(amount) => self.marked(amount.mark).add(amount, rows),
            Reading::Boolean => self.booleans += rows,
            Reading::Missing | Reading::Other => {}
        }
    }

    /// Adds up the remembered values, after the last row.
    pub(crate) fn settle(&mut self) {
        let readings: Vec<_> = self.frequent.readings().collect();
        for (reading, rows) in readings {
            self.tally(reading, rows);
        }
        self.point.merge(&self.plain);
        self.comma.merge(&self.plain);
    }

    /// Different values: exact, or an estimate.
    fn distinct(&self) -> u64 {
        let remembered = self.frequent.len() - self.missing_words;
        (remembered as u64 + self.others.count()).min(self.present)
    }

    /// Whether the column is numeric under this mark only; after it was settled.
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
            distinct: self.distinct(),
            distinct_exact: self.others.is_exact(),
            numeric_values: 0,
            min: None,
            max: None,
            mean: None,
            quantiles: None,
            histogram: None,
            top_values: self
                .frequent
                .top_values(|reading| !matches!(reading, Reading::Missing)),
        };
        if self.present == 0 {
            notices.push(format!("column {:?} holds no values", column.name));
        } else if numbers.count == self.present && numbers.leading_zeros == 0 {
            numbers.describe(&mut column);
            self.distribute(&mut column);
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

    /// Adds the distribution of a column that holds numbers only.
    fn distribute(&self, column: &mut ColumnProfile) {
        let remembered = self
            .frequent
            .readings()
            .filter_map(|(reading, rows)| match reading {
                Reading::Number(amount) => Some((amount.value, rows)),
                _ => None,
            });
        let weighted = remembered.chain(self.other_numbers.weighted()).collect();
        let distribution = Distribution::of(weighted, self.other_numbers.is_exact());
        if let (Some(min), Some(max)) = (&column.min, &column.max) {
            column.quantiles = Some(distribution.quantiles(min, max));
            column.histogram = Some(distribution.histogram(min, max));
        }
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
        if self.fractions == 0 {
            let (min, max) = self.integer_range;
            column.kind = ColumnType::Integer;
            (column.min, column.max) = (Some(Scalar::Integer(min)), Some(Scalar::Integer(max)));
        } else {
            let (min, max) = self.range;
            column.kind = ColumnType::Number;
            (column.min, column.max) = (Some(Scalar::Number(min)), Some(Scalar::Number(max)));
        }
    }
}

#[inline(never)]
fn hash_all(rows: &[Record<'_>], index: usize, hashes: &mut Vec<u64>) {
    hashes.resize(rows.len(), 0);
    for (hash, row) in hashes.iter_mut().zip(rows) {
        *hash = row.hash(index);
    }
}

/// As much of a value as a notice shows.
#[inline(never)]
fn beginning(value: &[u8]) -> String {
    String::from_utf8_lossy(value).chars().take(40).collect()
}

fn share(part: u64, whole: u64) -> f64 {
    as_f64(part) / as_f64(whole)
}

/// Exact up to 2^53 rows.
fn as_f64(count: u64) -> f64 {
    count as f64
}
