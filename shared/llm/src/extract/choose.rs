//! Which of several blocks is the program.

use std::collections::BTreeSet;

use super::blocks::Block;
use super::python::{imports_a_framework, reads_like_a_program};

/// The program among blocks of Python: there is at least one.
///
/// An answer with several blocks shows a draft and its final form, or a program and excerpts of it,
/// or a program in parts. The last of the apps counts unless it is a small one; what it uses and an
/// earlier block defines comes before it. Without an app, parts that follow one that imports are joined.
pub(crate) fn choose(blocks: &[&Block]) -> String {
    let blocks = without_excerpts(blocks);
    let texts: Vec<&str> = blocks.iter().map(|block| block.text.as_str()).collect();
    let longest = texts.iter().map(|text| text.len()).max().unwrap_or(0);
    let apps = texts.iter().enumerate().rev();
    let mut apps = apps.filter(|(_, text)| imports_a_framework(text));
    let app = apps
        .clone()
        .find(|(_, text)| text.len() * 2 >= longest)
        .or_else(|| apps.next());
    let Some((place, app)) = app else {
        let imports = texts.iter().filter(|text| reads_like_a_program(text));
        if imports.count() <= 1 && texts.first().is_some_and(|text| reads_like_a_program(text)) {
            return texts.join("\n\n");
        }
        // Of equal ones the last: it is the corrected one.
        return texts
            .iter()
            .max_by_key(|text| text.len())
            .map_or_else(String::new, |text| (*text).to_owned());
    };
    let mut parts = Vec::new();
    let mut wanted = wants(app);
    for text in texts[..place].iter().rev() {
        let is_other_app = imports_a_framework(text);
        if !is_other_app && defined(text).iter().any(|name| wanted.contains(name)) {
            wanted.extend(wants(text));
            parts.insert(0, *text);
        }
    }
    parts.push(app);
    if !shows_something(app) {
        // The imports come first, and the interface in parts that import nothing more.
        let rest = texts[place + 1..].iter();
        parts.extend(rest.take_while(|text| !imports_a_framework(text)));
    }
    parts.join("\n\n")
}

/// The blocks without those that only quote another one.
fn without_excerpts<'a>(blocks: &[&'a Block]) -> Vec<&'a Block> {
    let quotes = |small: &str, large: &str| {
        small.trim().len() < large.trim().len() && large.contains(small.trim())
    };
    let mut kept: Vec<&Block> = Vec::new();
    for block in blocks {
        let is_excerpt = blocks.iter().any(|other| quotes(&block.text, &other.text));
        let is_double = kept
            .iter()
            .any(|other| other.text.trim() == block.text.trim());
        if !is_excerpt && !is_double {
            kept.push(block);
        }
    }
    kept
}

/// Whether the program has an interface, as far as a look tells.
fn shows_something(text: &str) -> bool {
    [
        "launch(",
        "Blocks(",
        "Interface(",
        "st.write",
        "st.title",
        "st.header",
        "st.dataframe",
        "st.metric",
        "st.line_chart",
        "st.bar_chart",
        "st.plotly_chart",
        "st.button",
        "st.text_input",
        "st.selectbox",
        "st.slider",
        "st.markdown",
        "st.form",
    ]
    .iter()
    .any(|call| text.contains(call))
}

/// The names that a text uses and does not define itself.
fn wants(text: &str) -> BTreeSet<String> {
    let own = defined(text);
    let names = text.split(|character: char| !(character.is_alphanumeric() || character == '_'));
    let foreign = names.filter(|name| !name.is_empty() && !own.contains(*name));
    let mut wanted = BTreeSet::new();
    wanted.extend(foreign.map(str::to_owned));
    wanted
}

/// The names that a text defines at the beginning of a line.
fn defined(text: &str) -> BTreeSet<String> {
    let name = |line: &str| {
        let definition = ["def ", "class ", "async def "]
            .iter()
            .find_map(|word| line.strip_prefix(word));
        let (name, is_defined) = match (definition, line.split_once('=')) {
            (Some(rest), _) => (rest, true),
            (None, Some((target, value))) => (target, !value.starts_with('=')),
            (None, None) => return None,
        };
        let end = name.find(|character: char| !(character.is_alphanumeric() || character == '_'));
        let (name, rest) = name.split_at(end.unwrap_or(name.len()));
        let is_plain = definition.is_some() || rest.trim().is_empty() || rest.starts_with(':');
        (is_defined && is_plain && !name.is_empty()).then(|| name.to_owned())
    };
    let mut names = BTreeSet::new();
    names.extend(text.lines().filter_map(name));
    names
}
