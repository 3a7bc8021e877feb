//! What a built component imports is what a Spin 3.0 host has.

use std::fs;

use anyhow::{Context, Result};
use wasmparser::{ComponentTypeRef, Parser, Payload};

use super::Findings;
use crate::build;
use crate::workspace::Workspace;

/// The bar for a component. It is measured with every run and held by the benchmarks, not by tidy: the
/// profile of daily work leaves out the optimisations that make components small.
const LARGEST: usize = 600_000;

/// Findings, and each component with its size in bytes.
pub struct Outcome {
    pub findings: Findings,
    sizes: Vec<(String, usize)>,
}

impl Outcome {
    /// A line for each component.
    pub fn sizes(&self) -> impl Iterator<Item = String> {
        self.sizes.iter().map(|(name, bytes)| {
            let note = if *bytes > LARGEST {
                ", over the bar of 600 KB"
            } else {
                ""
            };
            format!("{name:<20} {:>4} KB{note}", bytes / 1000)
        })
    }
}

pub fn check(workspace: &Workspace) -> Result<Outcome> {
    let mut outcome = Outcome {
        findings: Findings::new(),
        sizes: Vec::new(),
    };
    for name in workspace.functions()? {
        let path = build::component_file(workspace, &name);
        let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let found = check_component(&bytes)
            .with_context(|| format!("{} is not a component", path.display()))?;
        outcome.findings.extend(
            found
                .into_iter()
                .map(|finding| format!("component {name}: {finding}")),
        );
        outcome.sizes.push((name, bytes.len()));
    }
    Ok(outcome)
}

fn check_component(bytes: &[u8]) -> Result<Findings> {
    let mut findings = Findings::new();
    let mut serves_http = false;
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let import = import?;
                    let instance = matches!(import.ty, ComponentTypeRef::Instance(_));
                    if !instance || !in_spin_3_0(import.name.name) {
                        findings.push(format!(
                            "imports {}, which Spin 3.0 does not have",
                            import.name.name
                        ));
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    serves_http |= export?
                        .name
                        .name
                        .starts_with("wasi:http/incoming-handler@0.2.");
                }
            }
            _ => {}
        }
    }
    if !serves_http {
        findings.push(
            "exports no wasi:http/incoming-handler@0.2, so no request can reach it".to_owned(),
        );
    }
    Ok(findings)
}

/// Whether a Spin 3.0 host links this import: `namespace:package/interface@version`.
fn in_spin_3_0(import: &str) -> bool {
    let Some((path, version)) = import.split_once('@') else {
        return false;
    };
    let Some((package, interface)) = path.split_once('/') else {
        return false;
    };
    // A host of 0.2.0 links later patch versions as far as it has their functions.
    let wasi_0_2 = version
        .strip_prefix("0.2.")
        .is_some_and(|patch| patch.parse::<u32>().is_ok());
    let (right_version, interfaces): (bool, &[&str]) = match package {
        "wasi:cli" => (
            wasi_0_2,
            &[
                "environment",
                "exit",
                "stderr",
                "stdin",
                "stdout",
                "terminal-input",
                "terminal-output",
                "terminal-stderr",
                "terminal-stdin",
                "terminal-stdout",
            ],
        ),
        "wasi:clocks" => (wasi_0_2, &["monotonic-clock", "wall-clock"]),
        "wasi:filesystem" => (wasi_0_2, &["preopens", "types"]),
        "wasi:http" => (wasi_0_2, &["outgoing-handler", "types"]),
        "wasi:io" => (wasi_0_2, &["error", "poll", "streams"]),
        "wasi:random" => (wasi_0_2, &["insecure", "insecure-seed", "random"]),
        "wasi:sockets" => (
            wasi_0_2,
            &[
                "instance-network",
                "ip-name-lookup",
                "network",
                "tcp",
                "tcp-create-socket",
                "udp",
                "udp-create-socket",
            ],
        ),
        "wasi:keyvalue" => (version == "0.2.0-draft2", &["atomics", "batch", "store"]),
        "fermyon:spin" => (
            version == "2.0.0",
            &[
                "key-value",
                "llm",
                "mqtt",
                "mysql",
                "postgres",
                "rdbms-types",
                "redis",
                "sqlite",
                "variables",
            ],
        ),
        _ => (false, &[]),
    };
    right_version && interfaces.contains(&interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interfaces_of_spin_3_0_are_known() {
        for import in [
            "wasi:http/types@0.2.0",
            "wasi:io/streams@0.2.6",
            "fermyon:spin/key-value@2.0.0",
            "fermyon:spin/variables@2.0.0",
            "wasi:keyvalue/atomics@0.2.0-draft2",
        ] {
            assert!(in_spin_3_0(import), "{import}");
        }
    }

    #[test]
    fn newer_or_unknown_interfaces_are_not() {
        for import in [
            "wasi:http/handler@0.3.0",
            "wasi:http/types@0.2.0-rc-2024",
            "wasi:keyvalue/store@0.2.0-draft",
            "spin:postgres/postgres@4.0.0",
            "wasi:clocks/timezone@0.2.0",
            "wasi:io/streams",
            "env",
        ] {
            assert!(!in_spin_3_0(import), "{import}");
        }
    }

    #[test]
    fn an_import_that_is_unknown_and_a_missing_handler_are_found() {
        // (component (import "spin:otel/x@1.0.0" (instance)))
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.extend([7, 3, 1, 0x42, 0]);
        let name = b"spin:otel/x@1.0.0";
        let mut import = vec![1, 0, u8::try_from(name.len()).expect("short")];
        import.extend(name);
        import.extend([5, 0]);
        bytes.extend([10, u8::try_from(import.len()).expect("short")]);
        bytes.extend(import);
        let findings = check_component(&bytes).expect("a component");
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert_eq!(
            findings[0],
            "imports spin:otel/x@1.0.0, which Spin 3.0 does not have"
        );
    }

    #[test]
    fn something_else_is_not_a_component() {
        assert!(check_component(b"#!/bin/sh").is_err());
    }
}
