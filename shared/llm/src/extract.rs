//! What is asked for, in what a model says: the program, or the JSON document.

mod blocks;
mod choose;
mod document;
mod python;

use serde::Serialize;

use crate::LlmError;
use blocks::{Block, Kind, blocks};

pub use document::json;

pub(crate) use blocks::opens_a_block;

/// How often a program may be wrapped in something else: a JSON string in a block.
const WRAPPINGS: u8 = 3;

/// The program in an answer: in code blocks of any fence, in JSON, or between prose.
///
/// Of several blocks the app is chosen, with the blocks before it that define what it uses. A
/// program whose block does not end and that cannot be a whole one is [`LlmError::CutOff`].
pub fn program(answer: &str) -> Result<String, LlmError> {
    unwrapped(answer, WRAPPINGS)
}

/// A block of code, of any language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeBlock {
    /// What its tag calls it, such as `python`; empty without a tag.
    pub language: String,
    /// Its lines.
    pub code: String,
}

/// All code blocks of an answer, in their order.
pub fn code_blocks(answer: &str) -> Vec<CodeBlock> {
    let answer = answer.replace("\r\n", "\n");
    let found = blocks(without_thoughts(&answer)).into_iter();
    let found = found.map(|block| CodeBlock {
        language: block.language,
        code: format!("{}\n", block.text.trim_end()),
    });
    found
        .filter(|block| !block.code.trim().is_empty())
        .collect()
}

/// Whether the text ends within a code block.
pub(crate) fn is_inside_a_block(text: &str) -> bool {
    blocks(without_thoughts(text))
        .last()
        .is_some_and(|block| !block.is_closed)
}

fn unwrapped(answer: &str, wrappings: u8) -> Result<String, LlmError> {
    let answer = answer.replace("\r\n", "\n");
    let answer = without_thoughts(&answer);
    if answer.trim_start().starts_with(['{', '['])
        && wrappings > 0
        && let Some(found) = in_json(answer, wrappings)
    {
        return found;
    }
    let blocks = blocks(answer);
    let programs: Vec<&Block> = blocks.iter().filter(|block| block.is_program()).collect();
    if programs.is_empty() {
        let in_json = (wrappings > 0).then(|| in_json(answer, wrappings));
        // A program that holds a dictionary is no document that holds a program.
        let is_small = |code: &String| code.len() * 2 < answer.len();
        let reads_so = python::reads_like_a_program(answer) && blocks.is_empty();
        if let Some(found) = in_json.flatten()
            && !(reads_so && found.as_ref().is_ok_and(is_small))
        {
            return found;
        }
        // Blocks of another language are no Python, whatever stands between them.
        if blocks.iter().any(|block| block.kind == Kind::Other) {
            return Err(LlmError::NoCode);
        }
        return between_prose(answer);
    }
    let program = choose::choose(&programs);
    let chosen_is_open = programs
        .last()
        .is_some_and(|last| !last.is_closed && program.contains(last.text.trim()));
    let program = if chosen_is_open {
        python::without_prose(&program)
    } else {
        program
    };
    if chosen_is_open && !python::may_be_whole(&program) {
        return Err(LlmError::CutOff);
    }
    finished(&program)
}

fn in_json(answer: &str, wrappings: u8) -> Option<Result<String, LlmError>> {
    let code = document::code(answer)?;
    let found = unwrapped(&code, wrappings - 1);
    // Its place says that it is code, though it may import nothing.
    Some(found.or_else(|error| match error {
        LlmError::NoCode => finished(&code),
        error => Err(error),
    }))
}

fn between_prose(answer: &str) -> Result<String, LlmError> {
    if !python::reads_like_a_program(answer) {
        return Err(LlmError::NoCode);
    }
    finished(&python::without_prose(answer))
}

fn finished(program: &str) -> Result<String, LlmError> {
    let program = python::without_commands(program);
    if program.trim().is_empty() {
        return Err(LlmError::NoCode);
    }
    Ok(format!("{}\n", program.trim_matches('\n').trim_end()))
}

/// The text without the thoughts that some models write before their answer.
pub(crate) fn without_thoughts(text: &str) -> &str {
    for end in ["</think>", "</thinking>", "</reasoning>"] {
        if text.trim_start().starts_with(&end.replace('/', ""))
            && let Some((_, rest)) = text.split_once(end)
        {
            return rest;
        }
    }
    text
}

#[cfg(test)]
mod tests;
