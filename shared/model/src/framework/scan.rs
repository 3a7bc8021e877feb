//! The scanner: Python source → its imports, and the `name.attribute` pairs it mentions.
//!
//! Follows the lexical rules of the Python reference (§2): strings with prefixes and triple
//! quotes, comments, explicit and implicit line joins. Expressions inside f-strings are skipped.

/// What a program imports and mentions.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// Each imported module, in order.
    pub imports: Vec<Import>,
    /// Each `object.attribute` where object is a plain name.
    pub uses: Vec<(String, String)>,
}

/// One imported module.
#[derive(Debug)]
pub(super) struct Import {
    module: String,
    /// What it is known by afterwards.
    pub names: Names,
}

/// The names that an import binds.
#[derive(Debug)]
pub(super) enum Names {
    /// `import module [as alias]`.
    Module(String),
    /// `from module import a, b as c`: the names inside the module.
    Listed(Vec<String>),
}

impl Import {
    /// The module, if it is a package itself rather than one of its submodules.
    pub fn package(&self) -> &str {
        &self.module
    }
}

#[derive(Debug, PartialEq)]
enum Token<'a> {
    Name(&'a str),
    Symbol(char),
    /// The end of a statement: a line end outside brackets, `;`, or the `:` of a compound one.
    End,
}

pub(super) fn scan(code: &str) -> Scanned {
    let tokens = tokens(code);
    let mut scanned = Scanned::default();
    for statement in tokens.split(|token| *token == Token::End) {
        match statement {
            [Token::Name("import"), rest @ ..] => import_modules(rest, &mut scanned.imports),
            [Token::Name("from"), rest @ ..] => import_names(rest, &mut scanned.imports),
            _ => mention(statement, &mut scanned.uses),
        }
    }
    scanned
}

/// Reads a dotted name; gives it and what follows.
fn dotted<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<(String, &'t [Token<'a>])> {
    let [Token::Name(first), rest @ ..] = tokens else {
        return None;
    };
    let (mut name, mut rest) = ((*first).to_owned(), rest);
    while let [Token::Symbol('.'), Token::Name(part), after @ ..] = rest {
        name = format!("{name}.{part}");
        rest = after;
    }
    Some((name, rest))
}

fn import_modules(tokens: &[Token<'_>], imports: &mut Vec<Import>) {
    for item in tokens.split(|token| *token == Token::Symbol(',')) {
        let Some((module, rest)) = dotted(item) else {
            continue;
        };
        let alias = match rest {
            [Token::Name("as"), Token::Name(alias), ..] => (*alias).to_owned(),
            _ => module.clone(),
        };
        imports.push(Import {
            module,
            names: Names::Module(alias),
        });
    }
}

fn import_names(tokens: &[Token<'_>], imports: &mut Vec<Import>) {
    let Some((module, [Token::Name("import"), rest @ ..])) = dotted(tokens) else {
        return;
    };
    let first_name = |item: &[Token<'_>]| {
        item.iter().find_map(|token| match token {
            Token::Name(name) => Some((*name).to_owned()),
            Token::Symbol('*') => Some("*".to_owned()),
            _ => None,
        })
    };
    let names = rest
        .split(|token| *token == Token::Symbol(','))
        .filter_map(first_name)
        .collect();
    imports.push(Import {
        module,
        names: Names::Listed(names),
    });
}

fn mention(tokens: &[Token<'_>], uses: &mut Vec<(String, String)>) {
    for (at, window) in tokens.windows(3).enumerate() {
        let after_dot = at > 0 && tokens[at - 1] == Token::Symbol('.');
        if let [Token::Name(object), Token::Symbol('.'), Token::Name(name)] = window
            && !after_dot
        {
            uses.push(((*object).to_owned(), (*name).to_owned()));
        }
    }
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = code;
    let mut depth = 0u32;
    while let Some(next) = rest.chars().next() {
        let length = match next {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '\'' | '"' => string_length(rest),
            '\\' => {
                1 + rest[1..].chars().next().map_or(0, |joined| match joined {
                    '\r' if rest[2..].starts_with('\n') => 2,
                    joined => joined.len_utf8(),
                })
            }
            _ if next.is_alphanumeric() || next == '_' => {
                let is_word = |character: char| character.is_alphanumeric() || character == '_';
                let length = rest
                    .find(|character| !is_word(character))
                    .unwrap_or(rest.len());
                let (word, after) = rest.split_at(length);
                if after.starts_with(['\'', '"']) && is_string_prefix(word) {
                    length + string_length(after)
                } else {
                    tokens.push(Token::Name(word));
                    length
                }
            }
            _ => {
                match next {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                match next {
                    '\n' | ';' | ':' if depth == 0 => tokens.push(Token::End),
                    _ if next.is_whitespace() => {}
                    _ => tokens.push(Token::Symbol(next)),
                }
                next.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    tokens
}

fn is_string_prefix(word: &str) -> bool {
    word.len() <= 2 && word.chars().all(|letter| "rRbBuUfFtT".contains(letter))
}

/// The length of the string literal that `text` begins with, to the end if it is never closed.
fn string_length(text: &str) -> usize {
    let quote = &text[..1];
    let triple = quote.repeat(3);
    let (close, multiline) = if text.starts_with(&triple) {
        (triple.as_str(), true)
    } else {
        (quote, false)
    };
    let mut at = close.len();
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with(close) {
            return at + close.len();
        }
        let mut characters = rest.chars();
        match characters.next() {
            // In raw strings, too, a backslash keeps the quote after it from closing the string.
            Some('\\') => at += 1 + characters.next().map_or(0, char::len_utf8),
            Some('\n') if !multiline => return at,
            Some(character) => at += character.len_utf8(),
            None => break,
        }
    }
    text.len()
}
