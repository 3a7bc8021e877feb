//! Finds the topics in what a model wrote, whether it kept to the form or not.

use std::collections::BTreeMap;

use model::json;
use serde_json::{Map, Value};

use super::{Specification, Topic};
use crate::extract;

/// With so many topics an answer is in the form in which they were looked for.
const ENOUGH: usize = 3;
/// More words than any heading has.
const HEADING_WORDS: usize = 7;
/// Fields of a document that hold the specification itself.
const WRAPPERS: [&str; 4] = ["specification", "prompt", "spec", "detailed_prompt"];

/// Beginnings of words that tell a heading's topic, the most telling first.
const WORDS: [(&str, Topic); 27] = [
    ("edge", Topic::EdgeCases),
    ("interacti", Topic::Interactions),
    ("behavi", Topic::Interactions),
    ("workflow", Topic::Interactions),
    ("flow", Topic::Interactions),
    ("event", Topic::Interactions),
    ("layout", Topic::Layout),
    ("interface", Topic::Layout),
    ("structure", Topic::Layout),
    ("component", Topic::Components),
    ("widget", Topic::Components),
    ("element", Topic::Components),
    ("output", Topic::Components),
    ("input", Topic::Inputs),
    ("data", Topic::Inputs),
    ("state", Topic::States),
    ("error", Topic::EdgeCases),
    ("exception", Topic::EdgeCases),
    ("validation", Topic::EdgeCases),
    ("audience", Topic::Audience),
    ("user", Topic::Audience),
    ("persona", Topic::Audience),
    ("purpose", Topic::Purpose),
    ("goal", Topic::Purpose),
    ("objective", Topic::Purpose),
    ("overview", Topic::Purpose),
    ("aim", Topic::Purpose),
];

/// How headings are marked.
#[derive(Clone, Copy)]
enum Style {
    /// `## Purpose`.
    Hashes,
    /// `**Purpose:** a clock`, also as an item of a list.
    Bold,
    /// `Purpose: a clock`.
    Plain,
}

/// A line that is a heading.
struct Heading<'a> {
    /// The deeper, the larger.
    level: usize,
    topic: Option<Topic>,
    /// What the line says after it.
    rest: &'a str,
}

/// Reads a specification: Markdown with headings of any kind, or JSON, between prose or in a block.
pub fn read(answer: &str) -> Specification {
    let answer = answer.replace("\r\n", "\n");
    let text = unwrapped(extract::without_thoughts(&answer)).trim();
    let sections = sections(text);
    if sections.len() < ENOUGH
        && let Some(specification) = of_json(text)
    {
        return specification;
    }
    Specification {
        text: text.to_owned(),
        sections,
    }
}

/// The text without the block that holds all of it.
fn unwrapped(text: &str) -> &str {
    let text = text.trim();
    let inner = text
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"));
    let Some((tag, inner)) = inner.and_then(|inner| inner.split_once('\n')) else {
        return text;
    };
    let is_markdown = matches!(tag.trim(), "" | "markdown" | "md" | "text" | "txt");
    if is_markdown && !inner.contains("\n```") {
        inner
    } else {
        text
    }
}

fn sections(text: &str) -> BTreeMap<Topic, String> {
    let styles = [Style::Hashes, Style::Bold, Style::Plain];
    let found = styles.map(|style| sections_in(style, text));
    // Of equal ones the first, as the style that is the surest.
    let best = found.into_iter().rev().max_by_key(BTreeMap::len);
    best.unwrap_or_default()
}

fn sections_in(style: Style, text: &str) -> BTreeMap<Topic, String> {
    let mut sections: BTreeMap<Topic, String> = BTreeMap::new();
    let mut current: Option<(Topic, usize)> = None;
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        }
        let found = if in_block { None } else { heading(style, line) };
        let line = match (found, current) {
            // A heading within a section belongs to it, whatever it is about.
            (Some(found), Some((_, level))) if found.level > level => line,
            (Some(found), _) => {
                current = found.topic.map(|topic| (topic, found.level));
                found.rest
            }
            (None, _) => line,
        };
        if let Some((topic, _)) = current {
            let section = sections.entry(topic).or_default();
            section.push_str(line);
            section.push('\n');
        }
    }
    let mut told = BTreeMap::new();
    for (topic, section) in &sections {
        if !section.trim().is_empty() {
            told.insert(*topic, section.trim().to_owned());
        }
    }
    told
}

fn heading(style: Style, line: &str) -> Option<Heading<'_>> {
    let line = line.trim();
    match style {
        Style::Hashes => {
            let name = line.trim_start_matches('#');
            let level = line.len() - name.len();
            let is_heading = (1..=6).contains(&level) && name.starts_with(' ');
            is_heading.then(|| Heading {
                level,
                topic: topic(name),
                rest: "",
            })
        }
        Style::Bold => {
            let line = without_number(line.trim_start_matches(['-', '*', ' ']));
            // The list's own mark may have been the first of the stars.
            let inner = line.strip_prefix("**").unwrap_or(line);
            let (name, rest) = inner.split_once("**")?;
            let topic = topic(name)?;
            Some(Heading {
                level: 1,
                topic: Some(topic),
                rest: rest.trim_start_matches([':', ' ', '-', '–', '—']),
            })
        }
        Style::Plain => {
            let line = without_number(line);
            let (name, rest) = line.split_once(':').unwrap_or((line, ""));
            let name = name.trim();
            let titles = Topic::ALL.into_iter();
            let mut named = titles.filter(|topic| topic.title().eq_ignore_ascii_case(name));
            let topic = named.next()?;
            Some(Heading {
                level: 1,
                topic: Some(topic),
                rest: rest.trim(),
            })
        }
    }
}

/// The line without the `1.` or `1)` in front.
fn without_number(line: &str) -> &str {
    let rest = line.trim_start_matches(|character: char| character.is_ascii_digit());
    let mark = rest.strip_prefix(['.', ')']);
    mark.filter(|_| rest.len() < line.len())
        .map_or(line, str::trim_start)
}

/// What a heading is about.
fn topic(heading: &str) -> Option<Topic> {
    let lower = heading.to_lowercase();
    let words = lower.split(|character: char| !character.is_alphabetic());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    if words.len() > HEADING_WORDS {
        return None;
    }
    let tells = |start: &str| words.iter().any(|word| word.starts_with(start));
    let found = WORDS.iter().find(|(start, _)| tells(start));
    found.map(|(_, topic)| *topic)
}

fn of_json(text: &str) -> Option<Specification> {
    let Value::Object(mut fields) = extract::json(text)? else {
        return None;
    };
    for name in WRAPPERS {
        match fields.get_mut(name).map(Value::take) {
            Some(Value::Object(inner)) => fields = inner,
            Some(Value::String(inner)) if inner.len() * 2 > text.len() => {
                let text = inner.trim().to_owned();
                let sections = sections(&text);
                return Some(Specification { text, sections });
            }
            Some(other) => {
                fields.insert(name.to_owned(), other);
            }
            None => {}
        }
    }
    of_fields(&fields)
}

/// Makes Markdown of a document whose fields are the topics; `None` if they are not.
fn of_fields(fields: &Map<String, Value>) -> Option<Specification> {
    let mut sections: BTreeMap<Topic, String> = BTreeMap::new();
    let mut others = String::new();
    for (name, value) in fields {
        let section = markdown(value);
        if section.is_empty() {
            continue;
        }
        let name = name.replace('_', " ");
        match topic(&name) {
            Some(topic) => {
                let before = sections.entry(topic).or_default();
                if !before.is_empty() {
                    before.push('\n');
                }
                before.push_str(&section);
            }
            None => others.push_str(&format!("## {name}\n\n{section}\n\n")),
        }
    }
    if sections.len() < ENOUGH {
        return None;
    }
    let mut text = String::new();
    for (topic, section) in &sections {
        text.push_str(&format!("## {}\n\n{section}\n\n", topic.title()));
    }
    text.push_str(&others);
    Some(Specification {
        text: text.trim_end().to_owned(),
        sections,
    })
}

/// A value as a person would write it down.
fn markdown(value: &Value) -> String {
    let item = |text: String| format!("- {}", text.replace('\n', "\n  "));
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.trim().to_owned(),
        Value::Array(items) => {
            let items = items.iter().map(markdown);
            let items: Vec<String> = items.filter(|text| !text.is_empty()).map(item).collect();
            items.join("\n")
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| {
                let separator = if value.is_array() || value.is_object() {
                    "\n"
                } else {
                    " "
                };
                item(format!("{name}:{separator}{}", markdown(value)))
            });
            fields.collect::<Vec<_>>().join("\n")
        }
        other => json::write(other),
    }
}
