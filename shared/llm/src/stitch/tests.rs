use super::*;
use proptest::prelude::*;

/// Joins a continuation that comes in pieces of so many characters.
fn stitched(before: &str, continuation: &str, size: usize) -> String {
    let mut text = before.to_owned();
    let mut stitch = Stitch::after(before);
    let characters: Vec<char> = continuation.chars().collect();
    let mut take = |joined: Option<Joined>| match joined {
        Some(Joined::More(more)) => text.push_str(&more),
        Some(Joined::Anew(anew)) => text = anew,
        None => {}
    };
    for piece in characters.chunks(size.max(1)) {
        take(stitch.push(piece.iter().collect()));
    }
    take(stitch.finish());
    text
}

const PROGRAM: &str = "```python\nimport gradio as gr\n\n\ndef greet(name):\n    if name:\n        return f\"Hello, {name}!\"\n    return \"Hello!\"\n\n\nwith gr.Blocks() as demo:\n    name = gr.Textbox(label=\"Name\")\n    greeting = gr.Textbox(label=\"Greeting\")\n    gr.Button(\"Greet\").click(greet, name, greeting)\n\ndemo.launch()\n```\n";

/// Where the line begins in which `at` lies.
fn line_of(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |end| end + 1)
}

proptest! {
    #[test]
    fn a_program_cut_anywhere_comes_out_whole(at in 12..PROGRAM.len() - 4, size in 1usize..400) {
        let (before, rest) = PROGRAM.split_at(at);
        // The model goes on in the middle of the line …
        prop_assert_eq!(stitched(before, rest, size), PROGRAM);
        // … or begins the answer again and says it all.
        prop_assert_eq!(stitched(before, PROGRAM, size), PROGRAM);
    }

    #[test]
    fn a_program_cut_within_a_line_comes_out_whole_when_the_line_is_said_again(
        at in 12..PROGRAM.len() - 4, lines in 1usize..4, size in 1usize..400,
    ) {
        let before = &PROGRAM[..at];
        let mut from = line_of(PROGRAM, at);
        prop_assume!(PROGRAM[from..at].trim().starts_with(char::is_alphanumeric));
        for _ in 1..lines {
            from = line_of(PROGRAM, from.saturating_sub(1));
        }
        prop_assume!(from >= "```python\n".len());
        prop_assert_eq!(stitched(before, &PROGRAM[from..], size), PROGRAM);
        // With a fence of its own, and with words before that.
        let fenced = format!("```python\n{}", &PROGRAM[from..]);
        prop_assert_eq!(stitched(before, &fenced, size), PROGRAM);
        let polite = format!("Of course, here is the rest:\n\n{fenced}");
        prop_assert_eq!(stitched(before, &polite, size), PROGRAM);
    }
}

#[test]
fn the_seam_is_found_and_chance_is_not_taken_for_it() {
    let check = |before: &str, continuation: &str, whole: &str| {
        for size in [1, 3, 1_000] {
            assert_eq!(stitched(before, continuation, size), whole);
        }
    };
    // One equal letter is no overlap.
    check("pri", "int(1)", "priint(1)");
    check("x = [1, 1", ", 1, 1]", "x = [1, 1, 1, 1]");
    // Equal short lines are none either.
    check("f(\n  g(\n  )\n", ")\n", "f(\n  g(\n  )\n)\n");
    // A line said again without its indentation.
    check(
        "def f():\n    total = pri",
        "total = price * 2\n",
        "def f():\n    total = price * 2\n",
    );
    // A fence alone closes the block.
    check(
        "```python\nx = 1\n",
        "```\nDone.",
        "```python\nx = 1\n```\nDone.",
    );
    // A bare fence that another one closes opened the block anew.
    check(
        "```python\nx = 1\n",
        "```\ny = 2\n```\n",
        "```python\nx = 1\ny = 2\n```\n",
    );
    // A block after the program is not its rest.
    check(
        "```python\nx = 1\n",
        "y = 2\n```\nRun it:\n```bash\npython app.py\n```\n",
        "```python\nx = 1\ny = 2\n```\nRun it:\n```bash\npython app.py\n```\n",
    );
    check("Straße und Brü", "Brücke", "Straße und BrüBrücke");
    check(
        "{\"title\": \"Rain and sun",
        "{\"title\": \"Rain and sunshine\"}",
        "{\"title\": \"Rain and sunshine\"}",
    );
}

#[test]
fn another_answer_from_the_beginning_replaces_the_first() {
    let before = "```python\nimport gradio as gr\nimport pandas as pd\n\nx = load_everything_fro";
    let again = "```python\nimport gradio as gr\nimport pandas as pd\n\ny = other()\n```\n";
    assert_eq!(stitched(before, again, 7), again);
}

#[test]
fn what_is_new_is_told_at_once_after_the_seam() {
    let mut stitch = Stitch::after("a story about a long gone ki");
    let new = "x".repeat(OPENING);
    assert_eq!(stitch.push(new.clone()), Some(Joined::More(new)));
    let more = Some(Joined::More("y".to_owned()));
    assert_eq!(stitch.push("y".to_owned()), more);
    let mut first = Stitch::after("");
    assert_eq!(first.push("y".to_owned()), more);
}
