//! Splits a stream of bytes into records, over chunks that may end anywhere.
//!
//! Most records lie whole in one chunk and have no quote within quotes. Those are cut where they
//! stand, without a copy ([`Reader`]'s rules, RFC 4180): in long runs as far as nothing is unusual, then
//! one by one. All others go through [`Reader`].

mod plain;
mod specials;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use crate::hash::hash_within;
use plain::PlainCutter;
use specials::Specials;

/// The most bytes and fields one record may have, so that an unclosed quote cannot eat the memory.
pub(crate) const RECORD_LIMIT: usize = 1 << 20;

/// The most fields that are handed on together; a record that has more comes alone.
const BATCH: usize = 16 * 1024;

/// Records that follow one another, borrowed; at least one.
#[derive(Clone, Copy)]
pub(crate) struct Records<'a> {
    bytes: &'a [u8],
    fields: &'a [Field],
    /// Where the fields of each record end.
    ends: &'a [usize],
}

impl<'a> Records<'a> {
    pub(crate) fn len(self) -> usize {
        self.ends.len()
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Record<'a>> {
        let mut start = 0;
        self.ends.iter().map(move |&end| Record {
            bytes: self.bytes,
            fields: &self.fields[std::mem::replace(&mut start, end)..end],
        })
    }
}

/// The fields of one record, borrowed.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    bytes: &'a [u8],
    fields: &'a [Field],
}

/// From where to where a field goes.
#[derive(Clone, Copy)]
struct Field {
    start: usize,
    end: usize,
}

impl<'a> Record<'a> {
    pub(crate) fn len(self) -> usize {
        self.fields.len()
    }

    /// A field; a record that ends too early has empty ones.
    pub(crate) fn field(self, index: usize) -> &'a [u8] {
        match self.fields.get(index) {
            Some(field) => &self.bytes[field.start..field.end],
            None => &[],
        }
    }

    /// The hash of a field.
    #[inline]
    pub(crate) fn hash(self, index: usize) -> u64 {
        match self.fields.get(index) {
            Some(field) => hash_within(self.bytes, field.start, field.end),
            None => 0,
        }
    }

    pub(crate) fn text(self, index: usize) -> String {
        String::from_utf8_lossy(self.field(index)).into_owned()
    }
}

/// A record is longer than [`RECORD_LIMIT`].
#[derive(Debug)]
pub(crate) struct RecordTooLong;

/// Splits by one delimiter; quotes, doubled quotes, CRLF and blank lines as in RFC 4180.
pub(crate) struct Splitter {
    delimiter: u8,
    plain: PlainCutter,
    reader: Reader,
    /// Whether the reader stands between two records, and not in one.
    between: bool,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    byte_count: usize,
    end_count: usize,
    /// The fields of the records that will be handed on together.
    fields: Vec<Field>,
    record_ends: Vec<usize>,
}

impl Splitter {
    pub(crate) fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            plain: PlainCutter::default(),
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            // The reader takes the first record of the file: there it looks for a byte order mark.
            between: false,
            bytes: vec![0; 1024],
            ends: vec![0; 64],
            byte_count: 0,
            end_count: 0,
            fields: Vec::new(),
            record_ends: Vec::new(),
        }
    }

    /// Takes one more chunk and hands on the records that it completes.
    pub(crate) fn push<E: From<RecordTooLong>>(
        &mut self,
        mut chunk: &[u8],
        mut on_records: impl FnMut(Records<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            if self.between {
                let read = self.cut(chunk, &mut on_records)?;
                chunk = &chunk[read..];
            }
            // Empty input would tell the reader that the file is over.
            if chunk.is_empty() {
                return Ok(());
            }
            let (result, read) = self.step(chunk);
            chunk = &chunk[read..];
            self.react(result, &mut on_records)?;
        }
    }

    /// Hands on the record that the end of the file completes.
    pub(crate) fn finish<E: From<RecordTooLong>>(
        &mut self,
        mut on_records: impl FnMut(Records<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let (result, _) = self.step(&[]);
            if matches!(result, ReadRecordResult::End) {
                return Ok(());
            }
            self.react(result, &mut on_records)?;
        }
    }

    /// Cuts records where they stand, up to the first that the reader has to take, and says how far
    /// that is.
    fn cut<E>(
        &mut self,
        chunk: &[u8],
        on_records: &mut impl FnMut(Records<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let (delimiter, fields) = (self.delimiter, &mut self.fields);
        let mut record_start = self
            .plain
            .cut(chunk, delimiter, fields, &mut self.record_ends);
        let mut specials = Specials::after(record_start, chunk, self.delimiter);
        while let Some(after) = self.cut_record(chunk, record_start, &mut specials) {
            record_start = after;
            if self.fields.len() > BATCH {
                self.hand_on(chunk, on_records)?;
            }
        }
        // Of the record that was not cut, nothing is handed on.
        self.fields
            .truncate(self.record_ends.last().copied().unwrap_or(0));
        self.hand_on(chunk, on_records)?;
        Ok(record_start)
    }

    /// Cuts one record and says where the next begins.
    fn cut_record(
        &mut self,
        chunk: &[u8],
        record_start: usize,
        specials: &mut Specials<'_>,
    ) -> Option<usize> {
        let mut field_start = record_start;
        loop {
            let mut at = specials.next()?;
            let mut field = Field {
                start: field_start,
                end: at,
            };
            if chunk[at] == b'"' {
                // Within a field that does not begin with one, a quote is a character.
                if at != field_start {
                    continue;
                }
                field.start = at + 1;
                field.end = specials.find(|&at| chunk[at] == b'"')?;
                // What follows must end the field; another quote would be one within it.
                at = specials.next()?;
                if at != field.end + 1 || chunk[at] == b'"' {
                    return None;
                }
            }
            // A blank line is no record.
            if at != record_start || chunk[at] == self.delimiter {
                self.fields.push(field);
            }
            field_start = at + 1;
            if chunk[at] == self.delimiter {
                continue;
            }
            // A long record may be too long, which the reader knows.
            if at - record_start > RECORD_LIMIT / 2 {
                return None;
            }
            if at != record_start {
                self.record_ends.push(self.fields.len());
            }
            return Some(field_start);
        }
    }

    fn hand_on<E>(
        &mut self,
        bytes: &[u8],
        on_records: &mut impl FnMut(Records<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let records = Records {
            bytes,
            fields: &self.fields,
            ends: &self.record_ends,
        };
        let outcome = if self.record_ends.is_empty() {
            Ok(())
        } else {
            on_records(records)
        };
        self.fields.clear();
        self.record_ends.clear();
        outcome
    }

    fn step(&mut self, chunk: &[u8]) -> (ReadRecordResult, usize) {
        let (result, read, bytes, ends) = self.reader.read_record(
            chunk,
            &mut self.bytes[self.byte_count..],
            &mut self.ends[self.end_count..],
        );
        self.byte_count += bytes;
        self.end_count += ends;
        (result, read)
    }

    fn react<E: From<RecordTooLong>>(
        &mut self,
        result: ReadRecordResult,
        on_records: &mut impl FnMut(Records<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.between = false;
        match result {
            ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
            ReadRecordResult::OutputFull => grow(&mut self.bytes)?,
            ReadRecordResult::OutputEndsFull => grow(&mut self.ends)?,
            ReadRecordResult::Record => {
                let mut start = 0;
                let ends = self.ends[..self.end_count].iter();
                self.fields.extend(ends.map(|end| Field {
                    start: std::mem::replace(&mut start, *end),
                    end: *end,
                }));
                self.record_ends.push(self.fields.len());
                let bytes = std::mem::take(&mut self.bytes);
                let outcome = self.hand_on(&bytes[..self.byte_count], on_records);
                self.bytes = bytes;
                outcome?;
                self.byte_count = 0;
                self.end_count = 0;
                self.between = true;
            }
        }
        Ok(())
    }
}

fn grow<T: Clone + Default>(buffer: &mut Vec<T>) -> Result<(), RecordTooLong> {
    if buffer.len() >= RECORD_LIMIT {
        return Err(RecordTooLong);
    }
    buffer.resize(buffer.len() * 2, T::default());
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{RecordTooLong, Splitter};

    /// The records of a text that comes in pieces of some size.
    fn split(text: &[u8], size: usize) -> Vec<Vec<String>> {
        let mut splitter = Splitter::new(b',');
        let mut all = Vec::new();
        let mut note = |records: super::Records<'_>| {
            let texts = records.iter();
            all.extend(texts.map(|record| (0..record.len()).map(|at| record.text(at)).collect()));
            Ok::<(), RecordTooLong>(())
        };
        for piece in text.chunks(size) {
            splitter.push(piece, &mut note).expect("none is too long");
        }
        splitter.finish(&mut note).expect("none is too long");
        all
    }

    proptest! {
        #[test]
        fn what_is_cut_in_long_runs_is_what_the_reader_makes_of_it(
            pieces in prop::collection::vec(
                prop_oneof![
                    8 => "[a-z]{0,20}[,\n]",
                    4 => "\"[a-z,\n]{0,70}\"[,\n]",
                    1 => "[a-z,\"\n\r]{1,3}",
                ],
                0..200,
            ),
        ) {
            let text = pieces.concat();
            // Of single bytes, the reader gets all.
            prop_assert_eq!(split(text.as_bytes(), text.len().max(1)), split(text.as_bytes(), 1));
        }
    }
}
