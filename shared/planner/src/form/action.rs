//! Chooses what an app does with its inputs, from the verbs of the prompt.

use super::fields::Wants;
use crate::plan::{Action, Field, FieldKind, NO_ACTION, TextChange};
use crate::wording::Prompt;

/// From, to, and factor and offset as Python writes them: no number is worked out here, and to write one
/// takes 15 KB of a component.
const CONVERSIONS: [(&str, &str, &str, &str); 12] = [
    ("celsius", "fahrenheit", "1.8", "32"),
    (
        "fahrenheit",
        "celsius",
        "0.5555555555555556",
        "-17.77777777777778",
    ),
    ("kilometer", "mile", "0.621371", "0"),
    ("km", "mile", "0.621371", "0"),
    ("mile", "kilometer", "1.609344", "0"),
    ("mile", "km", "1.609344", "0"),
    ("kilogram", "pound", "2.204623", "0"),
    ("kg", "pound", "2.204623", "0"),
    ("pound", "kilogram", "0.45359237", "0"),
    ("pound", "kg", "0.45359237", "0"),
    ("meter", "feet", "3.28084", "0"),
    ("inch", "centimeter", "2.54", "0"),
];

/// The action, and the inputs that it needs beyond those that are named.
pub(super) fn choose(
    prompt: &Prompt,
    fields: &mut Vec<Field>,
    wants: Wants,
    assumptions: &mut Vec<String>,
) -> Action {
    let has = |kind: fn(&FieldKind) -> bool| fields.iter().any(|field| kind(&field.kind));
    if wants.chat {
        assumptions
            .push("without a language model the chat can only repeat what it is told".to_owned());
        return Action::Chat;
    }
    if has(|kind| matches!(kind, FieldKind::Image)) {
        let grey = prompt.has(&["grayscale", "greyscale", "gray", "grey", "monochrome"]);
        return if grey { Action::Grey } else { Action::Show };
    }
    if has(|kind| matches!(kind, FieldKind::File)) {
        assumptions.push("the file is taken for a CSV file, whose first rows are shown".to_owned());
        return Action::Preview;
    }
    if let Some(action) = conversion(prompt, fields) {
        return action;
    }
    if wants.chart || prompt.has(&["sine", "sin", "wave", "cosine"]) {
        return chart(prompt, fields, assumptions);
    }
    if wants.table || prompt.has(&["tracker", "log", "collect"]) {
        return Action::Collect;
    }
    if let Some(action) = arithmetic(prompt, fields, assumptions) {
        return action;
    }
    text_action(prompt, fields).unwrap_or_else(|| {
        assumptions.push(NO_ACTION.to_owned());
        Action::Summary
    })
}

fn conversion(prompt: &Prompt, fields: &mut Vec<Field>) -> Option<Action> {
    let place = |unit: &str| prompt.stems.iter().position(|word| word == unit);
    let (from, to, factor, offset) = CONVERSIONS.into_iter().find(
        |(from, to, ..)| matches!((place(from), place(to)), (Some(from), Some(to)) if from < to),
    )?;
    let label = crate::wording::humanize(from);
    let number = fields.iter().position(|field| field.kind.is_numeric());
    let mut field = match number {
        Some(index) => fields.remove(index),
        None => Field {
            label: String::new(),
            kind: FieldKind::Number,
        },
    };
    field.label = label;
    // The units themselves are no inputs of their own.
    fields.retain(|field| !field.kind.is_numeric());
    fields.insert(0, field);
    Some(Action::Convert {
        from: from.to_owned(),
        to: to.to_owned(),
        factor: factor.to_owned(),
        offset: offset.to_owned(),
    })
}

fn chart(prompt: &Prompt, fields: &mut Vec<Field>, assumptions: &mut Vec<String>) -> Action {
    let numbers = fields
        .iter()
        .filter(|field| field.kind.is_numeric())
        .count();
    let wave = prompt.has(&["sine", "sin", "wave", "cosine"]);
    // "A chart of numbers" means no input for one number.
    let plain = prompt.has(&["bar", "pie", "histogram"]);
    if !wave && plain && numbers == 1 {
        fields.retain(|field| field.label != "Number" && field.label != "Numbers");
        return bars(fields, assumptions);
    }
    if wave || numbers == 1 {
        if !wave {
            assumptions.push("what the chart shows is not said, so it is a sine wave whose frequency is the number".to_owned());
        }
        for (label, max) in [("Frequency", 10), ("Amplitude", 5)]
            .into_iter()
            .skip(numbers)
        {
            fields.push(Field {
                label: label.to_owned(),
                kind: FieldKind::Slider { min: 1, max },
            });
        }
        // The usual scale of a slider ends far beyond what a chart can show.
        for field in fields.iter_mut() {
            if field.kind == (FieldKind::Slider { min: 0, max: 100 }) {
                field.kind = FieldKind::Slider { min: 1, max: 10 };
            }
        }
        return Action::Wave;
    }
    bars(fields, assumptions)
}

fn bars(fields: &mut Vec<Field>, assumptions: &mut Vec<String>) -> Action {
    if fields.is_empty() {
        fields.push(Field {
            label: "Numbers, with commas between".to_owned(),
            kind: FieldKind::Text { lines: 1 },
        });
    }
    assumptions.push("the chart shows the numbers that are entered".to_owned());
    Action::Bars
}

/// The words for each operation, given as stems.
const OPERATIONS: [(&str, &[&str]); 5] = [
    ("add", &["add", "sum", "addition", "plus", "total"]),
    (
        "subtract",
        &["subtract", "difference", "minus", "subtraction"],
    ),
    ("multiply", &["multiply", "product", "multiplication"]),
    ("divide", &["divide", "quotient", "division"]),
    ("average", &["average", "mean"]),
];

/// The same for those that take one number; the first that occurs counts ("square root" is a root).
const OPERATIONS_ON_ONE: [(&str, &[&str]); 4] = [
    ("root", &["root", "sqrt"]),
    ("square", &["square", "squared"]),
    ("cube", &["cube", "cubed"]),
    ("double", &["double", "doubled", "twice"]),
];

fn arithmetic(
    prompt: &Prompt,
    fields: &mut Vec<Field>,
    assumptions: &mut Vec<String>,
) -> Option<Action> {
    let numbers = fields
        .iter()
        .filter(|field| field.kind.is_numeric())
        .count();
    let calculator = prompt.has(&["calculator", "calculate", "compute"]);
    let speaks_of_numbers = numbers > 0 || calculator || prompt.has(&["number"]);
    if !speaks_of_numbers {
        return None;
    }
    let on_one = OPERATIONS_ON_ONE
        .iter()
        .find(|(_, words)| prompt.has(words));
    let operations: Vec<String> = match on_one.filter(|_| numbers < 2) {
        Some((operation, _)) => vec![(*operation).to_owned()],
        None => operations_on_many(prompt, fields, numbers, calculator, assumptions)?,
    };
    let wanted: &[&str] = if on_one.is_some() {
        &["Number"]
    } else {
        &["A", "B"]
    };
    if numbers < wanted.len() {
        fields.retain(|field| !field.kind.is_numeric());
        for label in wanted {
            fields.push(Field {
                label: (*label).to_owned(),
                kind: FieldKind::Number,
            });
        }
    }
    Some(Action::Arithmetic { operations })
}

fn operations_on_many(
    prompt: &Prompt,
    fields: &[Field],
    numbers: usize,
    calculator: bool,
    assumptions: &mut Vec<String>,
) -> Option<Vec<String>> {
    let speaks_of_several = numbers >= 2 || calculator || prompt.has(&["number"]);
    if !speaks_of_several {
        return None;
    }
    if numbers == 2 && prompt.has(&["tip", "percent", "percentage", "tax", "vat", "discount"]) {
        assumptions.push("the second number is taken as a percentage of the first".to_owned());
        return Some(vec!["percent".to_owned()]);
    }
    let named = OPERATIONS.iter().filter(|(_, words)| prompt.has(words));
    let operations: Vec<String> = named
        .map(|(operation, _)| (*operation).to_owned())
        .collect();
    // "Total price from price and quantity".
    let counts = fields
        .iter()
        .any(|field| field.label.to_lowercase().contains("quantity"));
    if counts && operations == ["add"] && prompt.has(&["total"]) {
        assumptions.push("the total is taken as the product of the numbers".to_owned());
        return Some(vec!["multiply".to_owned()]);
    }
    if operations.is_empty() && calculator {
        assumptions.push(
            "how to calculate is not said, so there is a choice of four operations".to_owned(),
        );
        return Some(
            ["add", "subtract", "multiply", "divide"]
                .map(str::to_owned)
                .to_vec(),
        );
    }
    (!operations.is_empty()).then_some(operations)
}

fn text_action(prompt: &Prompt, fields: &mut Vec<Field>) -> Option<Action> {
    let change = if prompt.has(&["reverse", "backward", "backwards"]) {
        Some(TextChange::Reverse)
    } else if prompt.has(&["uppercase", "capital", "upper"]) {
        Some(TextChange::Uppercase)
    } else if prompt.has(&["lowercase", "lower"]) {
        Some(TextChange::Lowercase)
    } else if prompt.has(&["count", "counter"])
        && prompt.has(&["word", "character", "letter", "line", "text"])
    {
        Some(TextChange::Count)
    } else {
        None
    };
    let greets = prompt.has(&["greet", "greeting", "hello", "welcome", "hi"]);
    if change.is_none() && !greets {
        return None;
    }
    if change.is_some() {
        // "Count the words": the words are in the text and no input of their own.
        fields.retain(|field| {
            !matches!(
                field.label.as_str(),
                "Word" | "Words" | "Sentence" | "Number"
            )
        });
    }
    if !fields
        .iter()
        .any(|field| matches!(field.kind, FieldKind::Text { .. }))
    {
        let (label, lines) = if greets { ("Name", 1) } else { ("Text", 3) };
        fields.insert(
            0,
            Field {
                label: label.to_owned(),
                kind: FieldKind::Text { lines },
            },
        );
    }
    Some(change.map_or(Action::Greeting, |change| Action::Text { change }))
}

/// What stands on the button when nobody says.
pub(super) fn button(action: &Action) -> &'static str {
    match action {
        Action::Greeting => "Greet",
        Action::Arithmetic { .. } => "Calculate",
        Action::Convert { .. } => "Convert",
        Action::Wave | Action::Bars => "Draw",
        Action::Collect => "Add",
        Action::Text {
            change: TextChange::Count,
        } => "Count",
        Action::Text { .. } => "Convert",
        Action::Preview | Action::Show | Action::Grey => "Show",
        Action::Summary | Action::Chat => "Submit",
    }
}

/// What the app is called when the prompt has no words for it.
pub(super) fn title(action: &Action) -> &'static str {
    match action {
        Action::Greeting => "Greeting",
        Action::Arithmetic { .. } => "Calculator",
        Action::Convert { .. } => "Converter",
        Action::Wave => "Sine wave",
        Action::Bars => "Chart",
        Action::Collect => "Table",
        Action::Text { .. } => "Text",
        Action::Preview => "File",
        Action::Show | Action::Grey => "Image",
        Action::Chat => "Chat",
        Action::Summary => "Form",
    }
}
