//! Writes pieces of Python: literals, names, and calls that wrap where a line would be too long.

/// The longest line, as `ruff format` has it.
const WIDTH: usize = 88;

/// Words that cannot or should not name a variable of a generated program.
const RESERVED: [&str; 115] = [
    "table_rows",
    "False",
    "None",
    "True",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "match",
    "case",
    "type",
    "data",
    "keep",
    "measure",
    "gr",
    "pd",
    "st",
    "alt",
    "math",
    "list",
    "str",
    "float",
    "int",
    "len",
    "sum",
    "min",
    "max",
    "range",
    "zip",
    "filter",
    "file",
    "demo",
    "respond",
    "result",
    "results",
    "button",
    "message",
    "trend",
    "table",
    "kpis",
    "breakdowns",
    "relation",
    "distribution",
    "controls",
    "control",
    "outputs",
    "inputs",
    "update",
    "filter_data",
    "load_data",
    "kpi_texts",
    "draw_trend",
    "draw_breakdown",
    "relation_points",
    "distribution_bars",
    "label",
    "column",
    "category",
    "how",
    "points",
    "bars",
    "sorted",
    "any",
    "abs",
    "rows",
    "history",
    "print",
    "format",
    "input",
    "id",
    "object",
    "set",
    "dict",
    "tuple",
    "bool",
    "bytes",
    "open",
    "map",
    "next",
    "iter",
    "hash",
    "dir",
    "vars",
    "date",
    "image",
    "text",
    "operation",
];

/// A string literal that means exactly `text`, on one line, whatever `text` holds.
///
/// Marks that would change how the code looks (line separators, directions of writing, invisible
/// characters) are escaped as well, so that what a person reads is what Python runs.
pub fn literal(text: &str) -> String {
    let quote = if text.contains('"') && !text.contains('\'') {
        '\''
    } else {
        '"'
    };
    let mut code = String::with_capacity(text.len() + 2);
    code.push(quote);
    for letter in text.chars() {
        match letter {
            '\\' => code.push_str("\\\\"),
            '\n' => code.push_str("\\n"),
            '\r' => code.push_str("\\r"),
            '\t' => code.push_str("\\t"),
            _ if letter == quote => {
                code.push('\\');
                code.push(letter);
            }
            _ if is_plain(letter) => code.push(letter),
            _ => code.push_str(&escape(letter)),
        }
    }
    code.push(quote);
    code
}

fn is_plain(letter: char) -> bool {
    let invisible = matches!(
        letter,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}'
    );
    // Emoji are joined by U+200D and shaped by U+FE0F: the first is escaped, and means the same.
    !letter.is_control() && !invisible && (letter == ' ' || !letter.is_whitespace())
}

fn escape(letter: char) -> String {
    match u32::from(letter) {
        code @ ..=0xff => format!("\\x{code:02x}"),
        code @ ..=0xffff => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

/// A list of string literals.
pub fn literals<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    texts.into_iter().map(literal).collect()
}

/// A variable name made of `text` that is no keyword and not among `taken`; it is added to them.
pub fn identifier(text: &str, taken: &mut Vec<String>) -> String {
    let mut name = String::new();
    for letter in text.chars().take(40) {
        if letter.is_ascii_alphanumeric() {
            name.push(letter.to_ascii_lowercase());
        } else if !name.ends_with('_') && !name.is_empty() {
            name.push('_');
        }
    }
    let name = name.trim_matches('_');
    let name = match name.chars().next() {
        None => "value".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("value_{name}"),
        Some(_) if RESERVED.contains(&name) => format!("{name}_value"),
        Some(_) => name.to_owned(),
    };
    let mut unique = name.clone();
    let mut number = 2;
    while taken.contains(&unique) {
        unique = format!("{name}_{number}");
        number += 1;
    }
    taken.push(unique.clone());
    unique
}

/// Code, line by line.
#[derive(Default)]
pub(crate) struct Code {
    text: String,
    depth: usize,
}

impl Code {
    /// One line, or several that are indented alike; an empty one separates.
    pub(crate) fn line(&mut self, lines: impl AsRef<str>) {
        for line in lines.as_ref().split('\n') {
            if !line.is_empty() {
                self.text.extend(std::iter::repeat_n("    ", self.depth));
                self.text.push_str(line);
            }
            self.text.push('\n');
        }
    }

    /// A line that ends in a colon, and what stands below it.
    pub(crate) fn block(&mut self, head: impl AsRef<str>, body: impl FnOnce(&mut Self)) {
        self.line(head);
        self.block_body(body);
    }

    /// The lines below a head that has been written.
    pub(crate) fn block_body(&mut self, body: impl FnOnce(&mut Self)) {
        self.depth += 1;
        body(self);
        self.depth -= 1;
    }

    /// As [`Self::block`], with the empty lines around a function.
    pub(crate) fn function(&mut self, head: impl AsRef<str>, body: impl FnOnce(&mut Self)) {
        self.line("\n");
        self.block(head, body);
    }

    /// `prefix` + items + `suffix` on one line if they fit, else one item a line.
    pub(crate) fn call(&mut self, prefix: &str, items: &[String], suffix: &str) {
        let wrapped = wrap(prefix, items, suffix, self.depth);
        self.line(wrapped);
    }

    pub(crate) fn finish(self) -> String {
        let mut text = self.text;
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }
}

/// The text of [`Code::call`], for a call within a call.
pub(crate) fn wrap(prefix: &str, items: &[String], suffix: &str, depth: usize) -> String {
    let flat = format!("{prefix}{}{suffix}", items.join(", "));
    if items.is_empty() || (!flat.contains('\n') && depth * 4 + flat.chars().count() <= WIDTH) {
        return flat;
    }
    let items: String = items
        .iter()
        .map(|item| format!("    {},\n", item.replace('\n', "\n    ")))
        .collect();
    format!("{prefix}\n{items}{suffix}")
}

#[cfg(test)]
mod tests;
