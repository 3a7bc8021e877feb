//! Finds the delimiter of a file from its first bytes.
//!
//! Counting characters would be fooled by commas in texts and by decimal commas, so each candidate
//! really splits the sample, quotes respected, and the one that splits it most regularly wins.

use std::cmp::Reverse;

use crate::records::{RecordTooLong, Splitter};

/// In the order in which they win a tie.
const CANDIDATES: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The delimiter of the file that begins with `sample`. `complete` says that the sample is all of it,
/// so that its last line counts too.
pub(crate) fn delimiter(sample: &[u8], complete: bool) -> u8 {
    let counts: Vec<(u8, Counts)> = CANDIDATES
        .iter()
        .map(|candidate| (*candidate, count(sample, complete, *candidate)))
        .collect();
    let mut best: Option<(u8, Merit)> = None;
    for (candidate, counts) in counts.iter().filter(|(_, counts)| counts.header >= 2) {
        let merit = Merit {
            regularity: counts.regularity(),
            fewer_torn_quotes: Reverse(torn_quotes(sample, *candidate)),
            header: counts.header,
        };
        if best.as_ref().is_none_or(|(_, other)| merit > *other) {
            best = Some((*candidate, merit));
        }
    }
    if let Some((candidate, _)) = best {
        return candidate;
    }
    // One column: a delimiter that occurs nowhere, lest a text be cut at its first comma.
    let unused = counts.iter().find(|(_, counts)| counts.widest < 2);
    unused.map_or(b',', |(candidate, _)| *candidate)
}

/// What speaks for a candidate, the weightiest first.
#[derive(PartialEq, PartialOrd)]
struct Merit {
    regularity: f64,
    fewer_torn_quotes: Reverse<usize>,
    header: usize,
}

/// How many quoted fields end in the middle of something: after a closing quote stands neither the
/// delimiter nor the end of the line, so another delimiter was meant.
fn torn_quotes(sample: &[u8], delimiter: u8) -> usize {
    let mut torn = 0;
    let mut begins_field = true;
    let mut rest = sample;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if begins_field && byte == b'"' {
            rest = after_quoted(after);
            let ends_field = |byte: &u8| *byte == delimiter || matches!(byte, b'\r' | b'\n');
            torn += usize::from(rest.first().is_some_and(|byte| !ends_field(byte)));
            begins_field = false;
        } else {
            begins_field = byte == delimiter || matches!(byte, b'\r' | b'\n');
        }
    }
    torn
}

/// What follows the quote that closes a field; two quotes are one within it (RFC 4180, 2.7).
fn after_quoted(mut rest: &[u8]) -> &[u8] {
    while let Some(quote) = rest.iter().position(|&byte| byte == b'"') {
        rest = &rest[quote + 1..];
        match rest.strip_prefix(b"\"") {
            Some(within) => rest = within,
            None => return rest,
        }
    }
    &[]
}

/// How many fields the records have when they are split by one candidate.
#[derive(Default)]
struct Counts {
    header: usize,
    widest: usize,
    records: u32,
    as_header: u32,
    /// One field more than the header: what a delimiter at the end of each line does.
    one_more: u32,
}

impl Counts {
    fn regularity(&self) -> f64 {
        if self.records == 0 {
            return 0.0;
        }
        (f64::from(self.as_header) + 0.5 * f64::from(self.one_more)) / f64::from(self.records)
    }
}

impl Counts {
    fn add(&mut self, fields: usize) {
        self.widest = self.widest.max(fields);
        if self.header == 0 {
            self.header = fields;
            return;
        }
        self.records += 1;
        self.as_header += u32::from(fields == self.header);
        self.one_more += u32::from(fields == self.header + 1);
    }
}

fn count(sample: &[u8], complete: bool, delimiter: u8) -> Counts {
    let mut counts = Counts::default();
    let mut splitter = Splitter::new(delimiter);
    // A sample is shorter than the limit of a record, so that splitting it cannot fail.
    let _: Result<(), RecordTooLong> = splitter.push(sample, |records| {
        records.iter().for_each(|record| counts.add(record.len()));
        Ok(())
    });
    if complete || counts.header == 0 {
        let _: Result<(), RecordTooLong> = splitter.finish(|records| {
            records.iter().for_each(|record| counts.add(record.len()));
            Ok(())
        });
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::delimiter;

    fn check(sample: &str, expected: char) {
        assert_eq!(
            char::from(delimiter(sample.as_bytes(), true)),
            expected,
            "{sample:?}"
        );
    }

    #[test]
    fn finds_each_delimiter() {
        check("a,b\n1,2\n", ',');
        check("a;b\n1;2\n", ';');
        check("a\tb\n1\t2\n", '\t');
        check("a|b\n1|2\n", '|');
    }

    #[test]
    fn is_not_fooled_by_decimal_commas_or_quoted_text() {
        check("a;b\n1,5;2,5\n3,5;4,5\n", ';');
        check("name;note, free\nx;\"a, b, c\"\ny;d\n", ';');
        check("a,b\n\"x;y;z\",1\n\"p;q\",2\n", ',');
    }

    #[test]
    fn a_quoted_field_does_not_end_in_the_middle_of_something() {
        check("\"éx\";\",x\";\",x\"\n\"ax\";\",x\";\",x\"\n", ';');
        check("\"a\"\"b\",\";\"\n\"c\",\";\"\n", ',');
    }

    #[test]
    fn takes_a_delimiter_at_the_end_of_each_row() {
        check("a,b\n1,2,\n3,4,\n", ',');
    }

    #[test]
    fn leaves_a_single_column_of_prose_whole() {
        check("quote\nto be, or not to be\nthat is it\n", ';');
        check("word\none\ntwo\n", ',');
    }
}
