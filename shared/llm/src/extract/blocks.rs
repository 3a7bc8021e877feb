//! Fenced code blocks (CommonMark §4.5), and what models make of them.

use super::python;

/// A fenced block of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The first word of its tag, in lower case; empty without one.
    pub(crate) language: String,
    /// What its tag says that it holds.
    pub(crate) kind: Kind,
    /// Its lines, without the indentation of its fence.
    pub(crate) text: String,
    /// Whether its closing fence is there.
    pub(crate) is_closed: bool,
}

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The tag says Python.
    Python,
    /// The tag says nothing, or nothing certain.
    Untold,
    /// JSON.
    Json,
    /// The tag says another language.
    Other,
}

/// Tags that are certainly no Python.
const OTHERS: [&str; 40] = [
    "bash",
    "bat",
    "c",
    "c++",
    "cmd",
    "console",
    "cpp",
    "cs",
    "csharp",
    "css",
    "csv",
    "diff",
    "docker",
    "dockerfile",
    "env",
    "go",
    "html",
    "http",
    "ini",
    "java",
    "javascript",
    "js",
    "jsx",
    "make",
    "makefile",
    "markdown",
    "md",
    "mermaid",
    "powershell",
    "r",
    "ruby",
    "rust",
    "sh",
    "shell",
    "sql",
    "toml",
    "ts",
    "typescript",
    "xml",
    "yaml",
];

impl Kind {
    fn of(tag: &str) -> Self {
        let tag = tag.trim_start_matches(['{', '.']).to_ascii_lowercase();
        let end = tag.find([' ', '}', ':', ',', '{', '\t']);
        match &tag[..end.unwrap_or(tag.len())] {
            "json" | "jsonc" | "json5" => Self::Json,
            "yml" | "zsh" | "svg" | "tsx" | "tex" => Self::Other,
            word if OTHERS.contains(&word) => Self::Other,
            word if word.contains("py") || word == "gradio" || word == "streamlit" => Self::Python,
            _ => Self::Untold,
        }
    }
}

impl Block {
    /// Whether it holds Python, by its tag or, without a certain one, by its looks.
    pub(crate) fn is_program(&self) -> bool {
        let lines = self.text.lines().map(str::trim);
        let mut lines = lines.filter(|line| !line.is_empty());
        let is_command = |line: &str| {
            [
                "!",
                "%",
                "$ ",
                "pip ",
                "python ",
                "streamlit run",
                "gradio ",
            ]
            .iter()
            .any(|start| line.starts_with(start))
        };
        match self.kind {
            Kind::Json | Kind::Other => false,
            Kind::Python => lines.any(|line| !is_command(line)),
            Kind::Untold => {
                let looks = self.text.contains(['=', '(']) && lines.any(|line| !is_command(line));
                looks && !self.text.trim_start().starts_with(['{', '[', '<'])
            }
        }
    }
}

/// A fence: its character, its length, its indentation and its tag.
struct Fence<'a> {
    mark: u8,
    length: usize,
    indent: usize,
    tag: &'a str,
}

fn fence(line: &str) -> Option<Fence<'_>> {
    let inner = line.trim_start_matches([' ', '\t', '>']);
    let indent = line.len() - inner.len();
    let mark = *inner.as_bytes().first()?;
    if !matches!(mark, b'`' | b'~') {
        // Words and a fence in one line: "Here it is: ```python".
        let at = line.find("```")?;
        let tag = line[at + 3..].trim();
        let is_tag = !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
        return (is_tag && line[..at].ends_with([' ', ':'])).then_some(Fence {
            mark: b'`',
            length: 3,
            indent: 0,
            tag,
        });
    }
    let length = inner.bytes().take_while(|byte| *byte == mark).count();
    let tag = inner[length..].trim();
    // A tag of backticks has none in it: else it is code within a line.
    let is_fence = length >= 3 && !(mark == b'`' && tag.contains('`'));
    is_fence.then_some(Fence {
        mark,
        length,
        indent,
        tag,
    })
}

/// The tag of the block that a line opens, which is empty where the line may close one as well.
pub(crate) fn opens_a_block(line: &str) -> Option<&str> {
    fence(line).map(|fence| fence.tag)
}

/// All blocks, in order. Only the last one may lack its end.
pub(crate) fn blocks(answer: &str) -> Vec<Block> {
    let lines: Vec<&str> = answer.split('\n').collect();
    let mut blocks = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let Some(opening) = fence(lines[at]) else {
            at += 1;
            continue;
        };
        let kind = Kind::of(opening.tag);
        let body: Vec<&str> = lines[at + 1..]
            .iter()
            .map(|line| dedented(line, opening.indent))
            .collect();
        let end = end(&body, &opening, kind);
        let mut text = body[..end.line].join("\n");
        if !end.last.is_empty() {
            text.push('\n');
            text.push_str(end.last);
        }
        let language = opening.tag.split([' ', ',', '{', ':']).next();
        blocks.push(Block {
            language: language.unwrap_or_default().to_lowercase(),
            kind,
            text,
            is_closed: end.is_closed,
        });
        at += 1 + end.line + usize::from(end.takes_line);
    }
    blocks
}

/// Where a block ends.
struct End<'a> {
    /// Its lines before the end.
    line: usize,
    /// What stands before a fence at the end of its last line.
    last: &'a str,
    is_closed: bool,
    /// The line of the end belongs to the block.
    takes_line: bool,
}

fn end<'a>(body: &[&'a str], opening: &Fence<'_>, kind: Kind) -> End<'a> {
    let may_be_python = matches!(kind, Kind::Python | Kind::Untold);
    let text = body.join("\n");
    let places = python::places(&text);
    let mut first = None;
    for (line, content) in body.iter().enumerate() {
        let is_outside = !may_be_python || !places[line].in_string;
        let candidate = match fence(content) {
            Some(fence) if fence.mark != opening.mark || fence.length < opening.length => continue,
            Some(fence) if fence.tag.is_empty() => End {
                line,
                last: "",
                is_closed: true,
                takes_line: true,
            },
            // Another block begins: the fence between them was forgotten.
            Some(_) if is_outside && may_be_python && content.trim_start().starts_with("```") => {
                End {
                    line,
                    last: "",
                    is_closed: true,
                    takes_line: false,
                }
            }
            _ => match content.strip_suffix("```") {
                Some(last) if is_outside && opening.length == 3 && !last.contains("```") => End {
                    line,
                    last,
                    is_closed: true,
                    takes_line: true,
                },
                _ => continue,
            },
        };
        // A fence within a string of the program is text, unless the string has no end at all.
        if is_outside {
            return candidate;
        }
        first.get_or_insert(candidate);
    }
    first.unwrap_or(End {
        line: body.len(),
        last: "",
        is_closed: false,
        takes_line: false,
    })
}

/// The line without the fence's indentation, as far as it has it.
fn dedented(line: &str, indent: usize) -> &str {
    let spaces = line.len() - line.trim_start_matches([' ', '\t', '>']).len();
    &line[spaces.min(indent)..]
}
