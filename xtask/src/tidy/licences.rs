//! Licences, bans and sources of other people's crates, as `deny.toml` has them.
//!
//! cargo-deny itself reads the same file; compiling it would take longer than everything else here.

use anyhow::{Context, Result};
use spdx::{Expression, Licensee, ParseMode};

use super::Findings;
use super::graph::Package;
use crate::workspace::Workspace;

/// What `deny.toml` says.
pub struct Policy {
    allowed: Vec<Licensee>,
    exceptions: Vec<(String, Vec<Licensee>)>,
    bans: Vec<Ban>,
    registries: Vec<String>,
}

struct Ban {
    name: String,
    reason: String,
    /// Crates that may depend on it nevertheless.
    wrappers: Vec<String>,
}

impl Policy {
    pub fn read(workspace: &Workspace) -> Result<Self> {
        let path = workspace.path("deny.toml");
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse().context("deny.toml is not TOML")?;
        let list = |section: &str, key: &str| {
            table
                .get(section)
                .and_then(|section| section.get(key))
                .and_then(toml::Value::as_array)
                .cloned()
        };
        let mut exceptions = Vec::new();
        for exception in list("licenses", "exceptions").unwrap_or_default() {
            let name = crate_name(&exception)?;
            exceptions.push((name, licensees(&strings(exception.get("allow")))?));
        }
        let mut bans = Vec::new();
        for ban in list("bans", "deny").unwrap_or_default() {
            let reason = ban
                .get("reason")
                .and_then(toml::Value::as_str)
                .unwrap_or_default();
            let reason = reason.to_owned();
            bans.push(Ban {
                name: crate_name(&ban)?,
                reason,
                wrappers: strings(ban.get("wrappers")),
            });
        }
        let allowed = list("licenses", "allow").context("deny.toml allows no licence")?;
        Ok(Self {
            allowed: licensees(&strings(Some(&toml::Value::Array(allowed))))?,
            exceptions,
            bans,
            registries: strings(
                list("sources", "allow-registry")
                    .map(toml::Value::Array)
                    .as_ref(),
            ),
        })
    }
}

pub fn check(policy: &Policy, packages: &[Package]) -> Findings {
    let mut findings = Findings::new();
    for package in packages {
        let Package { name, version, .. } = package;
        findings
            .extend(licence(policy, package).map(|problem| format!("{name} {version}: {problem}")));
        let registry = package.source.strip_prefix("registry+");
        if !registry
            .is_some_and(|registry| policy.registries.iter().any(|allowed| allowed == registry))
        {
            findings.push(format!(
                "{name} {version}: comes from {}, which deny.toml does not allow",
                package.source
            ));
        }
        for ban in policy.bans.iter().filter(|ban| ban.name == *name) {
            for dependent in package
                .dependents
                .iter()
                .filter(|dependent| !ban.wrappers.contains(dependent))
            {
                findings.push(format!(
                    "{dependent} depends on {name}, banned by deny.toml: {}",
                    ban.reason
                ));
            }
        }
    }
    findings
}

fn licence(policy: &Policy, package: &Package) -> Option<String> {
    let Some(text) = &package.license else {
        return Some("names no licence".to_owned());
    };
    let expression = match Expression::parse_mode(text, ParseMode::LAX) {
        Ok(expression) => expression,
        Err(error) => {
            return Some(format!(
                "its licence `{text}` cannot be read: {}",
                error.reason
            ));
        }
    };
    let exceptions = policy
        .exceptions
        .iter()
        .filter(|(name, _)| *name == package.name);
    let allowed: Vec<_> = exceptions
        .flat_map(|(_, licensees)| licensees)
        .chain(&policy.allowed)
        .collect();
    let satisfied =
        expression.evaluate(|required| allowed.iter().any(|licensee| licensee.satisfies(required)));
    (!satisfied).then(|| format!("its licence `{text}` is not in the list of deny.toml"))
}

fn crate_name(entry: &toml::Value) -> Result<String> {
    let name = entry.get("crate").and_then(toml::Value::as_str);
    Ok(name
        .with_context(|| format!("deny.toml: {entry} names no crate"))?
        .to_owned())
}

fn strings(list: Option<&toml::Value>) -> Vec<String> {
    let list = list.and_then(toml::Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(toml::Value::as_str)
        .map(str::to_owned)
        .collect()
}

fn licensees(names: &[String]) -> Result<Vec<Licensee>> {
    names
        .iter()
        .map(|name| {
            Licensee::parse(name).with_context(|| format!("deny.toml: `{name}` is not a licence"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0", "BSD-3-Clause"]
        exceptions = [{ crate = "weak", allow = ["MPL-2.0"] }]
        [bans]
        deny = [{ crate = "regex", wrappers = ["native"], reason = "large" }]
        [sources]
        allow-registry = ["https://example.org/index"]
    "#;

    fn package(name: &str, license: Option<&str>) -> Package {
        Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
            source: "registry+https://example.org/index".to_owned(),
            dependents: Vec::new(),
        }
    }

    fn findings(package: Package) -> Findings {
        check(&Policy::parse(POLICY).expect("valid"), &[package])
    }

    #[test]
    fn a_choice_needs_one_allowed_licence_and_a_conjunction_all() {
        for allowed in [
            "MIT",
            "GPL-3.0 OR MIT",
            "MIT/Apache-2.0",
            "(GPL-2.0 OR Apache-2.0) AND BSD-3-Clause",
        ] {
            assert_eq!(
                findings(package("a", Some(allowed))),
                Findings::new(),
                "{allowed}"
            );
        }
        for refused in [
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "made up",
        ] {
            assert_eq!(findings(package("a", Some(refused))).len(), 1, "{refused}");
        }
    }

    #[test]
    fn a_crate_without_a_licence_is_found() {
        assert_eq!(findings(package("a", None)), ["a 1.0.0: names no licence"]);
    }

    #[test]
    fn an_exception_holds_for_its_crate_only() {
        assert_eq!(findings(package("weak", Some("MPL-2.0+"))), Findings::new());
        assert_eq!(findings(package("other", Some("MPL-2.0"))).len(), 1);
    }

    #[test]
    fn a_banned_crate_is_found_unless_a_wrapper_brings_it() {
        let mut regex = package("regex", Some("MIT"));
        regex.dependents = vec!["native".to_owned(), "profile".to_owned()];
        assert_eq!(
            findings(regex),
            ["profile depends on regex, banned by deny.toml: large"]
        );
    }

    #[test]
    fn a_crate_from_elsewhere_is_found() {
        let mut package = package("a", Some("MIT"));
        package.source = "git+https://example.org/a".to_owned();
        assert_eq!(findings(package).len(), 1);
    }
}
