//! Which keys a manifest may hold, and the refusal of all others.

use toml::{Table, Value};

use super::ManifestError;

const ROOT: &[&str] = &[
    "spin_manifest_version",
    "application",
    "variables",
    "trigger",
    "component",
];
const APPLICATION: &[&str] = &["name", "version", "description", "authors", "tool"];
const VARIABLE: &[&str] = &["description", "default", "required", "secret"];
const TRIGGER: &[&str] = &["id", "route", "component"];
const COMPONENT: &[&str] = &[
    "source",
    "description",
    "variables",
    "environment",
    "files",
    "allowed_outbound_hosts",
    "key_value_stores",
    "build",
    "tool",
];
const FILES: &[&str] = &["source", "destination"];

const RUN_SPIN: &str = "remove it, or run the application with `spin up`";

/// Finds the first key that this host does not serve.
pub(super) fn check(manifest: &Table) -> Result<(), ManifestError> {
    let version = manifest
        .get("spin_manifest_version")
        .and_then(Value::as_integer);
    if version != Some(2) {
        return Err(ManifestError::Invalid {
            place: "the manifest".into(),
            reason: "`spin_manifest_version` must be 2".into(),
        });
    }
    only(manifest, ROOT, "the manifest", RUN_SPIN)?;
    if let Some(application) = manifest.get("application").and_then(Value::as_table) {
        only(application, APPLICATION, "[application]", RUN_SPIN)?;
    }
    for (name, variable) in tables(manifest.get("variables")) {
        only(variable, VARIABLE, &format!("variable `{name}`"), RUN_SPIN)?;
    }
    check_triggers(manifest)?;
    for (id, component) in tables(manifest.get("component")) {
        check_component(id, component)?;
    }
    Ok(())
}

fn check_triggers(manifest: &Table) -> Result<(), ManifestError> {
    let Some(triggers) = manifest.get("trigger").and_then(Value::as_table) else {
        return Ok(());
    };
    only(
        triggers,
        &["http"],
        "[trigger]",
        "this host answers HTTP only",
    )?;
    let routes = triggers
        .get("http")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for trigger in routes.filter_map(Value::as_table) {
        let place = match trigger.get("route").and_then(Value::as_str) {
            Some(route) => format!("route `{route}`"),
            None => "[[trigger.http]]".into(),
        };
        only(trigger, TRIGGER, &place, RUN_SPIN)?;
        for (key, advice) in [
            (
                "component",
                "name a [component.<id>] instead of writing it inline",
            ),
            ("route", "write a path; private endpoints need `spin up`"),
        ] {
            if trigger.get(key).is_some_and(Value::is_table) {
                return Err(unsupported(&place, &format!("{key} = {{…}}"), advice));
            }
        }
    }
    Ok(())
}

fn check_component(id: &str, component: &Table) -> Result<(), ManifestError> {
    let place = format!("component `{id}`");
    only(component, COMPONENT, &place, RUN_SPIN)?;
    if let Some(source) = component.get("source").and_then(Value::as_table) {
        let advice = "give the path of a local .wasm file as `source`";
        only(source, &["path"], &format!("{place}, source"), advice)?;
    }
    for entry in component
        .get("files")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        if let Some(entry) = entry.as_table() {
            only(entry, FILES, &format!("{place}, files"), RUN_SPIN)?;
        }
    }
    Ok(())
}

fn tables(value: Option<&Value>) -> impl Iterator<Item = (&String, &Table)> {
    let entries = value.and_then(Value::as_table).into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name, value.as_table()?)))
}

fn only(table: &Table, known: &[&str], place: &str, advice: &str) -> Result<(), ManifestError> {
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(unsupported(place, key, advice)),
        None => Ok(()),
    }
}

fn unsupported(place: &str, key: &str, advice: &str) -> ManifestError {
    ManifestError::Unsupported {
        place: place.into(),
        key: key.into(),
        advice: advice.into(),
    }
}
