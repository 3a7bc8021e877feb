//! Finds the inputs that a prompt names.
//!
//! First the components ("a slider from 1 to 10 for the age", "two number inputs"), then the nouns
//! that are usual fields ("a form with name, email and age").

mod words;

use super::lexer::{Token, lex};
use crate::order::ordered;
use crate::plan::{Field, FieldKind};
use crate::wording::humanize;
use words::{Component, component, is_connective, noun};

/// What a prompt names.
#[derive(Default)]
pub(super) struct Named {
    pub(super) fields: Vec<Field>,
    /// What stands on the button, if the prompt says so.
    pub(super) button: Option<String>,
    pub(super) wants: Wants,
    pub(super) assumptions: Vec<String>,
}

/// The parts that are no inputs.
#[derive(Clone, Copy, Default)]
pub(super) struct Wants {
    pub(super) button: bool,
    pub(super) chart: bool,
    pub(super) table: bool,
    pub(super) chat: bool,
}

/// More inputs make no small app.
const MOST: usize = 20;

pub(super) fn read(text: &str) -> Named {
    let mut reader = Reader {
        tokens: lex(text),
        used: Vec::new(),
        named: Named::default(),
    };
    reader.used = vec![false; reader.tokens.len()];
    reader.skip_title();
    // Each input with its place in the prompt, so that both kinds end up in the order of the text.
    let mut found = reader.components();
    found.extend(reader.nouns());
    reader.named.fields = ordered(found, |(at, _)| *at)
        .into_iter()
        .map(|(_, field)| field)
        .take(MOST)
        .collect();
    reader.named
}

/// Whether a text speaks of the parts of a page, as a good title does not.
pub(super) fn names_component(text: &str) -> bool {
    let tokens = lex(text);
    (0..tokens.len()).any(|at| match component(&tokens, at) {
        Some((Component::Input(kind), _)) => !matches!(
            kind,
            FieldKind::Text { .. } | FieldKind::Image | FieldKind::File
        ),
        Some((Component::Button, _)) => true,
        _ => false,
    })
}

struct Reader {
    tokens: Vec<Token>,
    used: Vec<bool>,
    named: Named,
}

impl Reader {
    fn stem(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", Token::stem)
    }

    /// The name of the app is no field: `a form called "Email"`.
    fn skip_title(&mut self) {
        for at in 1..self.tokens.len() {
            let names = matches!(
                self.stem(at - 1),
                "called" | "titled" | "entitled" | "named" | "title"
            );
            let of_app = at < 2 || component(&self.tokens, at - 2).is_none();
            if names && of_app && matches!(self.tokens[at], Token::Quoted(_)) {
                self.used[at] = true;
                self.used[at - 1] = true;
            }
        }
    }

    fn components(&mut self) -> Vec<(usize, Field)> {
        let mut found = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            let Some((component, length)) = component(&self.tokens, at).filter(|_| !self.used[at])
            else {
                at += 1;
                continue;
            };
            let end = at + length;
            self.used[at..end].fill(true);
            let label = self.label(at, end);
            match component {
                Component::Button => {
                    self.named.wants.button = true;
                    self.named.button = self
                        .named
                        .button
                        .take()
                        .or(label)
                        .or_else(|| self.purpose(end));
                }
                Component::Chart => self.named.wants.chart = true,
                Component::Table => self.named.wants.table = true,
                Component::Chat => self.named.wants.chat = true,
                Component::Input(kind) => {
                    for field in self.inputs(kind, label, at, end) {
                        found.push((at, field));
                    }
                }
            }
            at = end;
        }
        found
    }

    fn nouns(&mut self) -> Vec<(usize, Field)> {
        let mut found = Vec::new();
        for at in 0..self.tokens.len() {
            if self.used[at] {
                continue;
            }
            let Some(kind) = noun(self.stem(at)) else {
                continue;
            };
            // A total is a result.
            if at > 0 && self.stem(at - 1) == "total" {
                continue;
            }
            // "First name", "phone number".
            let first = at > 0 && !self.used[at - 1] && words::qualifies(self.stem(at - 1));
            let start = at - usize::from(first);
            let last = usize::from(self.stem(at) == "phone" && self.stem(at + 1) == "number");
            self.used[start..=at + last].fill(true);
            let words: Vec<&str> = self.tokens[start..=at + last]
                .iter()
                .map(Token::text)
                .collect();
            let label = humanize(&words.join(" ").to_lowercase());
            if !found
                .iter()
                .any(|(_, field): &(usize, Field)| field.label == label)
            {
                found.push((at, Field { label, kind }));
            }
        }
        found
    }

    /// What the prompt calls the component: in quotes behind it, behind `for` or `called`, or before.
    fn label(&mut self, start: usize, end: usize) -> Option<String> {
        if let Some(Token::Quoted(text)) = self.tokens.get(end) {
            let text = text.clone();
            self.used[end] = true;
            return Some(text);
        }
        if matches!(
            self.stem(end),
            "for" | "called" | "named" | "labelled" | "labeled" | "saying"
        ) {
            if let Some(Token::Quoted(text)) = self.tokens.get(end + 1) {
                let text = text.trim().to_owned();
                self.used[end..=end + 1].fill(true);
                return Some(text);
            }
            let mut from = end + 1;
            while matches!(
                self.stem(from),
                "the" | "a" | "an" | "your" | "my" | "their" | "user" | "each"
            ) {
                from += 1;
            }
            let to = self.phrase_end(from, 3);
            if to > from {
                return Some(self.take(from, to));
            }
        }
        let mut from = start;
        while from > 0 && start - from < 3 && self.is_content(from - 1) {
            from -= 1;
        }
        (from < start).then(|| self.take(from, start))
    }

    /// "A button to calculate the sum".
    fn purpose(&mut self, end: usize) -> Option<String> {
        let verb = self.tokens.get(end + 1)?.text().to_owned();
        let follows = matches!(self.stem(end), "to" | "that") && !verb.is_empty();
        follows.then(|| humanize(self.stem(end + 1)))
    }

    fn take(&mut self, from: usize, to: usize) -> String {
        self.used[from..to].fill(true);
        let words: Vec<&str> = self.tokens[from..to].iter().map(Token::text).collect();
        humanize(&words.join(" "))
    }

    /// Whether a word can be part of a name.
    fn is_content(&self, at: usize) -> bool {
        let token = &self.tokens[at];
        matches!(token, Token::Word(..))
            && !self.used[at]
            && token.number().is_none()
            && words::count(token.stem()).is_none()
            && !is_connective(token.stem())
    }

    fn phrase_end(&self, from: usize, most: usize) -> usize {
        let mut to = from;
        while to < self.tokens.len()
            && to - from < most
            && self.is_content(to)
            && component(&self.tokens, to).is_none()
        {
            to += 1;
        }
        to
    }

    /// One input, or as many as the prompt counts.
    fn inputs(
        &mut self,
        kind: FieldKind,
        label: Option<String>,
        start: usize,
        end: usize,
    ) -> Vec<Field> {
        let kind = self.complete(kind, end);
        let named = label.is_some();
        let base = label.unwrap_or_else(|| words::default_label(&kind).to_owned());
        let letters = self.letters(end);
        if letters.len() > 1 || (letters.len() == 1 && !named) {
            return letters
                .into_iter()
                .map(|label| Field {
                    label,
                    kind: kind.clone(),
                })
                .collect();
        }
        let before = (0..start).rev().take(4).find_map(|at| {
            let token = &self.tokens[at];
            token
                .number()
                .and_then(|n| usize::try_from(n).ok())
                .or_else(|| words::count(token.stem()))
        });
        match before.filter(|count| (2..=6).contains(count) && self.is_plural(end - 1)) {
            Some(count) => (1..=count)
                .map(|number| Field {
                    label: format!("{} {number}", singular(&base)),
                    kind: kind.clone(),
                })
                .collect(),
            None => vec![Field { label: base, kind }],
        }
    }

    fn is_plural(&self, at: usize) -> bool {
        let token = &self.tokens[at];
        token.text().to_lowercase() != token.stem()
    }

    /// "Two numbers a and b": names of a letter or two right behind.
    fn letters(&mut self, end: usize) -> Vec<String> {
        let mut names = Vec::new();
        let mut at = end;
        while let Some(token) = self.tokens.get(at) {
            let separates = matches!(token, Token::Comma) || matches!(token.stem(), "and" | "or");
            let short = token.text().len() <= 2 && token.text().chars().all(char::is_alphabetic);
            // "A and b" may be names; "a slider" is an article.
            let article = token.stem() == "a" && component(&self.tokens, at + 1).is_some();
            if matches!(token, Token::Word(..))
                && short
                && !article
                && (!is_connective(token.stem()) || token.stem() == "a")
            {
                names.push((at, token.text().to_owned()));
            } else if !separates {
                break;
            }
            at += 1;
        }
        // "A slider x", but not "a slider a user moves".
        if names.len() == 1
            && (names[0].0 != end || names[0].1.len() > 1 || names[0].1.eq_ignore_ascii_case("a"))
        {
            return Vec::new();
        }
        if !names.is_empty() {
            for (at, _) in &names {
                self.used[*at] = true;
            }
        }
        names.into_iter().map(|(_, name)| name).collect()
    }

    /// Adds the options of a list and the ends of a scale, where the prompt says them.
    fn complete(&mut self, kind: FieldKind, end: usize) -> FieldKind {
        let clause_end = (end..self.tokens.len())
            .find(|at| component(&self.tokens, *at).is_some() && !self.used[*at])
            .unwrap_or(self.tokens.len());
        match kind {
            FieldKind::Slider { .. } => {
                let numbers: Vec<i64> = self.tokens[end..clause_end]
                    .iter()
                    .filter_map(Token::number)
                    .take(2)
                    .collect();
                match numbers[..] {
                    [min, max] if min < max => FieldKind::Slider { min, max },
                    [max] if max > 0 => FieldKind::Slider { min: 0, max },
                    _ => kind,
                }
            }
            FieldKind::Dropdown { .. } => FieldKind::Dropdown {
                options: self.options(end, clause_end),
            },
            FieldKind::Radio { .. } => FieldKind::Radio {
                options: self.options(end, clause_end),
            },
            FieldKind::Multiple { .. } => FieldKind::Multiple {
                options: self.options(end, clause_end),
            },
            other => other,
        }
    }

    /// "With red, green and blue", "(small, large)", "of apples, pears or plums".
    fn options(&mut self, end: usize, clause_end: usize) -> Vec<String> {
        let cue = (end..clause_end).find(|at| {
            matches!(self.tokens[*at], Token::Stop)
                || matches!(
                    self.stem(*at),
                    "with" | "of" | "from" | "between" | "option" | "choice" | "like" | "including"
                )
        });
        let mut options: Vec<String> = Vec::new();
        let mut used = Vec::new();
        if let Some(cue) = cue {
            let mut at = cue + 1;
            while matches!(
                self.stem(at),
                "the" | "option" | "choice" | "value" | "of" | "like" | "as" | "such"
            ) || (options.is_empty() && matches!(self.tokens.get(at), Some(Token::Stop)))
            {
                at += 1;
            }
            while at < clause_end {
                let (item, next) = self.option(at);
                if item.is_empty() {
                    break;
                }
                used.extend(at..next);
                options.push(item);
                let comma = usize::from(matches!(self.tokens.get(next), Some(Token::Comma)));
                let and = usize::from(matches!(self.stem(next + comma), "and" | "or"));
                if comma + and == 0 {
                    break;
                }
                at = next + comma + and;
            }
        }
        if options.len() >= 2 {
            for at in used {
                self.used[at] = true;
            }
            return options;
        }
        self.named.assumptions.push(
            "the prompt names no options for a list, so it has three to be renamed".to_owned(),
        );
        ["Option A", "Option B", "Option C"]
            .map(str::to_owned)
            .to_vec()
    }

    fn option(&self, at: usize) -> (String, usize) {
        if let Some(Token::Quoted(text)) = self.tokens.get(at) {
            return (text.clone(), at + 1);
        }
        let mut to = at;
        while to < self.tokens.len() && to - at < 3 {
            let token = &self.tokens[to];
            let word = matches!(token, Token::Word(..)) && !self.used[to];
            if !word || words::ends_option(token.stem()) || component(&self.tokens, to).is_some() {
                break;
            }
            to += 1;
        }
        let words: Vec<&str> = self.tokens[at..to].iter().map(Token::text).collect();
        (humanize(&words.join(" ")), to)
    }
}

fn singular(label: &str) -> &str {
    label
        .strip_suffix('s')
        .filter(|base| !base.ends_with('s'))
        .unwrap_or(label)
}
