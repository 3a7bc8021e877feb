//! What an answer makes of a program: another program, or a change of it.

use llm::{LlmError, extract};
use serde::Serialize;

use crate::patch::{self, PatchError};

/// In which form a program came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Whole.
    Program,
    /// As changes of the one before.
    Patch,
}

/// An answer that cannot be used; the words are for the model that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// It is prose, or another language.
    #[error("it holds no Python program")]
    NoCode,
    /// The program in it has no end.
    #[error("the program in it was cut off before its end")]
    CutOff,
    /// It changes nothing.
    #[error("it leaves the program as it was")]
    Unchanged,
    /// Its changes do not fit.
    #[error(transparent)]
    Patch(#[from] PatchError),
}

/// The program that an answer makes, where there was this one `before`.
pub(crate) fn read(answer: &str, before: Option<&str>) -> Result<(String, Form), Unusable> {
    let written = match before.and_then(|code| Some((code, patch::read(answer)?))) {
        Some((code, patch)) => (patch?.apply(code)?, Form::Patch),
        None => (program(answer)?, Form::Program),
    };
    if before.is_some_and(|code| code.trim() == written.0.trim()) {
        return Err(Unusable::Unchanged);
    }
    Ok(written)
}

fn program(answer: &str) -> Result<String, Unusable> {
    extract::program(answer).map_err(|error| match error {
        LlmError::CutOff => Unusable::CutOff,
        _ => Unusable::NoCode,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "import streamlit as st\nst.write(1)\n";
    const PATCH: &str = "<<<<<<< SEARCH\nst.write(1)\n=======\nst.write(2)\n>>>>>>> REPLACE\n";

    #[test]
    fn takes_programs_and_patches_and_says_which_it_was() {
        let after = BEFORE.replace('1', "2");
        let whole = format!("Here:\n```python\n{after}```\n");
        assert_eq!(read(&whole, None), Ok((after.clone(), Form::Program)));
        assert_eq!(
            read(&whole, Some(BEFORE)),
            Ok((after.clone(), Form::Program))
        );
        assert_eq!(read(PATCH, Some(BEFORE)), Ok((after, Form::Patch)));
    }

    #[test]
    fn says_what_is_of_no_use() {
        let whole = format!("```python\n{BEFORE}```\n");
        assert_eq!(read(&whole, Some(BEFORE)), Err(Unusable::Unchanged));
        assert_eq!(read("I would rather not.", None), Err(Unusable::NoCode));
        let open = "```python\nimport streamlit as st\nst.write(\n";
        assert_eq!(read(open, None), Err(Unusable::CutOff));
        let other = PATCH.replace("(1)", "(7)");
        let error = read(&other, Some(BEFORE)).expect_err("it does not fit");
        assert!(error.to_string().contains("`st.write(7)`"), "{error}");
    }
}
