//! The crates of this repository and of others that it builds with, from `cargo metadata`.

use std::collections::HashMap;

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::workspace::Workspace;

/// All that the rules want to know.
pub struct Graph {
    pub members: Vec<Member>,
    pub packages: Vec<Package>,
}

/// A crate of this repository.
pub struct Member {
    pub name: String,
    /// Its folder, relative to the root, with `/`.
    pub folder: String,
    pub dependencies: Vec<Dependency>,
}

/// What a crate of this repository names in its `Cargo.toml`.
pub struct Dependency {
    pub name: String,
    /// Not only for tests or build scripts.
    pub normal: bool,
}

/// Somebody else's crate.
pub struct Package {
    pub name: String,
    pub version: String,
    pub license: Option<String>,
    pub source: String,
    /// Names of the crates that depend on it directly.
    pub dependents: Vec<String>,
}

pub fn read(workspace: &Workspace) -> Result<Graph> {
    let metadata = MetadataCommand::new()
        .current_dir(workspace.root())
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .context("cargo metadata --locked failed: does Cargo.lock fit the Cargo.toml files?")?;
    let names: HashMap<_, _> = metadata
        .packages
        .iter()
        .map(|package| (&package.id, package.name.to_string()))
        .collect();

    let mut dependents: HashMap<_, Vec<String>> = HashMap::new();
    for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
        for dependency in &node.dependencies {
            dependents
                .entry(dependency)
                .or_default()
                .push(names[&node.id].clone());
        }
    }

    let mut graph = Graph {
        members: Vec::new(),
        packages: Vec::new(),
    };
    for package in &metadata.packages {
        match &package.source {
            None => graph.members.push(Member {
                name: package.name.to_string(),
                folder: package
                    .manifest_path
                    .parent()
                    .and_then(|folder| folder.strip_prefix(workspace.root()).ok())
                    .context("a crate lies outside the checkout")?
                    .to_string(),
                dependencies: package
                    .dependencies
                    .iter()
                    .map(|dependency| Dependency {
                        name: dependency.name.clone(),
                        normal: dependency.kind == DependencyKind::Normal,
                    })
                    .collect(),
            }),
            Some(source) => graph.packages.push(Package {
                name: package.name.to_string(),
                version: package.version.to_string(),
                license: package.license.clone(),
                source: source.repr.clone(),
                dependents: dependents.remove(&package.id).unwrap_or_default(),
            }),
        }
    }
    Ok(graph)
}
