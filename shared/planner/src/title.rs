//! Finds what the app should be called.

use crate::wording::{Prompt, humanize, one_line};

const LONGEST: usize = 60;

/// Things that are called something without giving the app its name.
const PARTS: [&str; 14] = [
    "checkbox", "button", "field", "column", "box", "slider", "dropdown", "textbox", "input",
    "option", "file", "number", "area", "one",
];

/// The title that the prompt gives: what follows `called`, `titled` or `named` in quotes, or up to
/// the end of the clause.
pub(crate) fn given(prompt: &Prompt) -> Option<String> {
    let text = &prompt.text;
    let lower = text.to_ascii_lowercase();
    for cue in [
        "called ",
        "titled ",
        "entitled ",
        "title ",
        "app named ",
        "dashboard named ",
    ] {
        let Some(at) = lower.find(cue) else { continue };
        let before = lower[..at]
            .split_whitespace()
            .next_back()
            .unwrap_or_default();
        if PARTS.contains(&before) {
            continue;
        }
        let rest = &text[at + cue.len()..];
        if let Some(quoted) = quoted(rest) {
            return Some(shorten(quoted));
        }
        let end = rest
            .find([',', '.', ';', ':', '!', '?'])
            .unwrap_or(rest.len());
        let clause = rest[..end].split(" with ").next().unwrap_or_default();
        let clause = clause.split(" that ").next().unwrap_or_default().trim();
        // `a column called price` would be a poor title, so only a capital letter counts.
        if clause.chars().next().is_some_and(char::is_uppercase) {
            return Some(shorten(clause));
        }
    }
    None
}

/// The text in the quotes that the text begins with.
pub(crate) fn quoted(text: &str) -> Option<&str> {
    let open = text.chars().next()?;
    let close = match open {
        '"' | '\'' | '`' => open,
        '“' | '„' => '”',
        '«' => '»',
        _ => return None,
    };
    let inside = &text[open.len_utf8()..];
    let end = inside.find(close)?;
    Some(&inside[..end]).filter(|inside| !inside.trim().is_empty())
}

/// A title for a dataset without one.
pub(crate) fn of_file(file_name: &str) -> String {
    let stem = file_name
        .rsplit_once('.')
        .map_or(file_name, |(stem, _)| stem);
    let title = shorten(&humanize(stem));
    if title.is_empty() {
        "Dashboard".to_owned()
    } else {
        title
    }
}

/// A title out of the prompt's own words: `Build me a Gradio app for tips` becomes `Tips`.
pub(crate) fn of_prompt(prompt: &Prompt) -> Option<String> {
    const FILLERS: [&str; 34] = [
        "a",
        "an",
        "the",
        "please",
        "can",
        "you",
        "i",
        "want",
        "need",
        "would",
        "like",
        "to",
        "make",
        "create",
        "build",
        "write",
        "generate",
        "show",
        "give",
        "me",
        "us",
        "my",
        "simple",
        "small",
        "little",
        "gradio",
        "streamlit",
        "app",
        "application",
        "web",
        "ui",
        "page",
        "for",
        "that",
    ];
    const ENDS: [&str; 9] = [
        "with", "that", "which", "where", "using", "from", "in", "and", "so",
    ];
    let mut words = prompt
        .words
        .iter()
        .map(|word| (word, word.to_lowercase()))
        .peekable();
    while words
        .next_if(|(_, lower)| FILLERS.contains(&lower.as_str()))
        .is_some()
    {}
    let kept: Vec<&str> = words
        .take_while(|(_, lower)| !ENDS.contains(&lower.as_str()))
        .filter(|(_, lower)| !matches!(lower.as_str(), "gradio" | "streamlit"))
        .take(6)
        .map(|(word, _)| word.as_str())
        .collect();
    let title = shorten(&humanize(&kept.join(" ")));
    (!title.is_empty()).then_some(title)
}

fn shorten(title: &str) -> String {
    let title = one_line(title);
    if title.chars().count() <= LONGEST {
        return title;
    }
    let cut: String = title.chars().take(LONGEST - 1).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_title_that_the_prompt_gives() {
        let given = |prompt| given(&Prompt::read(prompt));
        assert_eq!(
            given("a dashboard called \"Rain, rain\" please"),
            Some("Rain, rain".into())
        );
        assert_eq!(
            given("an app titled Seattle Weather with filters"),
            Some("Seattle Weather".into())
        );
        assert_eq!(given("the column called price"), None);
    }

    #[test]
    fn makes_a_title_of_what_there_is() {
        assert_eq!(of_file("seattle-weather.csv"), "Seattle weather");
        assert_eq!(of_file(""), "Dashboard");
        let of_prompt = |prompt| of_prompt(&Prompt::read(prompt));
        assert_eq!(
            of_prompt("Build me a Gradio app for tip sharing with a slider"),
            Some("Tip sharing".into())
        );
        assert_eq!(of_prompt("make an app"), None);
    }
}
