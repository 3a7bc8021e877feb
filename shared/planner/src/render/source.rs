//! Writes the function that reads the data file.

use profile::ExtraFields;

use crate::plan::{DateColumn, Source};
use crate::python::{Code, literal, literals, wrap};

/// The body of `load_data`.
pub(super) fn load_data(code: &mut Code, source: &Source) {
    let zoned: Vec<&DateColumn> = source.dates.iter().filter(|date| date.zoned).collect();
    let arguments = arguments(source);
    if zoned.is_empty() {
        code.call("return pd.read_csv(", &arguments, ")");
        return;
    }
    code.call("data = pd.read_csv(", &arguments, ")");
    code.line("# Times with an offset become plain times in UTC, so that they can be compared.");
    for date in zoned {
        let column = literal(&date.column);
        let items = [
            format!("data[{column}]"),
            "format=\"ISO8601\"".to_owned(),
            "utc=True".to_owned(),
        ];
        code.call(
            &format!("data[{column}] = pd.to_datetime("),
            &items,
            ").dt.tz_localize(None)",
        );
    }
    code.line("return data");
}

fn arguments(source: &Source) -> Vec<String> {
    let mut arguments = vec!["DATA_FILE".to_owned()];
    if source.delimiter != ',' {
        arguments.push(format!("sep={}", literal(&source.delimiter.to_string())));
    }
    if source.decimal != '.' {
        arguments.push(format!("decimal={}", literal(&source.decimal.to_string())));
    }
    if let Some(names) = &source.names {
        arguments.push(format!(
            "header={}",
            if source.has_header { "0" } else { "None" }
        ));
        arguments.push(list("names=[", names.iter().map(String::as_str)));
    }
    match source.extra_fields {
        Some(ExtraFields::Cut) => arguments.push(format!("usecols=range({})", source.columns)),
        Some(ExtraFields::Skip) => arguments.push("on_bad_lines=\"skip\"".to_owned()),
        None => {}
    }
    if !source.text.is_empty() || !source.integers.is_empty() {
        let text = source
            .text
            .iter()
            .map(|column| format!("{}: \"string\"", literal(column)));
        let integers = source
            .integers
            .iter()
            .map(|column| format!("{}: \"Int64\"", literal(column)));
        let entries: Vec<String> = text.chain(integers).collect();
        arguments.push(wrap("dtype={", &entries, "}", 2));
    }
    dates(source, &mut arguments);
    arguments
}

fn dates(source: &Source, arguments: &mut Vec<String>) {
    let dates: Vec<&DateColumn> = source.dates.iter().filter(|date| !date.zoned).collect();
    if dates.is_empty() {
        return;
    }
    arguments.push(list(
        "parse_dates=[",
        dates.iter().map(|date| date.column.as_str()),
    ));
    // `pandas` recognises plain ISO days by itself.
    let special: Vec<&&DateColumn> = dates
        .iter()
        .filter(|date| date.format != "%Y-%m-%d")
        .collect();
    if !special.is_empty() {
        let entry =
            |date: &&&DateColumn| format!("{}: {}", literal(&date.column), literal(&date.format));
        let entries: Vec<String> = special.iter().map(entry).collect();
        arguments.push(wrap("date_format={", &entries, "}", 2));
    }
}

fn list<'a>(prefix: &str, texts: impl Iterator<Item = &'a str>) -> String {
    wrap(prefix, &literals(texts), "]", 2)
}
