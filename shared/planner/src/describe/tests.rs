use expect_test::{Expect, expect};
use model::Framework;

use super::*;

fn shop(framework: Framework) -> Plan {
    let mut csv = "date,region,revenue,zip\n".to_owned();
    for day in 1..=28 {
        let region = ["North", "South"][day % 2];
        csv.push_str(&format!(
            "2026-01-{day:02},{region},{}.5,0{day:04}\n",
            day * 10
        ));
    }
    let profile = profile::profile(csv.as_bytes(), profile::Options::default());
    let profile = profile.expect("good CSV");
    crate::plan(
        "revenue by region",
        Some(framework),
        Some((&profile, "shop.csv")),
    )
}

fn check(plan: &Plan, expected: Expect) {
    expected.assert_eq(&describe(plan));
}

#[test]
fn a_dashboard_is_described_by_what_it_shows() {
    check(
        &shop(Framework::Streamlit),
        expect![[r#"
        ## Purpose

        `Shop` is a Streamlit dashboard over the file `shop.csv`. It shows `Total revenue` and `Rows`, over time (`Date`) and by `Region`.

        ## Audience

        People who know what the columns mean. They need to know no Python.

        ## Inputs

        - the file `shop.csv`: 4 columns, separated by `,`, with the decimal mark `.`
        - `Date`: from one day to another; at first all
        - `Region`: any of its values; at first all
        - `Revenue`: from one number to another; at first all

        ## Components

        - `Total revenue` as a figure
        - `Rows` as a figure
        - a line chart of the chosen figure over `Date`, a point for each day
        - a bar chart of the chosen figure by `Region`, the 10 largest
        - a table of all rows

        ## Layout

        The filters in the sidebar. Beside them, from top to bottom: the title, the figures in a row, the choice of the figure, the charts, the rows.

        ## Interactions

        - A change of a filter changes figures, charts and table at once.
        - The choice of a figure decides which one the charts show.

        ## States

        - Where no row passes the filters, the page says so in place of the charts.
        - A figure without a value is shown as a dash.
        - The file is read once, before anything is shown.

        ## Edge cases

        - Cells without a value count in no sum and in no average.
        - Read as text, although it looks like numbers: `zip`.
    "#]],
    );
}

#[test]
fn a_form_is_described_by_its_inputs() {
    check(
        &crate::plan(
            "a tip calculator with amount and a slider for percent",
            None,
            None,
        ),
        expect![[r#"
            ## Purpose

            `Tip calculator` is a small Gradio app. It calculates with the numbers (`percent`).

            ## Audience

            Anybody. Nothing must be known beforehand.

            ## Inputs

            - `Amount`: a number
            - `Percent`: a number from 0 to 100

            ## Components

            - `Amount`: a field for a number
            - `Percent`: a slider
            - the result as a text

            ## Layout

            One column: the title, the inputs in their order, and the result below them.

            ## Interactions

            - The result follows each change of an input.

            ## States

            - While a number is missing, the page asks for it.

            ## Edge cases

            - None are known: each input can be left as it is.
        "#]],
    );
    check(
        &crate::plan(
            "a Streamlit form with name, country as a dropdown with France or Spain, and a submit button",
            None,
            None,
        ),
        expect![[r#"
            ## Purpose

            `Form` is a small Streamlit app. It says what was entered.

            ## Audience

            Anybody. Nothing must be known beforehand.

            ## Inputs

            - `Name`: a text
            - `Country`: a text
            - `Choice`: one of `France` and `Spain`

            ## Components

            - `Name`: a line of text
            - `Country`: a line of text
            - `Choice`: a list that opens
            - the button `Submit`
            - the result as a text

            ## Layout

            One column: the title, the inputs in their order, and the result below them.

            ## Interactions

            - The button `Submit` shows the result.

            ## States

            - What was not entered is empty in the result.

            ## Edge cases

            - A text is shown as it is: nothing in it is run or formatted.
        "#]],
    );
    check(
        &crate::plan("a chatbot", None, None),
        expect![[r#"
        ## Purpose

        `Chatbot` is a small Gradio app. It answers each message with its echo.

        ## Audience

        Anybody. Nothing must be known beforehand.

        ## Inputs

        - what the person writes, message by message

        ## Components

        - the messages

        ## Layout

        The title, the messages, and below them the line to write in.

        ## Interactions

        - A message is answered at once.

        ## States

        - The conversation begins without messages.

        ## Edge cases

        - None are known: each input can be left as it is.
    "#]],
    );
}

#[test]
fn an_explanation_holds_the_whole_program_and_what_was_assumed() {
    for framework in [Framework::Gradio, Framework::Streamlit] {
        let plan = shop(framework);
        let text = explain(&plan);
        assert!(text.contains(&format!("```python\n{}```\n", crate::render(&plan))));
        for assumption in &plan.assumptions {
            assert!(text.contains(assumption), "{assumption} is not in {text}");
        }
    }
}

#[test]
fn names_stay_names() {
    assert_eq!(name("a`b\n## Purpose"), "`a'b ## Purpose`");
    let csv = "a`b,\"x\n## Purpose\",n\n1,2,3\n";
    let profile = profile::profile(csv.as_bytes(), profile::Options::default());
    let profile = profile.expect("good CSV");
    let text = describe(&crate::plan("show it", None, Some((&profile, "x.csv"))));
    assert_eq!(text.matches("\n## ").count(), 7, "{text}");
}

#[test]
fn a_prompt_of_which_nothing_is_understood_is_told_from_others() {
    for (prompt, is_a_guess) in [
        ("binary search in Rust", true),
        ("make something nice", true),
        ("a clock", true),
        ("greet me", false),
        ("a form with a name", false),
        ("multiply two numbers", false),
        ("a chatbot", false),
    ] {
        let plan = crate::plan(prompt, None, None);
        assert_eq!(plan.is_a_guess(), is_a_guess, "{prompt}: {plan:?}");
    }
    assert!(!shop(Framework::Gradio).is_a_guess());
}
