//! The words for components and for fields.

use super::Token;
use crate::plan::FieldKind;

/// What a word stands for.
pub(super) enum Component {
    Input(FieldKind),
    Button,
    Chart,
    Table,
    Chat,
}

/// The component whose name begins here, and how many words the name has.
pub(super) fn component(tokens: &[Token], at: usize) -> Option<(Component, usize)> {
    let first = tokens.get(at)?.stem();
    let second = tokens.get(at + 1).map_or("", Token::stem);
    if let Some(component) = two_words(first, second) {
        return Some((component, 2));
    }
    // "The number of words" is no input.
    if matches!(first, "number" | "text" | "date") && second == "of" {
        return None;
    }
    // "A phone number" is no number to calculate with.
    if first == "number" && at > 0 && tokens[at - 1].stem() == "phone" {
        return None;
    }
    one_word(first).map(|component| (component, 1))
}

fn two_words(first: &str, second: &str) -> Option<Component> {
    let input = matches!(
        second,
        "input" | "box" | "field" | "picker" | "selector" | "upload" | "uploader" | "component"
    );
    Some(Component::Input(match (first, second) {
        ("text", "area") => FieldKind::Text { lines: 5 },
        ("text", _) if input => FieldKind::Text { lines: 1 },
        ("number" | "numeric", _) if input => FieldKind::Number,
        ("drop", "down") | ("select", "box") | ("combo", "box") | ("dropdown", "menu" | "list") => {
            FieldKind::Dropdown {
                options: Vec::new(),
            }
        }
        ("check", "box") => FieldKind::Checkbox,
        ("checkbox", "group") | ("multi" | "multiple", "select") => FieldKind::Multiple {
            options: Vec::new(),
        },
        ("radio", "button" | "group" | "option") => FieldKind::Radio {
            options: Vec::new(),
        },
        ("date", _) if input => FieldKind::Date,
        ("file" | "csv", _) if input => FieldKind::File,
        ("csv", "file") => FieldKind::File,
        ("image" | "photo" | "picture", _) if input => FieldKind::Image,
        ("color" | "colour", _) if input => FieldKind::Color,
        ("line" | "bar" | "pie", "chart" | "plot" | "graph") => return Some(Component::Chart),
        _ => return None,
    }))
}

fn one_word(word: &str) -> Option<Component> {
    Some(Component::Input(match word {
        "textbox" | "textfield" | "text" | "input" => FieldKind::Text { lines: 1 },
        "textarea" | "paragraph" | "essay" => FieldKind::Text { lines: 5 },
        "number" => FieldKind::Number,
        "slider" => FieldKind::Slider { min: 0, max: 100 },
        "dropdown" | "selectbox" | "combobox" => FieldKind::Dropdown {
            options: Vec::new(),
        },
        "radio" => FieldKind::Radio {
            options: Vec::new(),
        },
        "multiselect" => FieldKind::Multiple {
            options: Vec::new(),
        },
        "checkbox" | "toggle" | "switch" => FieldKind::Checkbox,
        "date" | "datepicker" | "calendar" => FieldKind::Date,
        "file" | "uploader" | "csv" => FieldKind::File,
        "image" | "photo" | "picture" => FieldKind::Image,
        "button" => return Some(Component::Button),
        "chart" | "plot" | "graph" | "histogram" | "diagram" => return Some(Component::Chart),
        "table" | "spreadsheet" | "todo" => return Some(Component::Table),
        "chat" | "chatbot" => return Some(Component::Chat),
        _ => return None,
    }))
}

/// The kind of input for a noun that is a usual field.
pub(super) fn noun(stem: &str) -> Option<FieldKind> {
    Some(match stem {
        "name" | "email" | "phone" | "address" | "city" | "country" | "company" | "subject"
        | "username" | "street" | "url" | "word" | "sentence" | "task" | "surname" => {
            FieldKind::Text { lines: 1 }
        }
        "comment" | "message" | "feedback" | "description" | "note" | "question" | "bio" => {
            FieldKind::Text { lines: 3 }
        }
        "age" | "weight" | "height" | "price" | "quantity" | "amount" | "salary" | "distance"
        | "temperature" | "celsius" | "fahrenheit" | "radius" | "width" | "length" | "cost"
        | "income" | "budget" => FieldKind::Number,
        "rating" => FieldKind::Slider { min: 1, max: 5 },
        "birthday" | "birthdate" | "deadline" => FieldKind::Date,
        "newsletter" | "consent" | "agreement" => FieldKind::Checkbox,
        "color" | "colour" => FieldKind::Color,
        _ => return None,
    })
}

/// Words that belong to the noun behind them.
pub(super) fn qualifies(stem: &str) -> bool {
    matches!(
        stem,
        "first"
            | "last"
            | "full"
            | "user"
            | "home"
            | "company"
            | "due"
            | "unit"
            | "favorite"
            | "favourite"
    )
}

/// Small numbers as words.
pub(super) fn count(stem: &str) -> Option<usize> {
    ["two", "three", "four", "five", "six"]
        .iter()
        .position(|word| *word == stem)
        .map(|index| index + 2)
}

/// Words that are never part of a name.
pub(super) fn is_connective(stem: &str) -> bool {
    const WORDS: [&str; 99] = [
        "a",
        "an",
        "the",
        "and",
        "or",
        "with",
        "of",
        "for",
        "to",
        "from",
        "in",
        "on",
        "by",
        "as",
        "at",
        "it",
        "its",
        "is",
        "are",
        "be",
        "has",
        "have",
        "having",
        "that",
        "which",
        "where",
        "then",
        "when",
        "if",
        "so",
        "i",
        "me",
        "my",
        "you",
        "your",
        "we",
        "us",
        "their",
        "this",
        "some",
        "one",
        "app",
        "application",
        "form",
        "page",
        "ui",
        "interface",
        "demo",
        "gradio",
        "streamlit",
        "dashboard",
        "tool",
        "program",
        "simple",
        "small",
        "basic",
        "nice",
        "make",
        "create",
        "build",
        "write",
        "generate",
        "show",
        "take",
        "ask",
        "enter",
        "let",
        "want",
        "need",
        "contain",
        "include",
        "use",
        "using",
        "plus",
        "also",
        "please",
        "add",
        "two",
        "between",
        "into",
        "choose",
        "select",
        "pick",
        "submit",
        "please",
        "can",
        "should",
        "will",
        "do",
        "get",
        "give",
        "display",
        "output",
        "input",
        "return",
        "convert",
        "upload",
        "user",
        "per",
    ];
    WORDS.contains(&stem)
}

/// Words that end one option of a list.
pub(super) fn ends_option(stem: &str) -> bool {
    matches!(
        stem,
        "a" | "an"
            | "the"
            | "and"
            | "or"
            | "with"
            | "that"
            | "which"
            | "for"
            | "to"
            | "then"
            | "plus"
            | "in"
            | "on"
    )
}

/// What an input is called when nobody says.
pub(super) fn default_label(kind: &FieldKind) -> &'static str {
    match kind {
        FieldKind::Text { .. } => "Text",
        FieldKind::Number => "Number",
        FieldKind::Slider { .. } => "Value",
        FieldKind::Dropdown { .. } | FieldKind::Radio { .. } => "Choice",
        FieldKind::Multiple { .. } => "Choices",
        FieldKind::Checkbox => "Yes",
        FieldKind::Date => "Date",
        FieldKind::File => "File",
        FieldKind::Image => "Image",
        FieldKind::Color => "Color",
    }
}
