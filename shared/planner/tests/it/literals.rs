use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::python::evaluate;

#[test]
fn python_reads_each_literal_as_the_text_that_was_written() {
    // One start of Python for all of them.
    let mut runner = TestRunner::deterministic();
    let strategy = "\\PC{0,20}|[\"'\\\\{}\n\r\t\u{0}#%\u{85}\u{2028}\u{202e}👩é]{0,20}";
    let texts: Vec<String> = (0..2000)
        .map(|_| {
            strategy
                .new_tree(&mut runner)
                .expect("a text can be made")
                .current()
        })
        .collect();
    let pairs = texts.iter().map(|text| {
        let codes: Vec<String> = text
            .chars()
            .map(|letter| u32::from(letter).to_string())
            .collect();
        format!(
            "check({}, [{}])\n",
            planner::python::literal(text),
            codes.join(",")
        )
    });
    let check = "def check(text, codes):\n    assert [ord(c) for c in text] == codes, codes\n\n\n";
    let output = evaluate(&format!(
        "{check}{}print('all')\n",
        pairs.collect::<String>()
    ));
    assert_eq!(output, "all\n");
}
