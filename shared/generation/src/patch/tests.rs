use proptest::prelude::*;

use super::*;

const PROGRAM: &str = "import gradio as gr\n\nwith gr.Blocks() as demo:\n    with gr.Box():  \n        gr.Markdown('# Hi')\ndemo.launch()\n";

fn applied(answer: &str) -> Result<String, String> {
    let patch = read(answer).expect("there is a patch in it");
    let code = patch.and_then(|patch| patch.apply(PROGRAM));
    code.map_err(|error| error.to_string())
}

fn block(search: &str, replace: &str) -> String {
    format!("<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n")
}

#[test]
fn a_block_changes_the_lines_that_it_names() {
    let answer = format!(
        "Sure:\n```python\n{}```\nDone.",
        block("    with gr.Box():", "    with gr.Group():")
    );
    let code = applied(&answer).expect("it fits");
    assert_eq!(code, PROGRAM.replace("gr.Box():  ", "gr.Group():"));
}

#[test]
fn several_blocks_are_applied_one_after_the_other_and_lines_may_go() {
    let answer = block("import gradio as gr", "import gradio as gr\nimport math")
        + &block(
            "    with gr.Box():\n        gr.Markdown('# Hi')",
            "    gr.Markdown(math.pi)",
        )
        + "<<<<<<< SEARCH\ndemo.launch()\n=======\n>>>>>>> REPLACE";
    let code = applied(&answer).expect("it fits");
    assert_eq!(
        code,
        "import gradio as gr\nimport math\n\nwith gr.Blocks() as demo:\n    gr.Markdown(math.pi)\n"
    );
}

#[test]
fn numbers_that_were_copied_with_the_lines_are_taken_off() {
    let code = applied(&block(
        "   4|     with gr.Box():",
        "   4|     with gr.Group():",
    ));
    assert!(code.expect("it fits").contains("\n    with gr.Group():\n"));
}

#[test]
fn what_does_not_fit_is_said_and_nothing_is_changed() {
    for (answer, words) in [
        (
            block("    with gr.Bax():", "x"),
            "(`with gr.Bax():` …) do not stand",
        ),
        (block("with gr.Box():", "x"), "do not stand"),
        (block("", "x"), "block 1 searches for nothing"),
        (
            block(
                "import gradio as gr",
                "import gradio as gr\nimport gradio as gr",
            ) + &block("import gradio as gr", "x"),
            "block 2 (`import gradio as gr` …) stand in the program 2 times",
        ),
        (
            "<<<<<<< SEARCH\nimport gradio as gr\n=======\nx".to_owned(),
            "block 1 does not end",
        ),
        (
            "<<<<<<< SEARCH\nimport gradio as gr\n>>>>>>> REPLACE".to_owned(),
            "block 1 does not end",
        ),
    ] {
        let error = applied(&answer).expect_err(words);
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn the_hunks_of_a_diff_are_taken_by_their_lines() {
    let answer = "```diff\n--- a/app.py\n+++ b/app.py\n@@ -4,2 +4,2 @@ with gr.Blocks()\n-    with gr.Box():\n+    with gr.Group():\n         gr.Markdown('# Hi')\n```\n";
    let code = applied(answer).expect("it fits");
    assert_eq!(code, PROGRAM.replace("gr.Box():  ", "gr.Group():"));
}

#[test]
fn an_ordinary_answer_holds_no_patch() {
    for answer in ["", PROGRAM, "```python\nx = 1 << 7\n```", "a\n=======\nb"] {
        assert_eq!(read(answer), None, "{answer}");
    }
}

/// The smallest block that makes one text of the other: what differs, with lines around it until it
/// stands there once.
fn diff(before: &[String], after: &[String]) -> String {
    let same = |pair: &(&String, &String)| pair.0 == pair.1;
    let shortest = before.len().min(after.len());
    let mut start = before.iter().zip(after).take_while(same).count();
    let mut end = before
        .iter()
        .rev()
        .zip(after.iter().rev())
        .take_while(same)
        .count();
    end = end.min(shortest - start);
    loop {
        let search = &before[start..before.len() - end];
        let lines: Vec<&str> = before.iter().map(String::as_str).collect();
        let wanted: Vec<&str> = search.iter().map(String::as_str).collect();
        let is_there_once =
            search.iter().any(|line| !line.is_empty()) && places_of(&wanted, &lines).len() == 1;
        if is_there_once || (start, end) == (0, 0) {
            let replace = &after[start..after.len() - end];
            let text = |lines: &[String]| {
                lines
                    .iter()
                    .map(|line| format!("{line}\n"))
                    .collect::<String>()
            };
            return format!(
                "<<<<<<< SEARCH\n{}=======\n{}>>>>>>> REPLACE\n",
                text(search),
                text(replace)
            );
        }
        if start > 0 {
            start -= 1;
        } else {
            end -= 1;
        }
    }
}

fn lines() -> impl Strategy<Value = Vec<String>> {
    let line = prop_oneof![
        Just(String::new()),
        Just("    pass".to_owned()),
        "[a-c]{0,2} ?= [é<>|0-9]{1,3}",
    ];
    proptest::collection::vec(line, 1..12)
}

proptest! {
    #[test]
    fn a_patch_made_from_two_texts_restores_the_second(before in lines(), after in lines()) {
        prop_assume!(before.iter().any(|line| !line.is_empty()));
        let answer = format!("Here:\n{}", diff(&before, &after));
        let patch = read(&answer).expect("a patch").expect("it is whole");
        let code = patch.apply(&(before.join("\n") + "\n")).expect("it fits");
        prop_assert_eq!(code, after.join("\n") + "\n");
    }

    #[test]
    fn reading_any_answer_and_applying_it_does_not_panic(answer in "([<>=@+-]{0,9} ?(SEARCH|x)?\n){0,12}", code in "[x\n]{0,9}") {
        if let Some(Ok(patch)) = read(&answer) {
            let _ = patch.apply(&code);
        }
    }
}
