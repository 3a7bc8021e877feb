//! Takes a file in pieces and ends in its profile.

use crate::column::{ColumnFacts, Room};
use crate::header::{self, Names};
use crate::records::{RECORD_LIMIT, Record, RecordTooLong, Records, Splitter};
use crate::types::{Dialect, ExtraFields, Preview, Profile};
use crate::utf8::Utf8Check;
use crate::{ProfileError, dialect};

/// How much is read before the delimiter is decided.
const SAMPLE: usize = 64 * 1024;
/// How much is read at once. What is known about a column may be as large as the processor's cache, so
/// the fewer times it goes from column to column, the better; more than that, and the rows themselves
/// would have to be fetched again.
const BLOCK: usize = 128 * 1024;
/// More columns are no table for a person.
const COLUMN_LIMIT: usize = 2000;
const PREVIEW_ROWS: usize = 20;
const PREVIEW_CELL: usize = 200;
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What the caller knows better than the profiler.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The delimiter; found out if absent.
    pub delimiter: Option<u8>,
    /// Whether the first row holds names; found out if absent.
    pub has_header: Option<bool>,
}

/// Profiles a file that comes in pieces; how it is cut makes no difference.
pub struct Profiler {
    options: Options,
    utf8: Utf8Check,
    bytes: u64,
    state: State,
}

enum State {
    /// The beginning of the file, until there is enough of it to find the delimiter.
    Sampling(Vec<u8>),
    Reading(Box<Reading>),
}

/// The file once its delimiter is known.
struct Reading {
    delimiter: u8,
    splitter: Splitter,
    table: Table,
    /// What came since the last block.
    block: Vec<u8>,
}

impl Reading {
    /// Takes the next piece, and reads each block that it fills.
    fn push(&mut self, mut chunk: &[u8]) -> Result<(), ProfileError> {
        while self.block.len() + chunk.len() >= BLOCK {
            let (head, tail) = chunk.split_at(BLOCK - self.block.len());
            self.block.extend_from_slice(head);
            self.read_block()?;
            chunk = tail;
        }
        self.block.extend_from_slice(chunk);
        Ok(())
    }

    fn read_block(&mut self) -> Result<(), ProfileError> {
        let outcome = self.table.read(&self.block, &mut self.splitter);
        self.block.clear();
        outcome
    }
}

impl Profiler {
    /// Begins with an empty file.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            utf8: Utf8Check::default(),
            bytes: 0,
            state: State::Sampling(Vec::new()),
        }
    }

    /// Takes the next piece.
    pub fn push(&mut self, mut chunk: &[u8]) -> Result<(), ProfileError> {
        self.utf8.push(chunk)?;
        self.bytes += chunk.len() as u64;
        if let State::Sampling(sample) = &mut self.state {
            // Exactly as much as any other chunking would give, so that all decide alike.
            let wanted = chunk.len().min(SAMPLE - sample.len());
            sample.extend_from_slice(&chunk[..wanted]);
            chunk = &chunk[wanted..];
            if sample.len() < SAMPLE {
                return Ok(());
            }
            self.start_reading(false)?;
        }
        if let State::Reading(reading) = &mut self.state {
            reading.push(chunk)?;
        }
        Ok(())
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<Profile, ProfileError> {
        self.utf8.finish()?;
        if matches!(self.state, State::Sampling(_)) {
            self.start_reading(true)?;
        }
        match self.state {
            State::Reading(mut reading) => {
                reading.read_block()?;
                reading.table.read_end(&mut reading.splitter)?;
                reading.table.finish(reading.delimiter, self.bytes)
            }
            State::Sampling(_) => Err(ProfileError::Empty),
        }
    }

    fn start_reading(&mut self, complete: bool) -> Result<(), ProfileError> {
        let State::Sampling(sample) = &self.state else {
            return Ok(());
        };
        let text = sample.strip_prefix(BYTE_ORDER_MARK).unwrap_or(sample);
        let delimiter = self
            .options
            .delimiter
            .unwrap_or_else(|| dialect::delimiter(text, complete));
        let mut splitter = Splitter::new(delimiter);
        let mut table = Table::new(self.options.has_header);
        table.read(text, &mut splitter)?;
        self.state = State::Reading(Box::new(Reading {
            delimiter,
            splitter,
            table,
            block: Vec::with_capacity(BLOCK),
        }));
        Ok(())
    }
}

/// Why reading stopped; the table adds which row it was.
enum Stop {
    TooLong,
    Error(ProfileError),
}

impl From<RecordTooLong> for Stop {
    fn from(_: RecordTooLong) -> Self {
        Self::TooLong
    }
}

impl From<ProfileError> for Stop {
    fn from(error: ProfileError) -> Self {
        Self::Error(error)
    }
}

/// The rows so far.
struct Table {
    has_header: Option<bool>,
    names: Option<Names>,
    columns: Vec<ColumnFacts>,
    rows: u64,
    short_rows: u64,
    long_rows: u64,
    extra_fields: Option<ExtraFields>,
    preview: Vec<Vec<String>>,
    /// Room for some rows of one column.
    room: Room,
}

impl Table {
    fn new(has_header: Option<bool>) -> Self {
        Self {
            has_header,
            names: None,
            columns: Vec::new(),
            rows: 0,
            short_rows: 0,
            long_rows: 0,
            extra_fields: None,
            preview: Vec::new(),
            room: Room::default(),
        }
    }

    fn read(&mut self, chunk: &[u8], splitter: &mut Splitter) -> Result<(), ProfileError> {
        let outcome = splitter.push(chunk, |records| self.add(records).map_err(Stop::from));
        outcome.map_err(|stop| self.explain(stop))
    }

    fn read_end(&mut self, splitter: &mut Splitter) -> Result<(), ProfileError> {
        let outcome = splitter.finish(|records| self.add(records).map_err(Stop::from));
        outcome.map_err(|stop| self.explain(stop))
    }

    fn explain(&self, stop: Stop) -> ProfileError {
        match stop {
            Stop::TooLong => ProfileError::RowTooLong {
                row: self.rows + 1,
                limit: RECORD_LIMIT,
            },
            Stop::Error(error) => error,
        }
    }

    /// Takes records column by column: so the facts about one column stay at hand.
    fn add(&mut self, records: Records<'_>) -> Result<(), ProfileError> {
        let rows = self.rows_of(records)?;
        for (index, column) in self.columns.iter_mut().enumerate() {
            column.add(&rows, index, &mut self.room);
        }
        Ok(())
    }

    #[inline(never)]
    fn rows_of<'a>(&mut self, records: Records<'a>) -> Result<Vec<Record<'a>>, ProfileError> {
        let mut rows = Vec::with_capacity(records.len());
        for record in records.iter() {
            if self.is_row(record)? {
                rows.push(record);
            }
        }
        Ok(rows)
    }

    /// Tells rows from the header and from lines that hold none.
    fn is_row(&mut self, record: Record<'_>) -> Result<bool, ProfileError> {
        // A line of blanks is no row; a quoted empty field in a single column is one.
        if record.len() == 1
            && !record.field(0).is_empty()
            && record.field(0).trim_ascii().is_empty()
        {
            return Ok(false);
        }
        if self.names.is_none() && self.begin(record)? {
            return Ok(false);
        }
        Ok(self.is_kept(record))
    }

    /// Takes the first record, and says whether it is the header.
    #[inline(never)]
    fn begin(&mut self, record: Record<'_>) -> Result<bool, ProfileError> {
        if record.len() > COLUMN_LIMIT {
            return Err(ProfileError::TooManyColumns {
                columns: record.len(),
                limit: COLUMN_LIMIT,
            });
        }
        let has_header = *self
            .has_header
            .get_or_insert_with(|| !header::is_data(record));
        let columns = record.len();
        self.columns
            .resize_with(columns, || ColumnFacts::one_of(columns));
        self.names = Some(if has_header {
            Names::read(record)
        } else {
            Names::invent(columns)
        });
        Ok(has_header)
    }

    /// Counts a row, unless it is one to be skipped.
    fn is_kept(&mut self, record: Record<'_>) -> bool {
        if record.len() > self.columns.len() {
            self.long_rows += 1;
            let first = if self.rows == 0 {
                ExtraFields::Cut
            } else {
                ExtraFields::Skip
            };
            if *self.extra_fields.get_or_insert(first) == ExtraFields::Skip {
                return false;
            }
        }
        self.short_rows += u64::from(record.len() < self.columns.len());
        if self.preview.len() < PREVIEW_ROWS {
            self.show(record);
        }
        self.rows += 1;
        true
    }

    #[inline(never)]
    fn show(&mut self, record: Record<'_>) {
        let cell = |index| record.text(index).chars().take(PREVIEW_CELL).collect();
        self.preview
            .push((0..self.columns.len()).map(cell).collect());
    }

    fn finish(mut self, delimiter: u8, bytes: u64) -> Result<Profile, ProfileError> {
        self.columns.iter_mut().for_each(ColumnFacts::settle);
        let mut notices = self.notices();
        let Some(names) = self.names else {
            return Err(ProfileError::Empty);
        };
        if self.rows == 0 {
            return Err(ProfileError::NoRows {
                columns: names.names.len(),
            });
        }
        let decimal = decimal_mark(delimiter, &self.columns);
        let preview = Preview {
            columns: names.names.clone(),
            rows: self.preview,
        };
        let columns = names.names.into_iter().zip(self.columns);
        let columns = columns
            .map(|(name, facts)| facts.finish(name, decimal, &mut notices))
            .collect();
        let dialect = Dialect {
            delimiter: char::from(delimiter),
            decimal: char::from(decimal),
            has_header: self.has_header == Some(true),
            renamed: names.renamed,
            extra_fields: self.extra_fields,
            encoding: "utf-8".to_owned(),
        };
        Ok(Profile {
            rows: self.rows,
            bytes,
            dialect,
            columns,
            notices,
            preview,
        })
    }

    fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        if self.has_header == Some(false) {
            notices.push(
                "the first row holds values, so the columns are called column_1 and so on"
                    .to_owned(),
            );
        } else if self.names.as_ref().is_some_and(|names| names.renamed) {
            notices
                .push("columns with an empty, doubled or padded name have been renamed".to_owned());
        }
        match self.extra_fields {
            Some(ExtraFields::Cut) => notices.push(format!(
                "rows with more fields than the header, whose surplus is left out: {}",
                self.long_rows
            )),
            Some(ExtraFields::Skip) => notices.push(format!(
                "rows skipped because they have more fields than the header: {} (a text that \
                 contains the delimiter needs quotes)",
                self.long_rows
            )),
            None => {}
        }
        if self.short_rows > 0 {
            notices.push(format!(
                "rows with fewer fields than the header, filled up as missing: {}",
                self.short_rows
            ));
        }
        notices
    }
}

/// A decimal comma needs another delimiter, and a column that can be read in no other way.
fn decimal_mark(delimiter: u8, columns: &[ColumnFacts]) -> u8 {
    let speaking = |mark| {
        columns
            .iter()
            .filter(|column| column.speaks_for(mark))
            .count()
    };
    if delimiter != b',' && speaking(b',') > speaking(b'.') {
        b','
    } else {
        b'.'
    }
}
