use super::*;
use proptest::prelude::*;
use serde_json::json;

#[track_caller]
fn check(answer: &str, expected: &str) {
    let found = program(answer);
    assert_eq!(found.as_deref(), Ok(expected), "in:\n{answer}");
}

const APP: &str =
    "import gradio as gr\n\nwith gr.Blocks() as demo:\n    gr.Markdown(\"hi\")\n\ndemo.launch()\n";

#[test]
fn in_fences_with_any_tag() {
    for tag in [
        "",
        "python",
        "Python",
        "py",
        "python3",
        "{.python}",
        "python title=\"app.py\"",
        "app.py",
        "py:app.py",
        "gradio",
        "text",
        "code",
        " python ",
    ] {
        check(&format!("Here:\n```{tag}\n{APP}```\nDone."), APP);
        check(&format!("~~~{tag}\n{APP}~~~"), APP);
        check(&format!("````{tag}\n{APP}````\n"), APP);
        check(
            &format!("Here:\r\n```{tag}\r\n{}```\r\n", APP.replace('\n', "\r\n")),
            APP,
        );
    }
    check(&format!("Sure! Here it is: ```python\n{APP}```"), APP);
    check(&format!("```python\n{}```", APP.trim_end()), APP);
    let listed: String = APP.lines().map(|line| format!("   {line}\n")).collect();
    check(
        &format!("1. The app:\n\n   ```python\n{listed}   ```\n2. Run it."),
        APP,
    );
    check("```\nx = 1\n```", "x = 1\n");
}

#[test]
fn fences_in_the_programs_strings_are_text() {
    let inner = "import streamlit as st\n\nst.markdown(\"\"\"\n```python\nprint(1)\n```\nand\n```\nmore\n```\n\"\"\")\nst.write('it''s')\n";
    check(&format!("Here:\n```python\n{inner}```\nDone."), inner);
    check(&format!("````python\n{inner}````\nDone."), inner);
    let quoted = "s = '''\n  ``` inside a line\n'''\n# it's a comment with \"\"\" in it\n";
    check(&format!("```python\n{quoted}```"), quoted);
    // A string without an end must not swallow the rest of the answer.
    check("```python\nx = \"\"\"oh\n```\nSorry.\n", "x = \"\"\"oh\n");
}

#[test]
fn without_fences() {
    check(APP, APP);
    check(
        &format!(
            "Here is the app you asked for:\n\n{APP}\nThis app shows a greeting (in English). Enjoy!\n- It is small\n1. Run it\n"
        ),
        APP,
    );
    check(&format!("<answer>\n{APP}</answer>"), APP);
    let documented = format!("# A greeting\n{APP}");
    check(&format!("Sure.\n\n{documented}"), &documented);
    let with_text = "import streamlit as st\nTEXT = \"\"\"\nThis is a text for people.\n- a list\n\"\"\"\nst.write(TEXT)\nif st.button(\"Go\"):\n    pass\nelse:\n    st.stop()\n";
    check(with_text, with_text);
    assert_eq!(program("I cannot do that."), Err(LlmError::NoCode));
    assert_eq!(
        program("You could import data from a file."),
        Err(LlmError::NoCode)
    );
    assert_eq!(program(""), Err(LlmError::NoCode));
}

#[test]
fn a_block_without_end_counts_if_it_may_be_whole() {
    check(&format!("```python\n{APP}"), APP);
    check(
        &format!("```python\n{APP}\nI hope that this helps you."),
        APP,
    );
    for half in [
        "```python\nimport gradio as gr\nwith gr.Blocks() as demo:",
        "```python\nimport gradio as gr\ndemo = gr.Interface(",
        "```python\nimport gradio as gr\ntext = \"\"\"Hello",
        "```python\nimport gradio as gr\nx = ",
        "```python\nimport gradio as gr\nx = [1, 2,\n",
    ] {
        assert_eq!(program(half), Err(LlmError::CutOff), "{half}");
    }
}

#[test]
fn of_several_blocks_the_app() {
    let install = "```bash\npip install gradio\n```";
    check(
        &format!("{install}\n```python\n{APP}```\n```sh\npython app.py\n```"),
        APP,
    );
    check(
        &format!(
            "```\npip install gradio\n```\n```python\n!pip install gradio\n```\n```python\n{APP}```"
        ),
        APP,
    );
    // An excerpt, explained.
    check(
        &format!("```python\n{APP}```\nThe line\n```python\ndemo.launch()\n```\nstarts it."),
        APP,
    );
    // A draft, and its better form.
    let better = APP.replace("hi", "hello");
    check(
        &format!("```python\n{APP}```\nOn second thought:\n```python\n{better}```"),
        &better,
    );
    // A suggestion for later.
    check(
        &format!("```python\n{APP}```\nYou may add:\n```python\ngr.Button(\"Go\").click(f)\n```"),
        APP,
    );
    // A helper that the app uses.
    let app = "import gradio as gr\n\ngr.Interface(double, \"number\", \"number\").launch()\n";
    check(
        &format!("```python\ndef double(x):\n    return 2 * x\n```\nand\n```python\n{app}```"),
        &format!("def double(x):\n    return 2 * x\n\n{app}"),
    );
    // Parts of one program.
    check(
        "First:\n```python\nimport gradio as gr\n```\nThen:\n```python\ndef f(x):\n    return x\n```\nLast:\n```python\ngr.Interface(f, \"text\", \"text\").launch()\n```\n",
        "import gradio as gr\n\ndef f(x):\n    return x\n\ngr.Interface(f, \"text\", \"text\").launch()\n",
    );
    check(
        "```python\nimport math\n```\n```python\nprint(math.pi)\n```",
        "import math\n\nprint(math.pi)\n",
    );
    // The first fence was not closed.
    check(&format!("```python\nimport os\n```python\n{APP}```"), APP);
    assert_eq!(
        program("```bash\nls\n```\nimport the data"),
        Err(LlmError::NoCode)
    );
    assert_eq!(program("```python\n\n```"), Err(LlmError::NoCode));
}

#[test]
fn inside_json() {
    let code = |value: serde_json::Value| value.to_string();
    check(&code(json!({"code": APP})), APP);
    check(
        &code(json!({"code": "print(1)", "explanation": "prints one (1)"})),
        "print(1)\n",
    );
    check(
        &code(
            json!({"answer": {"title": "Import data", "python": format!("```python\n{APP}```")}}),
        ),
        APP,
    );
    check(
        &code(json!({"files": {"requirements.txt": "gradio", "app.py": APP}})),
        APP,
    );
    check(
        &code(
            json!([{"path": "README.md", "content": "import nothing"}, {"path": "app.py", "content": APP}]),
        ),
        APP,
    );
    check(&code(json!({"code": APP.lines().collect::<Vec<_>>()})), APP);
    check(
        &format!(
            "Here you go:\n```json\n{}\n```\nDone.",
            json!({"code": APP})
        ),
        APP,
    );
    check(
        &format!("Of course! {} I hope it helps.", json!({"code": APP})),
        APP,
    );
    // As small models write it: raw line breaks in the string, a comma too many.
    let quoted = APP.replace('"', "\\\"");
    check(&format!("{{\"code\": \"{quoted}\",\n}}"), APP);
    // A dictionary of the program's is no JSON answer.
    let with_dictionary = "import streamlit as st\nst.json({\"code\": \"x = 1\"})\n";
    check(&format!("```python\n{with_dictionary}```"), with_dictionary);
    check(with_dictionary, with_dictionary);
}

#[test]
fn thoughts_are_no_answer() {
    check(
        &format!("<think>\nPerhaps\n```python\nimport os\n```\n</think>\n\n```python\n{APP}```"),
        APP,
    );
    assert_eq!(
        json("<think>{\"a\": 1}</think>{\"b\": 2}"),
        Some(json!({"b": 2}))
    );
}

#[test]
fn documents_are_found_between_prose() {
    let wanted = Some(json!({"title": "Rain", "inputs": ["city"]}));
    for answer in [
        "{\"title\": \"Rain\", \"inputs\": [\"city\"]}",
        "```json\n{\"title\": \"Rain\", \"inputs\": [\"city\"]}\n```",
        "```\n{\"title\": \"Rain\", \"inputs\": [\"city\"],}\n```",
        "I'd use {curly} braces: {\"title\": \"Rain\", \"inputs\": [\"city\",]} as you see.",
    ] {
        assert_eq!(json(answer), wanted, "{answer}");
    }
    assert_eq!(
        json("{\"text\": \"two\nlines\"}"),
        Some(json!({"text": "two\nlines"}))
    );
    assert_eq!(json("none { here }"), None);
    assert_eq!(json(&"{".repeat(100_000)), None);
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(answer in "(?s)([ -~]|\n|```|\"\"\"|é|\\{|```python\n|import x\n){0,80}") {
        let _ = program(&answer);
        let _ = json(&answer);
        let _ = is_inside_a_block(&answer);
    }

    #[test]
    fn a_program_cut_anywhere_is_whole_or_told_to_be_cut(at in 12usize..100) {
        let answer = format!("```python\n{APP}```");
        let found = program(&answer[..at.min(answer.len())]);
        prop_assert!(matches!(found, Ok(_) | Err(LlmError::CutOff | LlmError::NoCode)));
    }
}

#[test]
fn all_blocks_of_any_language_are_found_with_what_they_are_called() {
    let answer = "First:\r\n```bash\r\ncargo new x\r\n```\nThen\n~~~Rust,ignore\nfn main() {}\n\n~~~\n```\nx\n```\n```\n```\n";
    let found = code_blocks(answer);
    let found: Vec<_> = found
        .iter()
        .map(|block| (block.language.as_str(), block.code.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("bash", "cargo new x\n"),
            ("rust", "fn main() {}\n"),
            ("", "x\n")
        ]
    );
    assert_eq!(code_blocks("no code"), []);
}
