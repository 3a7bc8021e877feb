use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::harness::guest;

#[test]
fn writes_its_port_to_a_file() {
    let builder = guest("");
    let file = builder.directory.path().join("port");
    let host = builder
        .argument("--port-file")
        .argument(file.to_str().expect("UTF-8"))
        .start();
    let port = std::fs::read_to_string(file).expect("the file is there");
    assert!(host.url.ends_with(&format!(":{port}")));
}

#[test]
fn names_an_unsupported_key_and_its_component() {
    let said = guest(r#"sqlite_databases = ["default"]"#).fails();
    assert!(
        said.contains("component `guest`: `sqlite_databases` is not supported"),
        "{said}"
    );
}

#[test]
fn names_a_required_variable_without_a_value() {
    let said = guest("")
        .manifest("[variables]\napi_key = { required = true, secret = true }")
        .fails();
    assert!(said.contains("set SPIN_VARIABLE_API_KEY"), "{said}");
}

#[test]
fn refuses_an_outbound_host_with_a_path() {
    let said = guest(r#"allowed_outbound_hosts = ["https://api.openai.com/v1"]"#).fails();
    assert!(said.contains("component `guest`"), "{said}");
    assert!(
        said.contains("it must be an origin, without a path"),
        "{said}"
    );
}

#[test]
fn names_a_component_whose_file_is_missing() {
    let said = guest("")
        .manifest("[component.other]\nsource = \"absent.wasm\"")
        .fails();
    assert!(said.contains("component `other`"), "{said}");
    assert!(
        said.contains("absent.wasm; build the components first"),
        "{said}"
    );
}

#[test]
fn refuses_a_file_that_is_no_component() {
    let said = guest("")
        .file("text.wasm", "this is not wasm")
        .manifest("[component.other]\nsource = \"text.wasm\"")
        .fails();
    assert!(said.contains("could not compile"), "{said}");
}

#[test]
fn refuses_a_broken_env_file_without_showing_it() {
    let said = guest("").file(".env", "SPIN_VARIABLE_KEY='hunter2").fails();
    assert!(said.contains(".env"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn starts_with_the_code_that_was_compiled_before_and_keeps_it_to_itself() {
    let builder = guest("");
    let cache = builder.directory.path().join("code");
    std::fs::create_dir(&cache).expect("made");
    let shared = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(&cache, shared).expect("it is ours");
    let builder = builder
        .argument("--cache-dir")
        .argument(cache.to_str().expect("UTF-8"));

    builder.compile();
    let compiled = files_in(&cache);
    assert!(!compiled.is_empty());
    let mode = std::fs::metadata(&cache).expect("it is there").mode();
    assert_eq!(mode & 0o777, 0o700, "nobody else puts code there");
    let _host = builder.start();
    assert_eq!(files_in(&cache), compiled, "nothing was compiled again");
}

/// The files and their numbers, which are other ones once they are written anew.
fn files_in(folder: &Path) -> BTreeMap<PathBuf, u64> {
    let entries = std::fs::read_dir(folder).expect("the directory is there");
    entries
        .map(|entry| {
            let path = entry.expect("it can be read").path();
            let number = path.metadata().expect("it is there").ino();
            (path, number)
        })
        .collect()
}

#[test]
fn refuses_files_that_it_cannot_show() {
    for (files, reason) in [
        (r#""dist/*.html""#, "patterns are not supported"),
        (r#""../secret""#, "outside the manifest's directory"),
        (
            r#"{ source = "absent", destination = "/" }"#,
            "which does not exist",
        ),
        (
            r#"{ source = "dist", destination = "pages" }"#,
            "which must be an absolute path",
        ),
        (
            r#"{ source = "dist", destination = "/" }, "dist/a.txt""#,
            "put the files into the directory",
        ),
    ] {
        let said = guest(&format!("files = [{files}]"))
            .file("dist/a.txt", "a")
            .fails();
        assert!(
            said.contains("component `guest`") && said.contains(reason),
            "{said}"
        );
    }
}

#[test]
fn names_a_port_that_is_taken() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let said = guest("").listen(&address.to_string()).fails();
    assert!(
        said.contains(&format!(
            "could not listen on {address}; choose another with --listen"
        )),
        "{said}"
    );
}
