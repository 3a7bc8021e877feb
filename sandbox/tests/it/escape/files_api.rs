//! The files API, which reads and writes for a caller outside: where links and odd paths lead it.

use std::os::unix::fs::PermissionsExt;

use reqwest::{Method, Response, StatusCode};
use serde_json::json;

use super::PLAIN;
use super::files::Secret;
use crate::fixture::{Sandbox, Service, until};

attempts! { PLAIN;
    read_through_a_link,
    write_through_a_link,
    list_through_a_link,
    remove_through_a_link,
    rename_over_a_file_of_the_machine,
    upload_while_a_link_is_swapped_in,
    use_paths_with_dots_and_slashes,
    use_paths_that_are_no_paths,
    read_what_belongs_to_pid_1,
    hold_the_service_up_with_a_pipe,
}

async fn download(sandbox: &Sandbox<'_>, query: &str) -> Response {
    sandbox
        .envd(Method::GET, &format!("/files?path={query}"))
        .send()
        .await
        .unwrap()
}

async fn upload(sandbox: &Sandbox<'_>, query: &str) -> Response {
    sandbox
        .envd(Method::POST, &format!("/files?path={query}"))
        .header("Content-Type", "application/octet-stream")
        .body("changed")
        .send()
        .await
        .unwrap()
}

/// Links to a path of the machine, one from each angle.
async fn linked_to(sandbox: &Sandbox<'_>, secret: &Secret) -> Vec<String> {
    let path = secret.path.display();
    let script = format!(
        "ln -s {path} link; ln -s / root; ln -s /proc/1/root up; ln -s ../../../../.. out; ln -s /proc/self/root self; ln -s /proc/self/cwd cwd"
    );
    assert_eq!(sandbox.shell(&script).await.end["exitCode"], 0);
    ["link".to_owned()]
        .into_iter()
        .chain(["root", "up", "out", "self", "cwd/../.."].map(|link| format!("{link}{path}")))
        .collect()
}

async fn read_through_a_link(service: Service) {
    let sandbox = service.create().await;
    let secret = Secret::place();
    for path in linked_to(&sandbox, &secret).await {
        let response = download(&sandbox, &path).await;
        let status = response.status();
        let body = response.text().await.unwrap();
        assert!(
            status.is_client_error() && !body.contains("secret\n") && body != "secret",
            "{path}: {status} {body}"
        );
    }
    // So that the attempts are known to follow links at all.
    sandbox
        .shell("echo mine > own; ln -s own chain; ln -s chain link-of-own")
        .await;
    assert_eq!(
        download(&sandbox, "link-of-own")
            .await
            .text()
            .await
            .unwrap(),
        "mine\n"
    );
}

async fn write_through_a_link(service: Service) {
    let sandbox = service.create().await;
    let secret = Secret::place();
    for path in linked_to(&sandbox, &secret).await {
        // It may well write: to a file of the same name, in the sandbox's own /tmp.
        let status = upload(&sandbox, &path).await.status();
        assert!(secret.is_untouched(), "{path}: {status}");
    }
    let folder = secret.path.parent().unwrap().display();
    sandbox.shell(&format!("ln -s {folder} folder")).await;
    upload(&sandbox, "folder/new").await;
    assert_eq!(
        std::fs::read_dir(secret.path.parent().unwrap())
            .unwrap()
            .count(),
        1
    );
}

async fn list_through_a_link(service: Service) {
    let sandbox = service.create().await;
    let secret = Secret::place();
    linked_to(&sandbox, &secret).await;
    let folder = secret.path.parent().unwrap();
    for link in ["root", "up", "out", "self"] {
        let path = format!("{link}{}", folder.display());
        let (status, answer) = sandbox
            .rpc(
                "filesystem.Filesystem/ListDir",
                json!({ "path": path, "depth": 3 }),
            )
            .await;
        assert!(status.is_client_error(), "{path}: {status} {answer}");
        let (status, answer) = sandbox
            .rpc("filesystem.Filesystem/Stat", json!({ "path": path }))
            .await;
        assert!(status.is_client_error(), "{path}: {status} {answer}");
    }
    // A list of everything does not follow links, nor end up in other places.
    let (_, answer) = sandbox
        .rpc(
            "filesystem.Filesystem/ListDir",
            json!({ "path": "/", "depth": 2 }),
        )
        .await;
    assert!(!answer.to_string().contains("secret"));
}

async fn remove_through_a_link(service: Service) {
    let sandbox = service.create().await;
    let secret = Secret::place();
    for path in linked_to(&sandbox, &secret).await {
        sandbox
            .rpc("filesystem.Filesystem/Remove", json!({ "path": path }))
            .await;
        assert!(secret.is_untouched(), "{path}");
    }
    // Of a link to a directory only the link goes.
    sandbox
        .shell("mkdir kept; touch kept/file; ln -s kept link-of-kept; ln -s / all")
        .await;
    for path in ["link-of-kept", "all"] {
        sandbox
            .rpc("filesystem.Filesystem/Remove", json!({ "path": path }))
            .await;
    }
    assert_eq!(sandbox.shell("ls kept").await.stdout, "file\n");
}

async fn rename_over_a_file_of_the_machine(service: Service) {
    let sandbox = service.create().await;
    let secret = Secret::place();
    let paths = linked_to(&sandbox, &secret).await;
    for path in paths
        .into_iter()
        .skip(1)
        .chain([secret.path.display().to_string()])
    {
        sandbox.shell("echo changed > mine").await;
        let message = json!({ "source": "mine", "destination": path });
        let (status, answer) = sandbox.rpc("filesystem.Filesystem/Move", message).await;
        assert!(status.is_client_error(), "{path}: {status} {answer}");
        let message = json!({ "source": path, "destination": "taken" });
        let (status, answer) = sandbox.rpc("filesystem.Filesystem/Move", message).await;
        assert!(status.is_client_error(), "{path}: {status} {answer}");
        assert!(secret.is_untouched(), "{path}");
    }
}

async fn upload_while_a_link_is_swapped_in(service: Service) {
    let sandbox = service.create().await;
    let secret = Secret::place();
    let folder = secret.path.parent().unwrap();
    let code = format!(
        "import os
os.mkdir('own'); os.symlink('{}', 'foreign'); os.symlink('own', 'target')
print('ready', flush=True)
while True:
    for name in ('foreign', 'own'):
        os.symlink(os.readlink('foreign') if name == 'foreign' else 'own', 'new')
        os.rename('new', 'target')",
        folder.display()
    );
    let process = json!({ "cmd": "python", "args": ["-c", code] });
    let mut events = sandbox
        .open(json!({ "process": process, "stdin": false }))
        .await;
    let (_, started) = events.next().await.unwrap();
    assert!(started["event"]["start"].is_object());
    let (_, ready) = events.next().await.unwrap();
    assert!(ready["event"]["data"].is_object(), "{ready}");
    let (mut written, mut failed) = (0, 0);
    until("uploads have met both", async || {
        match upload(&sandbox, "target/secret").await.status() {
            StatusCode::OK => written += 1,
            _ => failed += 1,
        }
        assert!(secret.is_untouched(), "{written} written, {failed} failed");
        written > 20 && failed > 20
    })
    .await;
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1);
}

async fn use_paths_with_dots_and_slashes(service: Service) {
    let sandbox = service.create().await;
    let secret = Secret::place();
    let path = secret.path.display().to_string();
    for query in [
        format!("../../../../../../..{path}"),
        format!("%2e%2e/%2e%2e/%2e%2e/%2e%2e{path}"),
        format!("..%2f..%2f..%2f..%2f{path}"),
        format!("//{path}"),
        format!("/./{path}"),
        format!("/home/user/../../{path}"),
        format!("~/../..{path}"),
        format!("~root/../..{path}"),
        format!("/proc/self/cwd/../..{path}"),
        format!("file://{path}"),
        format!("{path}/"),
        format!("..\\..\\..{path}"),
    ] {
        let response = download(&sandbox, &query).await;
        let status = response.status();
        let body = response.text().await.unwrap();
        assert!(
            status.is_client_error() && body != "secret",
            "{query}: {status} {body}"
        );
    }
    assert!(secret.is_untouched());
}

async fn use_paths_that_are_no_paths(service: Service) {
    let sandbox = service.create().await;
    let long = "x".repeat(5000);
    let deep = "x/".repeat(3000);
    for query in [
        "",
        "%00",
        "a%00b",
        "/etc/%00/passwd",
        "%ff%fe",
        &long,
        &deep,
        "%0a",
        "%",
    ] {
        for response in [
            download(&sandbox, query).await,
            upload(&sandbox, query).await,
        ] {
            let status = response.status();
            // Odd names, but names; what is not UTF-8 is read with replacements.
            let fine = ["%0a", "%", "%ff%fe"].contains(&query);
            assert!(
                status.is_client_error() || (fine && status.is_success()),
                "{query}: {status}"
            );
        }
    }
    for path in ["\0", "a\0b", &long] {
        for name in ["Stat", "ListDir", "MakeDir", "Remove"] {
            let (status, answer) = sandbox
                .rpc(
                    &format!("filesystem.Filesystem/{name}"),
                    json!({ "path": path }),
                )
                .await;
            assert!(
                status.is_client_error() || name == "Remove",
                "{name} {path}: {status} {answer}"
            );
        }
    }
    assert_eq!(sandbox.shell("echo up").await.stdout, "up\n");
}

async fn read_what_belongs_to_pid_1(service: Service) {
    let sandbox = service.create().await;
    sandbox
        .shell("ln -s /proc/1/environ environ; ln -s /proc/1/mem mem; ln -s /proc/1/fd/3 three")
        .await;
    for path in [
        "/proc/1/environ",
        "/proc/1/mem",
        "environ",
        "mem",
        "three",
        "/proc/1/fd/0",
        "/dev/mem",
        "/dev/kmsg",
    ] {
        let status = download(&sandbox, path).await.status();
        assert!(status.is_client_error(), "{path}: {status}");
        let status = upload(&sandbox, path).await.status();
        assert!(status.is_client_error(), "{path}: {status}");
    }
}

async fn hold_the_service_up_with_a_pipe(service: Service) {
    let sandbox = service.create().await;
    sandbox
        .shell("mkfifo pipe; ln -s pipe link; ln -s /dev/tty tty; ln -s /dev/zero zero")
        .await;
    for path in ["pipe", "link", "tty", "zero", "/dev/zero", "/dev/random"] {
        let status = download(&sandbox, path).await.status();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
    }
    let modes = std::fs::metadata("/dev/zero").unwrap().permissions().mode();
    assert_eq!(
        modes & 0o777,
        0o666,
        "nothing was done to the machine's devices"
    );
    assert_eq!(upload(&sandbox, "after").await.status(), StatusCode::OK);
}
