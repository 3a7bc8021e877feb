//! Plans an app for a prompt without data: the inputs that it names, and something done with them.

mod action;
mod fields;
mod lexer;

use model::Framework;

use crate::plan::{Action, Body, Field, FieldKind, FormPlan, NO_INPUT, Plan};
use crate::title;
use crate::wording::Prompt;

pub(crate) fn plan(prompt: &Prompt, framework: Framework) -> Plan {
    let mut assumptions = vec![
        "no language model was used: the built-in planner looked for the inputs and actions that it knows".to_owned(),
    ];
    let named = fields::read(&prompt.text);
    assumptions.extend(named.assumptions);
    let mut fields = named.fields;
    let action = action::choose(prompt, &mut fields, named.wants, &mut assumptions);
    if fields.is_empty() && action != Action::Chat {
        assumptions.push(NO_INPUT.to_owned());
        fields.push(Field {
            label: "Text".to_owned(),
            kind: FieldKind::Text { lines: 3 },
        });
    }
    distinguish(&mut fields);
    let button = button(named.button, named.wants.button, &fields, &action);
    let title = title::given(prompt)
        .or_else(|| title::of_prompt(prompt).filter(|title| !fields::names_component(title)))
        .unwrap_or_else(|| action::title(&action).to_owned());
    Plan {
        title,
        framework,
        assumptions,
        body: Body::Form(FormPlan {
            fields,
            action,
            button,
        }),
    }
}

/// A button where one is asked for, and where the result should not follow each letter.
fn button(
    label: Option<String>,
    wanted: bool,
    fields: &[Field],
    action: &Action,
) -> Option<String> {
    let follows = matches!(
        action,
        Action::Wave
            | Action::Bars
            | Action::Arithmetic { .. }
            | Action::Convert { .. }
            | Action::Show
            | Action::Grey
            | Action::Preview
    ) || (matches!(action, Action::Summary)
        && fields
            .iter()
            .all(|field| !matches!(field.kind, FieldKind::Text { .. })));
    let is_chat = *action == Action::Chat;
    if is_chat || (follows && !wanted && label.is_none()) {
        return None;
    }
    Some(label.unwrap_or_else(|| action::button(action).to_owned()))
}

/// Two inputs must not read alike.
fn distinguish(fields: &mut [Field]) {
    for index in 1..fields.len() {
        let base = fields[index].label.clone();
        let mut number = 2;
        while fields[..index]
            .iter()
            .any(|field| field.label == fields[index].label)
        {
            fields[index].label = format!("{base} {number}");
            number += 1;
        }
    }
}

#[cfg(test)]
mod tests;
