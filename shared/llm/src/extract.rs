//! Which part of a model's answer is the program.

use crate::LlmError;

/// The program in an answer: the longest Python code block, or the answer itself if it has no
/// blocks and reads like a program.
pub fn program(answer: &str) -> Result<String, LlmError> {
    let blocks = blocks(answer)?;
    let longest = blocks.into_iter().max_by_key(|block| block.len());
    let program = match longest {
        Some(block) => block,
        None if reads_like_a_program(answer) => answer.trim(),
        None => return Err(LlmError::NoCode),
    };
    if program.trim().is_empty() {
        return Err(LlmError::NoCode);
    }
    Ok(format!("{}\n", program.trim_matches('\n').trim_end()))
}

/// The contents of the fenced blocks that are Python or say no language.
fn blocks(answer: &str) -> Result<Vec<&str>, LlmError> {
    let mut blocks = Vec::new();
    let mut rest = answer;
    while let Some(open) = find_fence(rest) {
        let after = &rest[open + 3..];
        let Some((language, body)) = after.split_once('\n') else {
            return Err(LlmError::CutOff);
        };
        let Some(close) = find_fence(body) else {
            return Err(LlmError::CutOff);
        };
        if ["", "python", "py", "python3"].contains(&language.trim().to_ascii_lowercase().as_str())
        {
            blocks.push(&body[..close]);
        }
        rest = body[close + 3..]
            .split_once('\n')
            .map_or("", |(_, rest)| rest);
    }
    Ok(blocks)
}

/// A fence at the beginning of a line.
fn find_fence(text: &str) -> Option<usize> {
    let mut from = 0;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches(' ').len();
        if line[indent..].starts_with("```") {
            return Some(from + indent);
        }
        from += line.len();
    }
    None
}

fn reads_like_a_program(text: &str) -> bool {
    text.lines()
        .any(|line| line.starts_with("import ") || line.starts_with("from "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_program_in_and_out_of_fences() {
        let check = |answer: &str, program_text: &str| {
            assert_eq!(program(answer), Ok(program_text.to_owned()), "{answer}");
        };
        check(
            "Here:\n```python\nimport gradio\n```\nDone.",
            "import gradio\n",
        );
        check("```\nx = 1\n```", "x = 1\n");
        check(
            "import gradio as gr\ngr.Blocks()",
            "import gradio as gr\ngr.Blocks()\n",
        );
        check(
            "```bash\npip install x\n```\n```py\nimport x\nx()\n```",
            "import x\nx()\n",
        );
        check(
            "```python\ns = '''\n  # ``` inside a line\n'''\n```",
            "s = '''\n  # ``` inside a line\n'''\n",
        );
    }

    #[test]
    fn half_a_program_is_never_run() {
        assert_eq!(program("```python\nimport gradio"), Err(LlmError::CutOff));
        assert_eq!(program("I cannot do that."), Err(LlmError::NoCode));
        assert_eq!(program("```python\n\n```"), Err(LlmError::NoCode));
    }
}
