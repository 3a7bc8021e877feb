//! `spin.toml` names the components that are folders below `functions/`, and the routes that `docs/api.md`
//! documents.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use super::Findings;
use crate::build::{PROFILE, WASM_TARGET};
use crate::workspace::Workspace;

const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

pub fn check(workspace: &Workspace) -> Result<Findings> {
    let text =
        std::fs::read_to_string(workspace.path("spin.toml")).context("cannot read spin.toml")?;
    let mut findings = compare(&text, &workspace.functions()?)?;
    let pages = std::fs::read_to_string(workspace.path("docs/api.md"))
        .context("cannot read docs/api.md")?;
    findings.extend(compare_routes(&text, &pages)?);
    Ok(findings)
}

/// Compares by the first segment of each path: what follows is for the component to know.
fn compare_routes(manifest: &str, documentation: &str) -> Result<Findings> {
    let routes = triggers(&manifest.parse().context("spin.toml is not TOML")?);
    let routes = routes
        .iter()
        .filter_map(|trigger| trigger.get("route")?.as_str());
    // `/...` is the page, and whatever has no other route.
    let routed: BTreeSet<&str> = routes.filter_map(first_segment).collect();
    let spans = documentation.split('`').skip(1).step_by(2);
    let (mut mentioned, mut promised) = (BTreeSet::new(), BTreeSet::new());
    for span in spans {
        let path = METHODS
            .iter()
            .find_map(|method| span.strip_prefix(method)?.strip_prefix(' '));
        promised.extend(path.and_then(first_segment));
        mentioned.extend(first_segment(path.unwrap_or(span)));
    }
    let missing = routed
        .difference(&mentioned)
        .map(|name| format!("docs/api.md: the route /{name} is not described"));
    let invented = promised
        .difference(&routed)
        .map(|name| format!("docs/api.md: spin.toml has no route /{name}"));
    Ok(missing.chain(invented).collect())
}

fn first_segment(path: &str) -> Option<&str> {
    let segment = path.strip_prefix('/')?.split(['/', '?', ' ']).next()?;
    (!segment.is_empty() && segment != "...").then_some(segment)
}

fn triggers(manifest: &toml::Table) -> Vec<toml::Value> {
    let triggers = manifest
        .get("trigger")
        .and_then(|trigger| trigger.get("http"));
    triggers
        .and_then(toml::Value::as_array)
        .cloned()
        .unwrap_or_default()
}

fn compare(manifest: &str, folders: &[String]) -> Result<Findings> {
    let manifest: toml::Table = manifest.parse().context("spin.toml is not TOML")?;
    let components = manifest
        .get("component")
        .and_then(toml::Value::as_table)
        .cloned()
        .unwrap_or_default();
    let triggers = triggers(&manifest);
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

    #[test]
    fn routes_and_their_description_cover_each_other() {
        let compare = |page: &str| compare_routes(MANIFEST, page).expect("it is TOML");
        assert_eq!(
            compare("## `POST /data/`, later `GET /data/{id}?a=b`, and `/tmp`"),
            Findings::new()
        );
        assert_eq!(
            compare("nothing"),
            ["docs/api.md: the route /data is not described"]
        );
        assert_eq!(
            compare("`/data/` and `GET /dada`"),
            ["docs/api.md: spin.toml has no route /dada"]
        );
    }
}
