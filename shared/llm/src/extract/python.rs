//! As much of Python's grammar as it takes to know code from prose, and whole from half.

/// Where a line begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Within a string in three quotes.
    pub(crate) in_string: bool,
    /// Within so many brackets.
    pub(crate) depth: usize,
}

impl Place {
    /// Where a statement may begin.
    fn is_outside(self) -> bool {
        !self.in_string && self.depth == 0
    }
}

/// The place of each line's begin, and of the text's end.
pub(crate) fn places(text: &str) -> Vec<Place> {
    let mut places = Vec::new();
    let mut quote: Option<u8> = None;
    let mut depth: usize = 0;
    for line in text.split('\n') {
        places.push(Place {
            in_string: quote.is_some(),
            depth,
        });
        (quote, depth) = after_line(line.as_bytes(), quote, depth);
    }
    places.push(Place {
        in_string: quote.is_some(),
        depth,
    });
    places
}

/// The open string's quote and the number of open brackets after a line.
fn after_line(line: &[u8], mut quote: Option<u8>, mut depth: usize) -> (Option<u8>, usize) {
    let mut at = 0;
    // A string in one quote ends with its line.
    let mut short: Option<u8> = None;
    while at < line.len() {
        let byte = line[at];
        let is_triple = line[at..].starts_with(&[byte; 3]);
        match (quote, short) {
            _ if byte == b'\\' => at += 1,
            (Some(open), _) if byte == open && is_triple => {
                quote = None;
                at += 2;
            }
            (Some(_), _) => {}
            (None, Some(open)) => {
                if byte == open {
                    short = None;
                }
            }
            (None, None) => match byte {
                b'#' => break,
                b'"' | b'\'' if is_triple => {
                    quote = Some(byte);
                    at += 2;
                }
                b'"' | b'\'' => short = Some(byte),
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                _ => {}
            },
        }
        at += 1;
    }
    (quote, depth)
}

/// Whether the text imports something at the beginning of a line.
pub(crate) fn reads_like_a_program(text: &str) -> bool {
    text.lines().any(is_import)
}

/// Whether the text imports a framework for apps.
pub(crate) fn imports_a_framework(text: &str) -> bool {
    text.lines().any(|line| {
        let is_about = ["gradio", "streamlit"]
            .iter()
            .any(|name| line.contains(name));
        is_about && is_import(line)
    })
}

fn is_import(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_name = |word: &str| {
        let mut characters = word.trim_end_matches(',').chars();
        characters.all(|character| character.is_alphanumeric() || "._".contains(character))
    };
    match words[..] {
        _ if line.starts_with(char::is_whitespace) => false,
        ["import", name] => is_name(name),
        ["import", name, "as", alias, ..] => is_name(name) && is_name(alias),
        ["import", name, next, ..] => is_name(name) && (name.ends_with(',') || next == "#"),
        ["from", name, "import", _, ..] => is_name(name),
        _ => false,
    }
}

/// Whether the text does not visibly stop in the middle.
pub(crate) fn may_be_whole(text: &str) -> bool {
    let text = text.trim_end();
    let is_closed = places(text).last().is_none_or(|end| end.is_outside());
    let last = text.lines().last().unwrap_or_default();
    let goes_on = [":", ",", "\\", "=", "+", "-", "*", "/", ".", "(", "@"];
    let begins_something = last.trim_start().starts_with('@');
    is_closed && !begins_something && !goes_on.iter().any(|end| last.ends_with(end))
}

/// The lines from the first that is code on, without those between statements that are prose.
pub(crate) fn without_prose(text: &str) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    let first = lines
        .iter()
        .position(|line| is_import(line))
        .unwrap_or_default();
    // Comments and a description above the imports belong to the program.
    let above = lines[..first]
        .iter()
        .rev()
        .take_while(|line| line.starts_with('#') && !line.starts_with("##"))
        .count();
    let code = lines[first - above..].join("\n");
    let places = places(&code);
    let kept: Vec<&str> = code
        .split('\n')
        .zip(places)
        .filter(|(line, place)| !(place.is_outside() && is_prose(line)))
        .map(|(line, _)| line)
        .collect();
    kept.join("\n")
}

/// The program without the commands of notebooks, such as `!pip install`.
pub(crate) fn without_commands(text: &str) -> String {
    let is_command = |line: &str, place: Place| {
        place.is_outside() && (line.starts_with(['!', '%']) || line.starts_with("pip install "))
    };
    let lines = text.split('\n').zip(places(text));
    let kept = lines.filter(|(line, place)| !is_command(line, *place));
    kept.map(|(line, _)| line).collect::<Vec<_>>().join("\n")
}

/// Python's words that another word may follow.
const KEYWORDS: [&str; 23] = [
    "and", "assert", "async", "await", "case", "class", "def", "del", "elif", "except", "finally",
    "for", "from", "global", "if", "import", "match", "nonlocal", "not", "raise", "return",
    "while", "with",
];

/// Whether a line, where a statement may begin, is no Python: two words one after the other, of which
/// the first is no keyword, a list, a tag, a fence or a heading.
fn is_prose(line: &str) -> bool {
    if line.starts_with(char::is_whitespace) {
        return false;
    }
    let is_marked = ["<", "```", "~~~", "**", "* ", "- ", "## ", "### "]
        .iter()
        .any(|mark| line.starts_with(mark));
    let is_numbered = line
        .split_once(". ")
        .is_some_and(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    if is_marked || (is_numbered && !line.is_empty()) {
        return true;
    }
    let mut words = line.split(' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next());
    let is_word = |word: &str| !word.is_empty() && word.chars().all(char::is_alphabetic);
    let first = first.trim_end_matches([',', ':', '!', '’']);
    let is_pair = second.is_some_and(|second| {
        let second = second.trim_end_matches(['.', ',', ':', '!', '?', ';']);
        let operators = ["and", "or", "in", "is", "not", "if", "else", "for"];
        is_word(second) && !operators.contains(&second)
    });
    is_word(first) && is_pair && !KEYWORDS.contains(&first)
}
