//! The seam between an answer that was cut off and its continuation.
//!
//! Models are asked to begin with the line that was cut off; they do that, or go on in the middle
//! of it, or repeat more, or open their code block anew, or begin the whole answer again. What they
//! repeat is found and left out, and none of it is told before that is decided.

use crate::extract::{is_inside_a_block, opens_a_block};

/// An overlap that begins within a line has at least so many bytes: fewer may be chance.
const LEAST_OVERLAP: usize = 16;
/// An overlap of whole lines has at least so many bytes that are no white space.
const LEAST_LINE: usize = 4;
/// A continuation's opening words, and a fence after them, fit in here.
const OPENING: usize = 240;

/// What becomes of a continuation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Joined {
    /// This is what is new: it goes behind what there was.
    More(String),
    /// The model began the answer again: this replaces what there was.
    Anew(String),
}

/// Joins a continuation, as it comes, to the text before it.
#[derive(Debug)]
pub(crate) struct Stitch {
    before: String,
    /// `before` ends within a code block.
    is_inside: bool,
    held: String,
    is_decided: bool,
}

impl Stitch {
    /// Goes on after `before`; where that is empty nothing is held back.
    pub(crate) fn after(before: &str) -> Self {
        Self {
            before: before.to_owned(),
            is_inside: is_inside_a_block(before),
            held: String::new(),
            is_decided: before.is_empty(),
        }
    }

    /// Takes more of the continuation; `None` as long as it may all be repetition.
    pub(crate) fn push(&mut self, text: String) -> Option<Joined> {
        if self.is_decided {
            return Some(Joined::More(text));
        }
        self.held.push_str(&text);
        let is_enough = self.held.len() >= OPENING;
        if !is_enough || self.is_lone_fence() || self.repeats() {
            return None;
        }
        self.decide()
    }

    /// The continuation has ended: what of it is new.
    pub(crate) fn finish(mut self) -> Option<Joined> {
        if self.is_decided { None } else { self.decide() }
    }

    /// Whether the continuation so far only says what was said already.
    fn repeats(&self) -> bool {
        let begins = without_opening(self.is_inside, &self.held);
        !begins.trim().is_empty() && self.before.contains(begins)
    }

    /// Whether the continuation begins with a bare fence, which closes the block or opens it anew:
    /// that is known at its end.
    fn is_lone_fence(&self) -> bool {
        let first = self.held.trim_start().lines().next();
        self.is_inside && first.and_then(opens_a_block) == Some("")
    }

    fn decide(&mut self) -> Option<Joined> {
        self.is_decided = true;
        let joined = join(&self.before, self.is_inside, &self.held);
        self.held = String::new();
        match joined {
            Joined::More(text) if text.is_empty() => None,
            joined => Some(joined),
        }
    }
}

/// Joins a continuation, known as far as it matters, to the text before it.
fn join(before: &str, is_inside: bool, continuation: &str) -> Joined {
    let begins = without_opening(is_inside, continuation);
    let overlap = overlap(before, begins);
    if overlap > 0 {
        return Joined::More(begins[overlap..].to_owned());
    }
    if begins_again(before, continuation) {
        return Joined::Anew(continuation.to_owned());
    }
    if let Some(rest) = after_the_cut_line(before, begins) {
        return Joined::More(rest.to_owned());
    }
    Joined::More(begins.to_owned())
}

/// The continuation without words before a code block that it opens anew, and without that fence.
fn without_opening(is_inside: bool, continuation: &str) -> &str {
    let mut from = 0;
    while is_inside && from < OPENING {
        let Some(end) = continuation[from..].find('\n') else {
            break;
        };
        let rest = &continuation[from + end + 1..];
        match opens_a_block(&continuation[from..from + end]) {
            None => from += end + 1,
            // A bare fence opens the block anew only if another one closes it.
            Some("") if from > 0 || fences(rest) != 1 => break,
            Some(_) => return rest,
        }
    }
    continuation
}

fn fences(text: &str) -> usize {
    text.lines()
        .filter(|line| opens_a_block(line).is_some())
        .count()
}

/// How many bytes at the beginning of `after` repeat the end of `before`.
fn overlap(before: &str, after: &str) -> usize {
    let most = before.len().min(after.len());
    (1..=most)
        .rev()
        .filter(|&length| after.is_char_boundary(length))
        .find(|&length| {
            let begin = before.len() - length;
            before.is_char_boundary(begin)
                && before[begin..] == after[..length]
                && is_no_chance(&before[..begin], &after[..length])
        })
        .unwrap_or(0)
}

fn is_no_chance(before: &str, overlap: &str) -> bool {
    let at_a_line = before.is_empty() || before.ends_with('\n');
    let bytes = overlap.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let visible = bytes.count();
    // The line that was cut off, said again as it was asked for: a word is enough.
    let is_cut_line = at_a_line
        && !overlap.ends_with('\n')
        && overlap.trim_start().starts_with(char::is_alphanumeric);
    visible >= LEAST_OVERLAP || (at_a_line && visible >= LEAST_LINE) || is_cut_line
}

/// The new part, where the model repeats the line that was cut off but not its indentation.
fn after_the_cut_line<'a>(before: &str, after: &'a str) -> Option<&'a str> {
    let line = before.rsplit('\n').next()?;
    let (line, after) = (line.trim_start(), after.trim_start());
    let is_long_enough = line.len() >= LEAST_LINE;
    after.strip_prefix(line).filter(|_| is_long_enough)
}

/// Whether the continuation begins as the whole answer, or the program in it, began.
fn begins_again(before: &str, continuation: &str) -> bool {
    let opening = |text: &str, skip: usize| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.skip(skip).take(2).map(str::to_owned).collect()
    };
    let is_fence = |text: &str| {
        opening(text, 0)
            .first()
            .is_some_and(|line| opens_a_block(line).is_some())
    };
    let program = |text: &str| opening(text, usize::from(is_fence(text)));
    let (begun, again) = (program(before), program(continuation));
    let size: usize = again.iter().map(String::len).sum();
    again.len() == 2 && begun == again && size >= LEAST_OVERLAP
}

#[cfg(test)]
mod tests;
