use expect_test::{Expect, expect};

use crate::plan::{Body, FieldKind};

fn check(prompt: &str, expected: Expect) {
    let plan = crate::plan(prompt, None, None);
    let Body::Form(form) = &plan.body else {
        panic!("a prompt alone becomes a form")
    };
    let mut lines = vec![format!(
        "{} ({}): {:?}",
        plan.title,
        plan.framework.name(),
        form.action
    )];
    for field in &form.fields {
        let kind = match &field.kind {
            FieldKind::Text { lines } => format!("text of {lines}"),
            FieldKind::Number => "number".to_owned(),
            FieldKind::Slider { min, max } => format!("slider {min}..{max}"),
            FieldKind::Dropdown { options } => format!("dropdown {}", options.join("|")),
            FieldKind::Radio { options } => format!("radio {}", options.join("|")),
            FieldKind::Multiple { options } => format!("multiple {}", options.join("|")),
            other => format!("{other:?}").to_lowercase(),
        };
        lines.push(format!("{}: {kind}", field.label));
    }
    lines.extend(form.button.iter().map(|label| format!("[{label}]")));
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn reads_components_with_their_names_and_details() {
    check(
        "Build a Streamlit form with a name textbox, an age slider from 18 to 99, a dropdown for country with \
         France, Spain or Italy and a submit button",
        expect![[r#"
            Form (streamlit): Summary
            Name: text of 1
            Age: slider 18..99
            Country: dropdown France|Spain|Italy
            [Submit]"#]],
    );
    check(
        "two number inputs a and b, a radio button for size with small, medium and large, a checkbox called \"I agree\"",
        expect![[r#"
            Form (gradio): Summary
            a: number
            b: number
            Size: radio Small|Medium|Large
            I agree: checkbox"#]],
    );
    check(
        "a text area for feedback, a date picker, three sliders and a button to send",
        expect![[r#"
            Form (gradio): Summary
            Feedback: text of 5
            Date: date
            Value 1: slider 0..100
            Value 2: slider 0..100
            Value 3: slider 0..100
            [Send]"#]],
    );
}

#[test]
fn reads_nouns_that_are_usual_fields() {
    check(
        "contact form with first name, email, phone number and message",
        expect![[r#"
            Contact form (gradio): Summary
            First name: text of 1
            Email: text of 1
            Phone number: text of 1
            Message: text of 3
            [Submit]"#]],
    );
}

#[test]
fn chooses_an_action_by_the_verb() {
    check(
        "greet me by name",
        expect![[r#"
        Greet me by name (gradio): Greeting
        Name: text of 1
        [Greet]"#]],
    );
    check(
        "multiply two numbers",
        expect![[r#"
        Calculator (gradio): Arithmetic { operations: ["multiply"] }
        Number 1: number
        Number 2: number"#]],
    );
    check(
        "compute the total price from price and quantity",
        expect![[r#"
            Compute the total price (gradio): Arithmetic { operations: ["multiply"] }
            Price: number
            Quantity: number"#]],
    );
    check(
        "tip calculator with a bill amount and a tip slider from 0 to 30",
        expect![[r#"
            Tip calculator (gradio): Arithmetic { operations: ["percent"] }
            Amount: number
            Tip: slider 0..30"#]],
    );
    check(
        "miles to kilometers converter",
        expect![[r#"
        Miles to kilometers converter (gradio): Convert { from: "mile", to: "kilometer", factor: "1.609344", offset: "0" }
        Mile: number"#]],
    );
    check(
        "count words in a text",
        expect![[r#"
        Count words (gradio): Text { change: Count }
        Text: text of 1
        [Count]"#]],
    );
    check(
        "plot a sine wave with a frequency slider from 1 to 20",
        expect![[r#"
            Plot a sine wave (gradio): Wave
            Frequency: slider 1..20
            Amplitude: slider 1..5"#]],
    );
    check("a chatbot", expect!["Chatbot (gradio): Chat"]);
    check(
        "expense tracker with a description, an amount and a date",
        expect![[r#"
            Expense tracker (gradio): Collect
            Description: text of 3
            Amount: number
            Date: date
            [Add]"#]],
    );
}

#[test]
fn says_what_it_assumed() {
    let plan = crate::plan("surprise me", None, None);
    expect![[r#"
        no language model was used: the built-in planner looked for the inputs and actions that it knows
        the prompt names no action that the planner knows, so the app says what was entered
        the prompt names no input that the planner knows, so there is one for a text"#]].assert_eq(&plan.assumptions.join("\n"));
}
