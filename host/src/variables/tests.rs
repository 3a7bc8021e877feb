use std::collections::BTreeMap;

use expect_test::expect;

use super::*;

fn declared(entries: &[(&str, Option<&str>, bool)]) -> BTreeMap<String, Variable> {
    let variable = |default: Option<&str>, required| Variable {
        default: default.map(Into::into),
        required,
        secret: true,
    };
    entries
        .iter()
        .map(|(name, default, required)| ((*name).into(), variable(*default, *required)))
        .collect()
}

fn given(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

#[test]
fn a_given_value_comes_before_the_default() {
    let declared = declared(&[("a", Some("default"), false), ("b", Some("default"), false)]);
    let variables = Variables::resolve(&declared, &given(&[("SPIN_VARIABLE_A", "given")]))
        .expect("all have values");
    assert_eq!(
        (variables.get("a"), variables.get("b")),
        (Some("given"), Some("default"))
    );
}

#[test]
fn a_missing_required_variable_is_named_with_its_way_out() {
    let declared = declared(&[("api_key", None, true), ("other", None, true)]);
    let error = Variables::resolve(&declared, &BTreeMap::new()).expect_err("resolved");
    expect!["no value for the required variable(s) `api_key`, `other`: set SPIN_VARIABLE_API_KEY, SPIN_VARIABLE_OTHER in the environment or in .env"]
        .assert_eq(&error.to_string());
}

#[test]
fn a_variable_needs_a_default_or_required() {
    let error = Variables::resolve(&declared(&[("a", None, false)]), &BTreeMap::new())
        .expect_err("resolved");
    assert_eq!(error, VariableError::Incomplete("a".into()));
}

#[test]
fn templates_are_filled() {
    let variables = Variables::resolve(&declared(&[("host", Some("h"), false)]), &BTreeMap::new())
        .expect("resolved");
    assert_eq!(
        variables.fill("https://{{ host }}:80/{{host}}").as_deref(),
        Ok("https://h:80/h")
    );
    assert_eq!(
        variables.fill("plain { text }").as_deref(),
        Ok("plain { text }")
    );
    assert!(matches!(
        variables.fill("{{ host"),
        Err(VariableError::Unclosed(_))
    ));
    let error = variables.fill("{{ nobody }}").expect_err("filled");
    expect!["the template `{{ nobody }}` names the variable `nobody`, which [variables] does not declare"]
        .assert_eq(&error.to_string());
}

#[test]
fn values_are_never_printed() {
    let variables = Variables::resolve(
        &declared(&[("key", Some("hunter2"), false)]),
        &BTreeMap::new(),
    );
    assert!(!format!("{variables:?}").contains("hunter2"));
}

#[test]
fn mistyped_variables_are_found() {
    let given = given(&[
        ("SPIN_VARIABLE_A", ""),
        ("SPIN_VARIABLE_B", ""),
        ("PATH", ""),
    ]);
    assert_eq!(
        undeclared(&declared(&[("a", None, true)]), &given),
        ["SPIN_VARIABLE_B"]
    );
}

#[test]
fn names_follow_spin() {
    for good in ["a", "a1", "open_ai_key"] {
        assert!(is_name(good), "{good}");
    }
    for bad in ["", "A", "1a", "a__b", "a_", "_a", "a-b"] {
        assert!(!is_name(bad), "{bad}");
    }
}
