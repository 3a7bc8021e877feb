use std::path::PathBuf;

use expect_test::{Expect, expect};

use super::Manifest;

const SMALLEST: &str = r#"
spin_manifest_version = 2
application = { name = "app" }
[[trigger.http]]
route = "/..."
component = "web"
[component.web]
source = "web.wasm"
"#;

fn refuses(addition: &str, expected: Expect) {
    let error = Manifest::parse(&format!("{SMALLEST}{addition}"), PathBuf::from("."))
        .expect_err("the manifest was accepted");
    expected.assert_eq(error.to_string().trim_end());
}

#[test]
fn accepts_all_that_the_application_uses() {
    let manifest = Manifest::parse(
        r#"
spin_manifest_version = 2
[application]
name = "app"
version = "1.0.0"
authors = ["someone"]
[variables]
key = { required = true, secret = true, description = "a key" }
origin = { default = "https://example.com" }
[[trigger.http]]
id = "x"
route = "/x/:id"
component = "x"
[component.x]
source = { path = "x.wasm" }
description = "x"
variables = { key = "{{ key }}" }
environment = { LEVEL = "debug" }
files = ["a.txt", { source = "dist", destination = "/" }]
allowed_outbound_hosts = ["{{ origin }}"]
key_value_stores = ["default"]
[component.x.build]
command = "cargo build"
watch = ["src"]
"#,
        PathBuf::from("."),
    )
    .expect("the manifest is one that the application might have");
    assert_eq!(manifest.component["x"].source.path(), "x.wasm");
    assert_eq!(manifest.component["x"].files.len(), 2);
    assert!(manifest.variables["key"].required && manifest.variables["key"].secret);
}

#[test]
fn refuses_a_component_key_by_name() {
    refuses(
        r#"sqlite_databases = ["default"]"#,
        expect![
            "component `web`: `sqlite_databases` is not supported by this host; remove it, or run the application with `spin up`"
        ],
    );
}

#[test]
fn refuses_another_trigger() {
    refuses(
        "[[trigger.redis]]\nchannel = \"c\"\ncomponent = \"web\"",
        expect!["[trigger]: `redis` is not supported by this host; this host answers HTTP only"],
    );
}

#[test]
fn refuses_a_remote_component() {
    refuses(
        r#"[component.far]
source = { url = "https://example.com/x.wasm" }"#,
        expect![
            "component `far`, source: `url` is not supported by this host; give the path of a local .wasm file as `source`"
        ],
    );
}

#[test]
fn refuses_an_inline_component() {
    refuses(
        r#"[[trigger.http]]
route = "/inline"
component = { source = "x.wasm" }"#,
        expect![
            "route `/inline`: `component = {…}` is not supported by this host; name a [component.<id>] instead of writing it inline"
        ],
    );
}

#[test]
fn refuses_a_route_without_a_component() {
    refuses(
        r#"[[trigger.http]]
route = "/lost"
component = "nowhere""#,
        expect!["route `/lost`: there is no component `nowhere`; add [component.nowhere]"],
    );
}

#[test]
fn refuses_another_store() {
    refuses(
        r#"key_value_stores = ["default", "mine"]"#,
        expect![
            "component `web`: there is no key-value store `mine`; this host has `default` only"
        ],
    );
}

#[test]
fn refuses_another_manifest_version() {
    let error =
        Manifest::parse("spin_manifest_version = 1", PathBuf::from(".")).expect_err("accepted");
    expect!["the manifest: `spin_manifest_version` must be 2"].assert_eq(&error.to_string());
}
