//! Says a plan in words: as the specification of an app, or as the explanation of its program.

mod dashboard;
mod form;

use model::Framework;

use crate::plan::{Body, Plan};

/// What is said of a plan, topic by topic.
struct Words {
    /// One or two sentences.
    purpose: String,
    audience: &'static str,
    inputs: Vec<String>,
    components: Vec<String>,
    layout: String,
    interactions: Vec<String>,
    states: Vec<String>,
    edge_cases: Vec<String>,
}

impl Words {
    fn of(plan: &Plan) -> Self {
        match &plan.body {
            Body::Dashboard(dashboard) => dashboard::words(plan, dashboard),
            Body::Form(form) => form::words(plan, form),
        }
    }
}

/// The plan as a specification, in Markdown with a heading for each topic.
pub fn describe(plan: &Plan) -> String {
    let words = Words::of(plan);
    let sections = [
        ("Purpose", words.purpose),
        ("Audience", words.audience.to_owned()),
        ("Inputs", list(&words.inputs)),
        ("Components", list(&words.components)),
        ("Layout", words.layout),
        ("Interactions", list(&words.interactions)),
        ("States", list(&words.states)),
        ("Edge cases", list(&words.edge_cases)),
    ];
    let sections = sections.map(|(title, text)| format!("## {title}\n\n{text}\n"));
    sections.join("\n")
}

/// The plan's program with what there is to know about it, in Markdown.
pub fn explain(plan: &Plan) -> String {
    let words = Words::of(plan);
    let mut text = format!(
        "{}\n\n```python\n{}```\n\nWhat is on the page:\n\n{}\n\nWhat happens:\n\n{}\n",
        words.purpose,
        crate::render(plan),
        list(&words.components),
        list(&words.interactions),
    );
    if !plan.assumptions.is_empty() {
        let assumptions = list(&plan.assumptions);
        text.push_str(&format!("\nWhat was assumed:\n\n{assumptions}\n"));
    }
    text
}

fn list(items: &[String]) -> String {
    let items = items.iter().map(|item| format!("- {item}"));
    items.collect::<Vec<_>>().join("\n")
}

/// Something that a person or a file named, in one line and without marks that Markdown knows.
fn name(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    format!("`{}`", words.join(" ").replace('`', "'"))
}

/// Names between commas, the last one behind "and".
fn names<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = texts.map(name).collect();
    match names.pop() {
        None => String::new(),
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
    }
}

fn framework(plan: &Plan) -> &'static str {
    match plan.framework {
        Framework::Gradio => "Gradio",
        Framework::Streamlit => "Streamlit",
    }
}

#[cfg(test)]
mod tests;
