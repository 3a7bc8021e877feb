//! The application's variables: declared in the manifest, given by the environment or `.env`.
//!
//! `SPIN_VARIABLE_<NAME>` in the environment comes before the same line in the `.env` file, which
//! comes before the manifest's default, as in Spin. All are resolved once, at start.

mod template;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use crate::manifest::Variable;

const PREFIX: &str = "SPIN_VARIABLE_";

/// What is wrong with a variable or with a template that uses one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum VariableError {
    /// Variables that must be given were not.
    #[error(
        "no value for the required variable(s) {names}: set {hint} in the environment or in .env"
    )]
    Missing {
        /// The names, for a person.
        names: String,
        /// The environment variables to set.
        hint: String,
    },
    /// A declaration with neither a default nor `required`.
    #[error("variable `{0}` has neither a default nor `required = true`; give it one of them")]
    Incomplete(String),
    /// A name outside Spin's rules.
    #[error(
        "`{0}` is not a variable name: use lower-case letters, digits and single underscores, beginning with a letter"
    )]
    Name(String),
    /// A template that names an undeclared variable.
    #[error(
        "the template `{template}` names the variable `{name}`, which [variables] does not declare"
    )]
    Undeclared {
        /// The template, as written.
        template: String,
        /// The name in it.
        name: String,
    },
    /// A template whose `{{` is never closed.
    #[error("the template `{0}` has a `{{{{` without its `}}}}`")]
    Unclosed(String),
}

/// The resolved values of an application's variables.
#[derive(Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
}

/// Names only: a value may be a secret, or made from one.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.values.keys().map(|name| (name, "***")))
            .finish()
    }
}

impl Variables {
    /// Finds each declared variable's value; `given` is the environment over the `.env` file.
    pub fn resolve(
        declared: &BTreeMap<String, Variable>,
        given: &BTreeMap<String, String>,
    ) -> Result<Self, VariableError> {
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, variable) in declared {
            if !is_name(name) {
                return Err(VariableError::Name(name.clone()));
            }
            match given
                .get(&environment_name(name))
                .or(variable.default.as_ref())
            {
                Some(value) => _ = values.insert(name.clone(), value.clone()),
                None if variable.required => missing.push(name),
                None => return Err(VariableError::Incomplete(name.clone())),
            }
        }
        if missing.is_empty() {
            return Ok(Self { values });
        }
        let list = |items: Vec<String>| items.join(", ");
        Err(VariableError::Missing {
            names: list(missing.iter().map(|name| format!("`{name}`")).collect()),
            hint: list(missing.iter().map(|name| environment_name(name)).collect()),
        })
    }

    /// Replaces each `{{ name }}` in `template` by the variable's value.
    pub fn fill(&self, template: &str) -> Result<String, VariableError> {
        template::fill(template, |name| self.values.get(name).map(String::as_str))
    }

    /// The variables of one component: its templates, filled.
    pub fn for_component(
        &self,
        templates: &BTreeMap<String, String>,
    ) -> Result<Self, VariableError> {
        let mut values = BTreeMap::new();
        for (name, template) in templates {
            if !is_name(name) {
                return Err(VariableError::Name(name.clone()));
            }
            values.insert(name.clone(), self.fill(template)?);
        }
        Ok(Self { values })
    }

    /// The value of `name`, if there is such a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

/// Names in `given` that look like variables but are not declared: most likely mistyped.
pub(crate) fn undeclared<'a>(
    declared: &BTreeMap<String, Variable>,
    given: &'a BTreeMap<String, String>,
) -> Vec<&'a str> {
    let known: Vec<String> = declared.keys().map(|name| environment_name(name)).collect();
    let names = given
        .keys()
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name));
    names.map(String::as_str).collect()
}

/// Whether Spin would take `name` as the name of a variable.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('_')
        && !name.contains("__")
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn environment_name(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase())
}
