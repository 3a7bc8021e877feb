//! Splits a prompt into words, quoted texts and marks.

use crate::title;

/// A piece of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A word as written, and as a stem.
    Word(String, String),
    /// A text in quotes.
    Quoted(String),
    /// A comma.
    Comma,
    /// A mark that ends a clause.
    Stop,
}

impl Token {
    /// The stem of a word; empty for anything else.
    pub(super) fn stem(&self) -> &str {
        match self {
            Self::Word(_, stem) => stem,
            _ => "",
        }
    }

    /// What a person wrote.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Word(text, _) | Self::Quoted(text) => text,
            Self::Comma | Self::Stop => "",
        }
    }

    pub(super) fn number(&self) -> Option<i64> {
        self.stem()
            .parse()
            .ok()
            .filter(|number: &i64| number.abs() <= 1_000_000_000)
    }
}

pub(super) fn lex(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    let mut after_word = false;
    while let Some(letter) = rest.chars().next() {
        let quoted = if after_word {
            None
        } else {
            title::quoted(rest)
        };
        if let Some(inside) = quoted {
            tokens.push(Token::Quoted(inside.to_owned()));
            let length = letter.len_utf8() + inside.len();
            let close = rest[length..].chars().next().map_or(0, char::len_utf8);
            rest = &rest[length + close..];
            after_word = false;
            continue;
        }
        let length = rest
            .find(|c: char| !c.is_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        if length > 0 {
            // A minus belongs to a number unless it stands between two: `-5`, but `1-10`.
            let word = &rest[..length];
            let negative = text[..text.len() - rest.len()].ends_with(" -");
            let word = if negative && word.parse::<u32>().is_ok() {
                format!("-{word}")
            } else {
                word.to_owned()
            };
            let stem = crate::wording::stem(&word);
            tokens.push(Token::Word(word, stem));
            rest = &rest[length..];
            after_word = true;
            continue;
        }
        match letter {
            ',' => tokens.push(Token::Comma),
            '.' | ';' | ':' | '!' | '?' | '(' | ')' => tokens.push(Token::Stop),
            _ => {}
        }
        rest = &rest[letter.len_utf8()..];
        // An apostrophe within a word opens no quote.
        after_word = false;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_words_quotes_and_marks() {
        let texts = |text| {
            lex(text)
                .iter()
                .map(|token| token.text().to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            texts("a user's \"Go, now\" button."),
            ["a", "user", "s", "Go, now", "button", ""]
        );
        assert_eq!(
            texts("from -5 to 10, 1-3"),
            ["from", "-5", "to", "10", "", "1", "3"]
        );
    }
}
