//! Dependencies between the crates of this repository run one way.
//!
//! ```text
//! functions/* ──► shared/edge ─────────────────────► shared/model ◄── frontend, sandbox, tests
//!      └────────► shared/{execution,llm,profile,planner} ──┘
//!      └────────► shared/generation ──► those four
//! ```

use super::Findings;
use super::graph::Member;

/// What the model never touches: it is compiled for the browser, the components and the services alike.
const NOT_IN_THE_MODEL: [&str; 7] = [
    "spin-sdk",
    "spin-executor",
    "wasi",
    "tokio",
    "axum",
    "leptos",
    "web-sys",
];

/// All that crates below `shared/` may use of others: each ends up in every component.
const IN_SHARED: [&str; 17] = [
    "base64",
    "bytes",
    "csv",
    "csv-core",
    "futures",
    "futures-util",
    "http",
    "httpdate",
    "lz-str",
    "lz4_flex",
    "memchr",
    "regex-lite",
    "serde",
    "serde_json",
    "thiserror",
    "url",
    "utoipa",
];
/// The SDK and what goes with it stay inside `shared/edge`.
const IN_THE_EDGE: [&str; 4] = ["serde_path_to_error", "spin-executor", "spin-sdk", "wasi"];

pub fn check(members: &[Member]) -> Findings {
    let mut findings = Findings::new();
    for member in members {
        let folder = member.folder.rsplit('/').next().unwrap_or_default();
        if folder != member.name && (folder, member.name.as_str()) != ("tests", "e2e") {
            findings.push(format!(
                "{}: the crate is called {}; folder and crate share a name",
                member.folder, member.name
            ));
        }
        for dependency in &member.dependencies {
            let complaint = match members.iter().find(|other| other.name == dependency.name) {
                Some(project_crate) => project_arrow(member, project_crate),
                None => foreign_arrow(member, &dependency.name, dependency.normal),
            };
            findings.extend(complaint.map(|complaint| {
                format!(
                    "{}/Cargo.toml: {} depends on {}; {complaint}",
                    member.folder, member.name, dependency.name
                )
            }));
        }
    }
    findings
}

fn project_arrow(from: &Member, to: &Member) -> Option<&'static str> {
    let (allowed, rule): (bool, _) = match from.folder.split('/').collect::<Vec<_>>()[..] {
        ["shared", "model"] => (false, "the model knows no crate of this project"),
        ["shared", "planner" | "llm"] => (
            matches!(to.name.as_str(), "model" | "profile"),
            "planner and llm know only model and profile",
        ),
        ["shared", "generation"] => (
            matches!(
                to.name.as_str(),
                "model" | "execution" | "llm" | "planner" | "profile"
            ),
            "generation knows only what it leads through: execution, llm, planner, profile, model",
        ),
        // The one table from errors to HTTP names the errors of these.
        ["shared", "edge"] => (
            matches!(to.name.as_str(), "model" | "execution" | "llm" | "profile"),
            "the edge knows only the crates whose errors it turns into HTTP",
        ),
        ["shared", _] => (
            to.name == "model",
            "crates below shared/ know only the model",
        ),
        ["functions", _] => (
            to.folder.starts_with("shared/"),
            "functions know only crates below shared/",
        ),
        ["sandbox" | "tests" | "frontend"] => (to.name == "model", "it may know only the model"),
        ["host" | "xtask"] => (false, "it knows no crate of this project"),
        _ => (
            false,
            "this folder has no place in the picture of xtask/src/tidy/arrows.rs",
        ),
    };
    (!allowed).then_some(rule)
}

fn foreign_arrow(from: &Member, to: &str, normal: bool) -> Option<&'static str> {
    if from.folder == "shared/model" && NOT_IN_THE_MODEL.contains(&to) {
        return Some("the model is compiled everywhere and stays free of it");
    }
    let in_shared = from.folder.starts_with("shared/") && normal;
    let known =
        IN_SHARED.contains(&to) || (from.folder == "shared/edge" && IN_THE_EDGE.contains(&to));
    (in_shared && !known).then_some("it is not on the list for shared/ in xtask/src/tidy/arrows.rs")
}

#[cfg(test)]
mod tests {
    use super::super::graph::Dependency;
    use super::*;

    fn member(folder: &str, dependencies: &[&str]) -> Member {
        let name = folder.rsplit('/').next().expect("a name");
        Member {
            name: if name == "tests" { "e2e" } else { name }.to_owned(),
            folder: folder.to_owned(),
            dependencies: dependencies
                .iter()
                .map(|name| Dependency {
                    name: (*name).to_owned(),
                    normal: true,
                })
                .collect(),
        }
    }

    /// The findings for one crate among all the others.
    fn check_one(folder: &str, dependencies: &[&str]) -> Findings {
        let others = [
            "shared/model",
            "shared/edge",
            "shared/profile",
            "shared/planner",
            "shared/generation",
            "functions/data",
            "functions/docs",
            "host",
        ];
        let mut members: Vec<_> = others
            .iter()
            .filter(|other| **other != folder)
            .map(|other| member(other, &[]))
            .collect();
        members.push(member(folder, dependencies));
        check(&members)
    }

    #[test]
    fn the_picture_is_allowed() {
        assert_eq!(
            check_one("shared/planner", &["model", "profile", "serde"]),
            Findings::new()
        );
        assert_eq!(
            check_one("shared/edge", &["model", "profile", "spin-sdk"]),
            Findings::new()
        );
        assert_eq!(
            check_one("functions/data", &["edge", "model", "profile"]),
            Findings::new()
        );
        assert_eq!(
            check_one("shared/generation", &["model", "planner", "profile"]),
            Findings::new()
        );
        assert_eq!(check_one("sandbox", &["model", "tokio"]), Findings::new());
        assert_eq!(check_one("tests", &["model"]), Findings::new());
    }

    #[test]
    fn arrows_against_the_picture_are_found() {
        for (folder, dependency) in [
            ("shared/model", "profile"),
            ("shared/profile", "planner"),
            ("shared/edge", "planner"),
            ("shared/generation", "edge"),
            ("shared/planner", "generation"),
            ("functions/data", "docs"),
            ("functions/data", "host"),
            ("sandbox", "edge"),
            ("tests", "host"),
            ("host", "model"),
            ("xtask", "model"),
            ("elsewhere", "model"),
        ] {
            assert_eq!(
                check_one(folder, &[dependency]).len(),
                1,
                "{folder} → {dependency}"
            );
        }
    }

    #[test]
    fn the_model_stays_free_of_runtimes_and_shared_of_strangers() {
        assert_eq!(check_one("shared/model", &["tokio"]).len(), 1);
        assert_eq!(check_one("shared/profile", &["regex"]).len(), 1);
        assert_eq!(check_one("shared/profile", &["spin-sdk"]).len(), 1);
    }

    #[test]
    fn a_crate_is_called_like_its_folder() {
        let mut misnamed = member("shared/model", &[]);
        misnamed.name = "models".to_owned();
        assert_eq!(check(&[misnamed]).len(), 1);
    }
}
