//! `{{ name }}` in a text.

use super::VariableError;

pub(super) fn fill<'a>(
    template: &str,
    value: impl Fn(&str) -> Option<&'a str>,
) -> Result<String, VariableError> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((literal, expression)) = rest.split_once("{{") {
        let Some((name, after)) = expression.split_once("}}") else {
            return Err(VariableError::Unclosed(template.into()));
        };
        let name = name.trim();
        filled.push_str(literal);
        filled.push_str(value(name).ok_or_else(|| VariableError::Undeclared {
            template: template.into(),
            name: name.into(),
        })?);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}
