//! `spin.toml` and the folders below `functions/` name the same components.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use super::Findings;
use crate::build::{PROFILE, WASM_TARGET};
use crate::workspace::Workspace;

pub fn check(workspace: &Workspace) -> Result<Findings> {
    let text =
        std::fs::read_to_string(workspace.path("spin.toml")).context("cannot read spin.toml")?;
    compare(&text, &workspace.functions()?)
}

fn compare(manifest: &str, folders: &[String]) -> Result<Findings> {
    let manifest: toml::Table = manifest.parse().context("spin.toml is not TOML")?;
    let components = manifest
        .get("component")
        .and_then(toml::Value::as_table)
        .cloned()
        .unwrap_or_default();
    let triggers = manifest
        .get("trigger")
        .and_then(|trigger| trigger.get("http"));
    let triggers = triggers
        .and_then(toml::Value::as_array)
        .cloned()
        .unwrap_or_default();
    let routed: BTreeSet<&str> = triggers
        .iter()
        .filter_map(|trigger| trigger.get("component")?.as_str())
        .collect();

    let mut findings = Findings::new();
    for folder in folders
        .iter()
        .filter(|folder| !components.contains_key(*folder))
    {
        findings.push(format!("spin.toml: no component for functions/{folder}"));
    }
    for (name, component) in &components {
        if !folders.contains(name) {
            findings.push(format!(
                "spin.toml: component {name} has no folder functions/{name}"
            ));
        }
        if !routed.contains(name.as_str()) {
            findings.push(format!("spin.toml: component {name} has no route"));
        }
        let built = format!("target/{WASM_TARGET}/{PROFILE}/{name}.wasm");
        if component.get("source").and_then(toml::Value::as_str) != Some(&built) {
            findings.push(format!(
                "spin.toml: the source of {name} is not {built}, where cargo xtask builds it"
            ));
        }
    }
    for name in routed
        .iter()
        .filter(|name| !components.contains_key(**name))
    {
        findings.push(format!(
            "spin.toml: a route leads to {name}, which is no component"
        ));
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
        [[trigger.http]]
        route = "/data/..."
        component = "data"
        [component.data]
        source = "target/wasm32-wasip2/component/data.wasm"
    "#;

    fn findings(manifest: &str, folders: &[&str]) -> Findings {
        let folders: Vec<_> = folders.iter().map(|folder| (*folder).to_owned()).collect();
        compare(manifest, &folders).expect("it is TOML")
    }

    #[test]
    fn a_manifest_that_fits_has_no_findings() {
        assert_eq!(findings(MANIFEST, &["data"]), Findings::new());
    }

    #[test]
    fn a_folder_without_component_and_a_component_without_folder_are_found() {
        assert_eq!(
            findings(MANIFEST, &["data", "docs"]),
            ["spin.toml: no component for functions/docs"]
        );
        assert_eq!(
            findings(MANIFEST, &[]),
            ["spin.toml: component data has no folder functions/data"]
        );
    }

    #[test]
    fn a_wrong_source_is_found() {
        let manifest = MANIFEST.replace("component/data.wasm", "release/data.wasm");
        assert_eq!(findings(&manifest, &["data"]).len(), 1);
    }

    #[test]
    fn a_component_without_route_and_a_route_without_component_are_found() {
        let manifest = MANIFEST.replace("component = \"data\"", "component = \"dada\"");
        assert_eq!(findings(&manifest, &["data"]).len(), 2);
    }
}
