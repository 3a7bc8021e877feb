//! Splits a stream of bytes into records, over chunks that may end anywhere.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// The most bytes and fields one record may have, so that an unclosed quote cannot eat the memory.
pub(crate) const RECORD_LIMIT: usize = 1 << 20;

/// The fields of one record, borrowed from the splitter.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Record<'a> {
    pub(crate) fn len(self) -> usize {
        self.ends.len()
    }

    /// A field; a record that ends too early has empty ones.
    pub(crate) fn field(self, index: usize) -> &'a [u8] {
        let Some(end) = self.ends.get(index) else {
            return &[];
        };
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..*end]
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
    reader: Reader,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    byte_count: usize,
    end_count: usize,
}

impl Splitter {
    pub(crate) fn new(delimiter: u8) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            bytes: vec![0; 1024],
            ends: vec![0; 64],
            byte_count: 0,
            end_count: 0,
        }
    }

    /// Takes one more chunk and hands on each record that it completes.
    pub(crate) fn push<E: From<RecordTooLong>>(
        &mut self,
        mut chunk: &[u8],
        mut on_record: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        // Empty input would tell the reader that the file is over.
        while !chunk.is_empty() {
            let (result, read) = self.step(chunk);
            chunk = &chunk[read..];
            self.react(result, &mut on_record)?;
        }
        Ok(())
    }

    /// Hands on the record that the end of the file completes.
    pub(crate) fn finish<E: From<RecordTooLong>>(
        &mut self,
        mut on_record: impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let (result, _) = self.step(&[]);
            if matches!(result, ReadRecordResult::End) {
                return Ok(());
            }
            self.react(result, &mut on_record)?;
        }
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
        on_record: &mut impl FnMut(Record<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match result {
            ReadRecordResult::InputEmpty | ReadRecordResult::End => {}
            ReadRecordResult::OutputFull => grow(&mut self.bytes)?,
            ReadRecordResult::OutputEndsFull => grow(&mut self.ends)?,
            ReadRecordResult::Record => {
                let record = Record {
                    bytes: &self.bytes[..self.byte_count],
                    ends: &self.ends[..self.end_count],
                };
                on_record(record)?;
                self.byte_count = 0;
                self.end_count = 0;
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
