//! Reads words: splits a prompt and the names of columns, and finds the ones in the other.

use std::iter;

use model::Framework;

use crate::order::ordered;

/// Abbreviations and synonyms, each line one meaning. All stand as stems.
const SAME: [&[&str]; 22] = [
    &[
        "rain",
        "rainfall",
        "precipitation",
        "precip",
        "niederschlag",
    ],
    &["temp", "temperature"],
    &["revenue", "sale", "turnover", "umsatz"],
    &["cost", "expense", "spending"],
    &["max", "maximum", "highest", "peak"],
    &["min", "minimum", "lowest"],
    &["avg", "average", "mean"],
    &["qty", "quantity"],
    &["amt", "amount"],
    &["pct", "percent", "percentage"],
    &["num", "number", "no"],
    &["dept", "department"],
    &["category", "kind"],
    &["mpg", "mile", "consumption"],
    &["weight", "lb"],
    &["country", "nation"],
    &["customer", "client"],
    &["stock", "symbol", "ticker"],
    &["hp", "horsepower"],
    &["salary", "wage"],
    &["qualification", "education"],
    &["profit", "gain"],
];

/// Words that name no column on their own.
const WEAK: [&str; 18] = [
    "id", "name", "date", "value", "number", "total", "count", "of", "the", "per", "in", "max",
    "min", "avg", "mean", "time", "by", "and",
];

/// A prompt, read once.
pub(crate) struct Prompt {
    /// As it was written, on one line.
    pub(crate) text: String,
    /// Its words as written, without marks.
    pub(crate) words: Vec<String>,
    /// Its words as stems, one for each word.
    pub(crate) stems: Vec<String>,
}

impl Prompt {
    pub(crate) fn read(text: &str) -> Self {
        let text = one_line(text);
        let words: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric() && c != '_')
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        let stems = words.iter().map(|word| stem(word)).collect();
        Self { text, words, stems }
    }

    /// The framework that the prompt names; where it names both, the first.
    pub(crate) fn framework(&self) -> Option<Framework> {
        self.stems.iter().find_map(|word| match word.as_str() {
            "gradio" => Some(Framework::Gradio),
            "streamlit" => Some(Framework::Streamlit),
            _ => None,
        })
    }

    /// Whether one of the words, given as stems, occurs.
    pub(crate) fn has(&self, words: &[&str]) -> bool {
        self.stems.iter().any(|word| words.contains(&word.as_str()))
    }

    /// How many the prompt wants of the largest: "top 5".
    pub(crate) fn top(&self) -> Option<usize> {
        let top = self.stems.iter().position(|word| word == "top")?;
        let number = self.words.get(top + 1)?.parse().ok()?;
        (1..=50).contains(&number).then_some(number)
    }

    /// Where the columns are mentioned, in the order of the prompt. A mention of all words of a name
    /// takes its words from other columns: "max temperature" is `temp_max` and not `temp_min`,
    /// while "temperature" is both.
    pub(crate) fn mentions(&self, columns: &[&str]) -> Vec<Mention> {
        let found: Vec<Mention> = (0..columns.len())
            .filter_map(|column| self.mention(column, columns[column]))
            .collect();
        let taken: Vec<usize> = found
            .iter()
            .filter(|mention| mention.whole)
            .flat_map(|mention| mention.at.clone())
            .collect();
        let found = found
            .into_iter()
            .filter(|mention| mention.whole || mention.at.iter().any(|at| !taken.contains(at)));
        ordered(found, |mention| (mention.at[0], mention.column))
    }

    fn mention(&self, column: usize, name: &str) -> Option<Mention> {
        let parts = stems(name);
        let place = |part: &String| self.stems.iter().position(|word| same(word, part));
        let at = ordered(parts.iter().filter_map(place), |at| *at);
        let whole = !at.is_empty() && at.len() == parts.len();
        let strong = |part: &&String| !WEAK.contains(&part.as_str()) && place(part).is_some();
        (whole || parts.iter().any(|part| strong(&part))).then_some(Mention { column, at, whole })
    }
}

/// A column that the prompt mentions.
#[derive(Clone, Debug)]
pub(crate) struct Mention {
    /// Which of the columns.
    pub(crate) column: usize,
    /// Which words of the prompt, never empty.
    pub(crate) at: Vec<usize>,
    /// Whether all words of the name occur.
    pub(crate) whole: bool,
}

/// The words of a name as stems: `temp_max`, `tempMax` and `Temp Max` are the same.
pub(crate) fn stems(name: &str) -> Vec<String> {
    spaced(name, &['_', '-', '.', '/', '(', ')', '[', ']'])
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(stem)
        .collect()
}

/// A name as a person writes it: `temp_max` becomes `Temp max`.
pub(crate) fn humanize(name: &str) -> String {
    let spaced = one_line(&spaced(name, &['_', '-']));
    let mut letters = spaced.chars();
    match letters.next() {
        Some(first) => iter::once(capital(first)).chain(letters).collect(),
        None => name.to_owned(),
    }
}

/// The capital of a letter, for the alphabets that have some; the table of all of Unicode has 13 KB.
fn capital(letter: char) -> char {
    let is_its_capital = |other: &char| other.to_lowercase().eq([letter]) && *other != letter;
    // How far capitals lie from their letters in Latin, Greek, Cyrillic and Armenian.
    let distances = [32, 1, 80, 48, 38, 37, 64, 63, -121];
    let mut others = distances
        .iter()
        .filter_map(|&distance| char::from_u32(u32::from(letter).checked_add_signed(-distance)?));
    others.find(is_its_capital).unwrap_or(letter)
}

/// As [`humanize`], for the middle of a sentence.
pub(crate) fn humanize_lower(name: &str) -> String {
    let lower = |word: &str| {
        // An abbreviation keeps its capitals.
        let is_abbreviation = word.chars().skip(1).any(char::is_uppercase);
        if is_abbreviation {
            word.to_owned()
        } else {
            word.to_lowercase()
        }
    };
    humanize(name)
        .split(' ')
        .map(lower)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The text without line breaks and doubled spaces.
pub(crate) fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The words of a name apart: at the separators, and where capitals begin.
fn spaced(name: &str, separators: &[char]) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    let mut previous_is_lower = false;
    for letter in name.chars() {
        if previous_is_lower && letter.is_uppercase() {
            text.push(' ');
        }
        text.push(if separators.contains(&letter) {
            ' '
        } else {
            letter
        });
        previous_is_lower = letter.is_lowercase();
    }
    text
}

/// A word without capitals and plural.
pub(crate) fn stem(word: &str) -> String {
    let word = word.to_lowercase();
    if let Some(base) = word.strip_suffix("ies").filter(|base| base.len() > 2) {
        return format!("{base}y");
    }
    let es = ["xes", "ches", "shes", "sses"]
        .iter()
        .any(|end| word.ends_with(end));
    let plain = if es {
        word.strip_suffix("es")
    } else {
        word.strip_suffix('s')
    };
    match plain {
        Some(base) if base.len() > 2 && !base.ends_with(['s', 'u', 'i']) => base.to_owned(),
        _ => word,
    }
}

/// Whether two stems mean the same: the same word, an abbreviation, or a synonym.
fn same(a: &str, b: &str) -> bool {
    if a == b
        || SAME
            .iter()
            .any(|group| group.contains(&a) && group.contains(&b))
    {
        return true;
    }
    // `precip` and `precipitation`, but not `count` and `country`.
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    short.len() >= 4 && long.len() >= short.len() + 4 && long.starts_with(short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(prompt: &str, columns: &[&str], expected: &[&str]) {
        let mentions = Prompt::read(prompt).mentions(columns);
        let names: Vec<&str> = mentions
            .iter()
            .map(|mention| columns[mention.column])
            .collect();
        assert_eq!(names, expected, "{prompt}");
    }

    #[test]
    fn finds_columns_by_their_words() {
        let weather = [
            "date",
            "precipitation",
            "temp_max",
            "temp_min",
            "wind",
            "weather",
        ];
        check("rain and wind", &weather, &["precipitation", "wind"]);
        check(
            "temperature by weather",
            &weather,
            &["temp_max", "temp_min", "weather"],
        );
        check("the maximum temperature", &weather, &["temp_max"]);
        check("nothing of it", &weather, &[]);
    }

    #[test]
    fn does_not_confuse_words_that_begin_alike() {
        check("show the country", &["count", "country"], &["country"]);
        check(
            "sales by region",
            &["SalesAmount", "region_id", "Store Name"],
            &["SalesAmount", "region_id"],
        );
        check(
            "customer name",
            &["product name", "customer name"],
            &["customer name"],
        );
    }

    #[test]
    fn writes_names_as_a_person_would() {
        assert_eq!(humanize("temp_max"), "Temp max");
        assert_eq!(humanize("unitPrice"), "Unit Price");
        for (name, written) in [
            ("école", "École"),
            ("город", "Город"),
            ("ñ", "Ñ"),
            ("ÿ", "Ÿ"),
        ] {
            assert_eq!(humanize(name), written);
        }
        for same in ["žena", "ωμέγα", "ärger"] {
            let first = same.chars().next().expect("it has letters");
            assert!(capital(first).is_uppercase(), "{same}");
        }
        assert_eq!(humanize("ßa 1"), "ßa 1");
        assert_eq!(humanize("a\n\tb"), "A b");
        assert_eq!(humanize_lower("Temp_max"), "temp max");
        assert_eq!(humanize_lower("GDP"), "GDP");
    }
}
