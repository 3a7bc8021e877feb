//! A form in words.

use super::{Words, framework, name, names};
use crate::plan::{Action, Field, FieldKind, FormPlan, Plan, TextChange};

pub(super) fn words(plan: &Plan, form: &FormPlan) -> Words {
    let (does, result) = does(&form.action);
    let is_chat = form.action == Action::Chat;
    let mut components: Vec<String> = form.fields.iter().map(component).collect();
    let operations = match &form.action {
        Action::Arithmetic { operations } if operations.len() > 1 => Some(operations),
        _ => None,
    };
    if let Some(operations) = operations {
        let operations = names(operations.iter().map(String::as_str));
        components.push(format!("`Operation`: one of {operations}"));
    }
    components.extend(
        form.button
            .iter()
            .map(|label| format!("the button {}", name(label))),
    );
    components.push(result.to_owned());
    Words {
        purpose: format!(
            "{} is a small {} app. It {does}.",
            name(&plan.title),
            framework(plan)
        ),
        audience: "Anybody. Nothing must be known beforehand.",
        inputs: if is_chat {
            vec!["what the person writes, message by message".to_owned()]
        } else {
            form.fields.iter().map(input).collect()
        },
        components,
        layout: if is_chat {
            "The title, the messages, and below them the line to write in.".to_owned()
        } else {
            "One column: the title, the inputs in their order, and the result below them."
                .to_owned()
        },
        interactions: vec![match &form.button {
            _ if is_chat => "A message is answered at once.".to_owned(),
            Some(label) => format!("The button {} shows the result.", name(label)),
            None => "The result follows each change of an input.".to_owned(),
        }],
        states: vec![state(&form.action).to_owned()],
        edge_cases: edge_cases(form),
    }
}

/// What is seen while nothing was entered.
fn state(action: &Action) -> &'static str {
    match action {
        Action::Arithmetic { .. } | Action::Convert { .. } => {
            "While a number is missing, the page asks for it."
        }
        Action::Summary => "What was not entered is empty in the result.",
        Action::Greeting => "While there is no name, the whole world is greeted.",
        Action::Text {
            change: TextChange::Count,
        } => "While there is no text, all counts are zero.",
        Action::Text { .. } => "While there is no text, the result is empty.",
        Action::Wave => "A number that is missing counts as zero.",
        Action::Bars => "While there are no numbers, there are no bars.",
        Action::Preview => "While no file is chosen, the table is empty.",
        Action::Show | Action::Grey => "While no picture is chosen, none is shown.",
        Action::Collect => "The table begins without rows.",
        Action::Chat => "The conversation begins without messages.",
    }
}

/// What the app does, and what shows it.
fn does(action: &Action) -> (String, &'static str) {
    let text = "the result as a text";
    let (does, result) = match action {
        Action::Summary => ("says what was entered", text),
        Action::Greeting => ("greets by name", text),
        Action::Arithmetic { operations } => {
            let operations = names(operations.iter().map(String::as_str));
            return (format!("calculates with the numbers ({operations})"), text);
        }
        Action::Text { change } => (
            match change {
                TextChange::Reverse => "writes a text backwards",
                TextChange::Uppercase => "writes a text in capitals",
                TextChange::Lowercase => "writes a text without capitals",
                TextChange::Count => "counts words, characters and lines of a text",
            },
            text,
        ),
        Action::Convert { from, to, .. } => {
            return (
                format!("converts from {} to {}", name(from), name(to)),
                text,
            );
        }
        Action::Wave => (
            "draws a sine wave by its frequency and amplitude",
            "a line chart",
        ),
        Action::Bars => ("draws numbers as bars", "a bar chart"),
        Action::Preview => ("shows the table in a CSV file", "a table"),
        Action::Grey => ("shows a picture in grey", "the picture"),
        Action::Show => ("shows a picture", "the picture"),
        Action::Collect => ("collects what is entered in a table", "the table"),
        Action::Chat => ("answers each message with its echo", "the messages"),
    };
    (does.to_owned(), result)
}

fn component(field: &Field) -> String {
    let kind = match &field.kind {
        FieldKind::Text { lines: 1 } => "a line of text".to_owned(),
        FieldKind::Text { lines } => format!("a text of {lines} lines"),
        FieldKind::Number => "a field for a number".to_owned(),
        FieldKind::Slider { .. } => "a slider".to_owned(),
        FieldKind::Dropdown { .. } => "a list that opens".to_owned(),
        FieldKind::Radio { .. } => "options of which one is chosen".to_owned(),
        FieldKind::Multiple { .. } => "options of which any are chosen".to_owned(),
        FieldKind::Checkbox => "a box to tick".to_owned(),
        FieldKind::Date => "a date picker".to_owned(),
        FieldKind::File => "a file upload".to_owned(),
        FieldKind::Image => "an image upload".to_owned(),
        FieldKind::Color => "a colour picker".to_owned(),
    };
    format!("{}: {kind}", name(&field.label))
}

fn input(field: &Field) -> String {
    let kind = match &field.kind {
        FieldKind::Text { .. } => "a text".to_owned(),
        FieldKind::Number => "a number".to_owned(),
        FieldKind::Slider { min, max } => format!("a number from {min} to {max}"),
        FieldKind::Dropdown { options } | FieldKind::Radio { options } => {
            format!("one of {}", names(options.iter().map(String::as_str)))
        }
        FieldKind::Multiple { options } => {
            format!("any of {}", names(options.iter().map(String::as_str)))
        }
        FieldKind::Checkbox => "yes or no".to_owned(),
        FieldKind::Date => "a day".to_owned(),
        FieldKind::File => "a file".to_owned(),
        FieldKind::Image => "a picture".to_owned(),
        FieldKind::Color => "a colour".to_owned(),
    };
    format!("{}: {kind}", name(&field.label))
}

fn edge_cases(form: &FormPlan) -> Vec<String> {
    let divides = matches!(&form.action, Action::Arithmetic { operations }
        if operations.iter().any(|operation| operation == "divide"));
    let mut cases = Vec::new();
    if divides {
        cases.push("A division by zero is told, not attempted.".to_owned());
    }
    if form
        .fields
        .iter()
        .any(|field| matches!(field.kind, FieldKind::Text { .. }))
    {
        cases.push("A text is shown as it is: nothing in it is run or formatted.".to_owned());
    }
    if form.action == Action::Preview {
        cases.push("Of a large file only the first 100 rows are shown.".to_owned());
    }
    if form.action == Action::Bars {
        cases.push("What is no number is left out.".to_owned());
    }
    if cases.is_empty() {
        cases.push("None are known: each input can be left as it is.".to_owned());
    }
    cases
}
