//! A sandbox's disk has a size, in bytes and in files, and goes with the sandbox.

use std::fs;
use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::fixture::{Sandbox, Service, json, text, until};

const SMALL: [&str; 4] = ["--disk-mib", "16", "--files", "1000"];

/// Both ways to a disk: the image that root gets, and the tmpfs of everybody else.
async fn on_both(attempt: impl AsyncFn(Service)) {
    assert!(
        nix::unistd::geteuid().is_root(),
        "these tests need root: the images of sandboxes do"
    );
    attempt(Service::start_with(&SMALL)).await;
    attempt(Service::start_ordinary(&SMALL)).await;
}

async fn upload(sandbox: &Sandbox<'_>, path: &str, length: usize) -> (StatusCode, String) {
    let response = sandbox
        .envd(Method::POST, &format!("/files?path={path}"))
        .header("Content-Type", "application/octet-stream")
        .body(vec![1; length])
        .send()
        .await
        .unwrap();
    let status = response.status();
    let answer = json(response).await;
    (status, answer["message"].as_str().unwrap_or("").to_owned())
}

#[tokio::test]
async fn one_limit_of_bytes_holds_for_all_its_directories() {
    on_both(async |service| {
        let sandbox = service.create().await;
        let fits = "head -c 15M /dev/zero > ~/file && rm ~/file && head -c 15M /dev/zero > /tmp/file && rm /tmp/file && echo fits";
        assert_eq!(sandbox.shell(fits).await.stdout, "fits\n");
        let spread = "for d in ~ /tmp /var/tmp /run/conductor; do head -c 6M /dev/zero > $d/file; done";
        let output = sandbox.shell(spread).await;
        assert!(output.stderr.contains("No space left on device"), "{}", output.stderr);
        let used = sandbox.shell("cat ~/file /tmp/file /var/tmp/file /run/conductor/file | wc -c").await;
        let used: u64 = used.stdout.trim().parse().unwrap();
        assert!((15 << 20..19 << 20).contains(&used), "{used}");
        // /dev/shm is memory; nothing else is left to write to.
        let elsewhere = "find / -path /proc -prune -o -type d -writable -print | grep -vE '^/(home/user|tmp|var/tmp|run/conductor|dev/shm)'";
        assert_eq!(sandbox.shell(elsewhere).await.stdout, "");
    })
    .await;
}

#[tokio::test]
async fn there_is_a_limit_of_files() {
    on_both(async |service| {
        let sandbox = service.create().await;
        let attempt = "mkdir files; for i in $(seq 1500); do echo > files/$i || break; done 2>&1; ls files | wc -l";
        let output = sandbox.shell(attempt).await.stdout;
        assert!(output.contains("No space left on device"), "{output}");
        let made: u64 = output.lines().last().unwrap().parse().unwrap();
        // An image has whole blocks of them.
        assert!((970..1300).contains(&made), "{made}");
        let (status, message) = upload(&sandbox, "one-more", 1).await;
        assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE);
        assert!(message.contains("disk full (1000 files)"), "{message}");
        assert_eq!(sandbox.shell("rm -r files && echo > again && ls").await.stdout, "again\n");
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_does_not_fit_names_the_limit() {
    on_both(async |service| {
        let (sandbox, other) = (service.create().await, service.create().await);
        let (status, message) = upload(&sandbox, "large", 24 << 20).await;
        assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE);
        assert!(message.contains("disk full (16 MiB)"), "{message}");
        assert_eq!(upload(&other, "file", 12 << 20).await.0, StatusCode::OK);
        sandbox.shell("rm -f large").await;
        assert_eq!(upload(&sandbox, "file", 12 << 20).await.0, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn code_that_fills_the_disk_is_told_so() {
    let service = Service::start_with(&SMALL);
    let sandbox = service.create().await;
    let execute = async |code: &str| {
        let response = sandbox
            .call(49999, Method::POST, "/execute")
            .json(&json!({ "code": code }))
            .send()
            .await
            .unwrap();
        let lines = response.text().await.unwrap();
        let mut lines = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        lines.find(|line: &serde_json::Value| line["type"] == "error")
    };
    let error = execute("open('large', 'wb').write(bytes(24 << 20))").await;
    let error = error.expect("an error");
    assert_eq!(
        (&error["name"], &error["kind"], &error["value"]),
        (
            &json!("OSError"),
            &json!("disk_full"),
            &json!("disk full (16 MiB)")
        ),
        "{error}"
    );
    // The kernel lives on a full disk, and after it.
    assert_eq!(execute("import os; os.remove('large')").await, None);
    assert_eq!(
        execute("open('large', 'wb').write(bytes(8 << 20))").await,
        None
    );
}

#[tokio::test]
async fn extended_attributes_are_kept() {
    on_both(async |service| {
        let sandbox = service.create().await;
        let code = "import os; open('f', 'w'); os.setxattr('f', 'user.e2b.k', b'v'); print(os.getxattr('f', 'user.e2b.k'))";
        assert_eq!(sandbox.python(code).await.stdout, "b'v'\n");
    })
    .await;
}

/// Loop devices, mounts and files that belong to a state directory.
fn leftovers(state: &Path) -> Vec<String> {
    let state = state.canonicalize().unwrap();
    let mut found = Vec::new();
    for device in fs::read_dir("/sys/block").unwrap().flatten() {
        let backing = fs::read_to_string(device.path().join("loop/backing_file"));
        found.extend(
            backing
                .ok()
                .filter(|file| Path::new(file).starts_with(&state)),
        );
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let ours = |line: &&str| line.contains(&state.display().to_string());
    found.extend(mounts.lines().filter(ours).map(str::to_owned));
    for entry in fs::read_dir(state.join("sandboxes")).into_iter().flatten() {
        found.push(entry.unwrap().path().display().to_string());
    }
    found
}

#[tokio::test]
async fn nothing_of_a_disk_is_left_after_a_kill() {
    let service = Service::start_with(&["--disk-mib", "64"]);
    let sandbox = service.create().await;
    sandbox.shell("head -c 40M /dev/urandom > file").await;
    assert_ne!(
        leftovers(&service.state),
        [""; 0],
        "the test sees what there is"
    );
    let path = format!("/sandboxes/{}", sandbox.id);
    let killed = service.call(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(killed.status(), StatusCode::NO_CONTENT);
    until("the disk to vanish", async || {
        leftovers(&service.state).is_empty()
    })
    .await;
}

#[tokio::test]
async fn nothing_of_a_disk_is_left_after_a_crash() {
    let mut service = Service::start_with(&["--disk-mib", "64"]);
    for _ in 0..3 {
        let sandbox = service.create().await;
        sandbox
            .shell("head -c 20M /dev/urandom > file; setsid sleep 1000 > /dev/null 2>&1 &")
            .await;
    }
    service.child.kill().unwrap();
    service.child.wait().unwrap();
    let loops = || {
        leftovers(&service.state)
            .iter()
            .any(|left| left.contains("(deleted)"))
    };
    until("the disks to vanish, without a next start", async || {
        !loops()
    })
    .await;
    service.crash_and_restart();
    assert_eq!(leftovers(&service.state), [""; 0]);
    let next = service.create().await;
    assert_eq!(
        text(&json!(next.shell("ls -A ~ /tmp").await.stdout)),
        "/home/user:\n\n/tmp:\n"
    );
}

#[tokio::test]
async fn what_is_deleted_inside_is_free_again_outside() {
    let service = Service::start_with(&["--disk-mib", "64"]);
    let sandbox = service.create().await;
    let written = async |least: bool| {
        // Of the image, which has no name but is open in the service's loop device.
        let state = service.state.canonicalize().unwrap();
        for device in fs::read_dir("/sys/block").unwrap().flatten() {
            let backing = fs::read_to_string(device.path().join("loop/backing_file"));
            if backing.is_ok_and(|file| Path::new(&file).starts_with(&state)) {
                let sectors = fs::read_to_string(device.path().join("stat")).unwrap();
                let fields: Vec<u64> = sectors
                    .split_whitespace()
                    .map(|n| n.parse().unwrap())
                    .collect();
                return if least { fields[6] } else { fields[13] };
            }
        }
        panic!("no loop device of {}", state.display());
    };
    sandbox
        .shell("head -c 40M /dev/urandom > file; sync file")
        .await;
    assert!(
        written(true).await * 512 >= 40 << 20,
        "the data reached the image"
    );
    sandbox.shell("rm file").await;
    until("the room to be given back", async || {
        written(false).await * 512 >= 39 << 20
    })
    .await;
}
