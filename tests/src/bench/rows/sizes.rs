//! What is deployed and downloaded.

use std::collections::BTreeMap;
use std::fs;

use super::super::{Bar, Comparison, Report, Samples, Unit};
use crate::checkout;

pub(super) async fn measure() -> Report {
    let mut report = Report::default();
    let mut functions: Vec<_> = fs::read_dir(checkout::path("functions"))
        .expect("the checkout has functions")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    functions.sort();
    for function in functions {
        let deployed = component(&function, "component-release");
        report.line(
            Comparison::of(format!("{function}.wasm, `--release`"), &deployed)
                .must(Bar::AtMost(600.0)),
        );
        let daily = component(&function, "component");
        report.stage(format!("{function}.wasm as `up` builds it"), &daily);
    }
    let first_load = kilobytes(first_load());
    report.line(
        Comparison::of("first load of the page, compressed", &first_load).must(Bar::AtMost(400.0)),
    );
    report
}

fn component(function: &str, profile: &str) -> Samples {
    let file = checkout::path("target/wasm32-wasip2")
        .join(profile)
        .join(format!("{function}.wasm"));
    let file_of = fs::metadata(&file);
    let bytes = file_of.unwrap_or_else(|error| {
        panic!(
            "{} ({error}): `cargo xtask bench` builds it",
            file.display()
        )
    });
    kilobytes(bytes.len())
}

fn kilobytes(bytes: u64) -> Samples {
    Samples::one(Unit::Kilobytes, bytes as f64 / 1000.0)
}

/// The page, and every file that it or one of those names: compressed as it is served.
fn first_load() -> u64 {
    let root = checkout::path("frontend/dist");
    let mut files = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).expect("the frontend is built: run `cargo xtask build` first");
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if !matches!(
                path.extension().and_then(|end| end.to_str()),
                Some("br" | "gz")
            ) {
                files.insert(entry.file_name().to_string_lossy().into_owned(), path);
            }
        }
    }
    let mut open = vec!["index.html".to_owned()];
    let mut loaded = Vec::new();
    let mut total = 0;
    while let Some(name) = open.pop() {
        let path = &files[&name];
        let packed = ["br", "gz"].iter().find_map(|end| {
            let packed = format!("{}.{end}", path.display());
            Some(fs::metadata(packed).ok()?.len())
        });
        total += packed.unwrap_or_else(|| fs::metadata(path).expect("it was listed").len());
        let text = fs::read(path).expect("it was listed");
        let text = String::from_utf8_lossy(&text);
        loaded.push(name);
        let named = files.keys().filter(|other| text.contains(*other));
        let new: Vec<_> = named
            .filter(|other| !loaded.contains(other) && !open.contains(other))
            .cloned()
            .collect();
        open.extend(new);
    }
    total
}
