//! Why a file could not be profiled.

/// Why a file could not be profiled. Each text names the way out.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProfileError {
    /// There was nothing in the file, or only blank lines.
    #[error("the data is empty: send a CSV file with a line of column names and at least one row")]
    Empty,
    /// There were column names and nothing below them.
    #[error("the data has {columns} column names and no rows: send a file with at least one row")]
    NoRows {
        /// How many names the header has.
        columns: usize,
    },
    /// The bytes are in another encoding, or no text.
    #[error(
        "the data is not UTF-8: byte {offset} is 0x{byte:02x}; save the file as UTF-8 and send it \
         again (other encodings come in a later version)"
    )]
    NotUtf8 {
        /// Zero-based offset of the first wrong byte.
        offset: u64,
        /// That byte.
        byte: u8,
    },
    /// The file holds zero bytes, as spreadsheets, archives and UTF-16 do.
    #[error(
        "the data is not text: byte {offset} is zero; export the table as CSV in UTF-8 and send \
         that"
    )]
    NotText {
        /// Zero-based offset of the first zero byte.
        offset: u64,
    },
    /// One row is so long that a quote was probably left open.
    #[error(
        "row {row} is longer than {limit} bytes: look for a quotation mark there that is never closed"
    )]
    RowTooLong {
        /// How many rows of data stand before it, plus one.
        row: u64,
        /// The most bytes that one row may have.
        limit: usize,
    },
    /// More columns than a dashboard or this profiler can use.
    #[error("the data has {columns} columns, and at most {limit} can be profiled: remove some")]
    TooManyColumns {
        /// How many columns the header has.
        columns: usize,
        /// The most that are taken.
        limit: usize,
    },
}
