//! JSON in an answer: whole, in a block, or between prose; and code in JSON.

use model::json;
use serde_json::{Map, Value};

use super::blocks::{Kind, blocks};
use super::python::{imports_a_framework, reads_like_a_program};

/// How many beginnings of an object between prose are tried.
const TRIES: usize = 64;
/// How deep code may lie in a document.
const DEPTH: usize = 6;
/// Fields that hold code, whatever it looks like.
const CODE_FIELDS: [&str; 8] = [
    "code",
    "python",
    "python_code",
    "program",
    "source",
    "source_code",
    "script",
    "app",
];

/// The JSON object or list in an answer, if there is one.
///
/// Small models wrap it in a block or in prose, break lines within strings and leave commas behind
/// the last item: all of that is read.
pub fn json(answer: &str) -> Option<Value> {
    let answer = super::without_thoughts(answer);
    let whole = parse(answer);
    let in_blocks = || {
        let blocks = blocks(answer).into_iter();
        blocks
            .filter(|block| matches!(block.kind, Kind::Json | Kind::Untold))
            .find_map(|block| parse(&block.text))
    };
    whole.or_else(in_blocks).or_else(|| between_prose(answer))
}

/// The code in the answer's JSON.
pub(super) fn code(answer: &str) -> Option<String> {
    let document = json(answer)?;
    let mut found = Vec::new();
    collect("", &document, 0, &mut found);
    let best = found.into_iter().max_by_key(|(field, text)| {
        let is_code = CODE_FIELDS.contains(&field.as_str()) || field.ends_with(".py");
        let reads_so = reads_like_a_program(text) || text.contains("```");
        let rank = match (imports_a_framework(text), reads_so, is_code) {
            (true, ..) => 3,
            (_, true, _) => 2,
            (_, _, true) => 1,
            _ => 0,
        };
        (rank, text.len())
    });
    let (field, text) = best?;
    let is_code = CODE_FIELDS.contains(&field.as_str()) || field.ends_with(".py");
    (is_code || reads_like_a_program(&text) || text.contains("```")).then_some(text)
}

fn collect(field: &str, value: &Value, depth: usize, found: &mut Vec<(String, String)>) {
    if depth > DEPTH {
        return;
    }
    match value {
        Value::String(text) => found.push((field.to_lowercase(), text.clone())),
        // A program as a list of its lines.
        Value::Array(lines)
            if CODE_FIELDS.contains(&field) && lines.iter().all(Value::is_string) =>
        {
            let lines: Vec<&str> = lines.iter().filter_map(Value::as_str).collect();
            found.push((field.to_lowercase(), lines.join("\n")));
        }
        Value::Array(items) => {
            for item in items {
                collect(field, item, depth + 1, found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                collect(name, value, depth + 1, found);
            }
        }
        _ => {}
    }
}

fn parse(text: &str) -> Option<Value> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    let value = json::read(text.as_bytes()).ok();
    value.or_else(|| json::read(mended(text).as_bytes()).ok())
}

/// The largest object that begins somewhere in the text.
fn between_prose(text: &str) -> Option<Value> {
    let mut best: Option<(usize, Value)> = None;
    let mut from = 0;
    for _ in 0..TRIES {
        let Some(at) = text[from..].find('{') else {
            break;
        };
        let begin = from + at;
        from = begin + 1;
        for candidate in [text[begin..].to_owned(), mended(&text[begin..])] {
            let mut values =
                serde_json::Deserializer::from_slice(candidate.as_bytes()).into_iter::<Map<_, _>>();
            let Some(Ok(object)) = values.next() else {
                continue;
            };
            let size = values.byte_offset();
            if !object.is_empty() && best.as_ref().is_none_or(|(largest, _)| size > *largest) {
                best = Some((size, Value::Object(object)));
            }
            // What was read is not searched again; a mended text has nearly the same length.
            from = begin + size.min(text.len() - begin);
            while !text.is_char_boundary(from) {
                from += 1;
            }
            break;
        }
    }
    best.map(|(_, value)| value)
}

/// The text with line breaks in strings escaped and without commas before a closing bracket.
fn mended(text: &str) -> String {
    let mut mended = String::with_capacity(text.len() + 64);
    let (mut in_string, mut escaped) = (false, false);
    for character in text.chars() {
        match character {
            '\n' if in_string => mended.push_str("\\n"),
            '\r' if in_string => mended.push_str("\\r"),
            '\t' if in_string => mended.push_str("\\t"),
            '}' | ']' if !in_string => {
                let length = mended.trim_end().len();
                if mended[..length].ends_with(',') {
                    mended.truncate(length - 1);
                }
                mended.push(character);
            }
            _ => mended.push(character),
        }
        if character == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = character == '\\' && !escaped && in_string;
    }
    mended
}
