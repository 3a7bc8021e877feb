use proptest::prelude::*;

use super::*;

/// Reads back what [`literal`] writes, as Python would. (That Python agrees is tried with a real one
/// in `tests/it`.)
fn decode(code: &str) -> Option<String> {
    let quote = code
        .chars()
        .next()
        .filter(|quote| matches!(quote, '"' | '\''))?;
    let mut letters = code.strip_prefix(quote)?.strip_suffix(quote)?.chars();
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        if letter == quote || letter.is_control() {
            return None;
        }
        let decoded = if letter == '\\' {
            escaped(&mut letters)?
        } else {
            letter
        };
        text.push(decoded);
    }
    Some(text)
}

fn escaped(letters: &mut std::str::Chars<'_>) -> Option<char> {
    let digits = match letters.next()? {
        'n' => return Some('\n'),
        'r' => return Some('\r'),
        't' => return Some('\t'),
        same @ ('\\' | '"' | '\'') => return Some(same),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let digits: String = letters.take(digits).collect();
    char::from_u32(u32::from_str_radix(&digits, 16).ok()?)
}

proptest! {
    #[test]
    fn a_literal_means_its_text(text in "\\PC*|[\"'\\\\{}\n\r\t\0#%\u{2028}\u{202e}👩‍🚀é]*") {
        prop_assert_eq!(decode(&literal(&text)), Some(text));
    }

    #[test]
    fn identifiers_are_valid_and_unique(texts in prop::collection::vec("\\PC{0,12}|class|data", 1..20)) {
        let mut taken = Vec::new();
        for text in &texts {
            let name = identifier(text, &mut taken);
            prop_assert!(name.starts_with(|c: char| c.is_ascii_lowercase()), "{}", name);
            prop_assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{}", name);
            prop_assert!(!RESERVED.contains(&name.as_str()), "{}", name);
        }
        taken.sort();
        taken.dedup();
        prop_assert_eq!(taken.len(), texts.len());
    }
}

#[test]
fn writes_literals_as_a_person_would() {
    for (text, code) in [
        ("temp_max", r#""temp_max""#),
        ("it's", r#""it's""#),
        ("say \"hi\"", r#"'say "hi"'"#),
        ("\"it's\"", r#""\"it's\"""#),
        ("a\\b\n", r#""a\\b\n""#),
        ("größe {x} 🌧️", "\"größe {x} 🌧️\""),
        ("a\u{202e}b\0", r#""a\u202eb\x00""#),
    ] {
        assert_eq!(literal(text), code);
    }
}

#[test]
fn wraps_what_is_too_long() {
    let items: Vec<String> = (0..3)
        .map(|n| format!("argument_{n}=\"a longer text {n}\""))
        .collect();
    assert_eq!(
        wrap("call(", &items, ")", 0),
        "call(\n    argument_0=\"a longer text 0\",\n    argument_1=\"a longer text 1\",\n    \
         argument_2=\"a longer text 2\",\n)"
    );
    assert_eq!(
        wrap("call(", &items[..1], ")", 0),
        "call(argument_0=\"a longer text 0\")"
    );
}
