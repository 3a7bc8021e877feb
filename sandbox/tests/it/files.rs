//! Files go in and come out, and nothing of the host with them.

use std::io::{Read, Write};

use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::fixture::{Sandbox, Service, json, text};

pub fn address(query: &[(&str, &str)]) -> String {
    format!(
        "/files?{}",
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish()
    )
}

impl Sandbox<'_> {
    pub async fn write(&self, path: &str, bytes: impl Into<reqwest::Body>) -> reqwest::Response {
        self.envd(Method::POST, &address(&[("path", path)]))
            .header("Content-Type", "application/octet-stream")
            .body(bytes)
            .send()
            .await
            .unwrap()
    }

    pub async fn read(&self, path: &str) -> (StatusCode, Vec<u8>) {
        let response = self
            .envd(Method::GET, &address(&[("path", path)]))
            .send()
            .await
            .unwrap();
        (response.status(), response.bytes().await.unwrap().to_vec())
    }
}

#[tokio::test]
async fn a_file_comes_back_as_it_went_in() {
    let service = Service::start();
    let sandbox = service.create().await;
    for path in [
        "plain.txt",
        "/home/user/deep/er/ünï cødé 数据.csv",
        "~/tilde",
        "/tmp/elsewhere",
    ] {
        let written = sandbox.write(path, "größe;数据\n1;2\n").await;
        assert_eq!(written.status(), StatusCode::OK, "{path}");
        let written = json(written).await;
        assert_eq!(written[0]["type"], "file");
        assert!(text(&written[0]["path"]).starts_with('/'), "{written}");
        assert_eq!(
            sandbox.read(path).await,
            (StatusCode::OK, "größe;数据\n1;2\n".into()),
            "{path}"
        );
    }
    assert_eq!(
        sandbox.shell("stat -c '%U %a' plain.txt").await.stdout,
        "user 644\n"
    );
}

#[tokio::test]
async fn forms_carry_several_files() {
    let service = Service::start();
    let sandbox = service.create().await;
    let form = Form::new()
        .part(
            "file",
            Part::bytes(b"one".to_vec()).file_name("/home/user/a/one.txt"),
        )
        .part("file", Part::bytes(b"two".to_vec()).file_name("two.txt"));
    let response = sandbox
        .envd(Method::POST, "/files")
        .multipart(form)
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        json(response).await,
        json!([
            { "name": "one.txt", "path": "/home/user/a/one.txt", "type": "file" },
            { "name": "two.txt", "path": "/home/user/two.txt", "type": "file" },
        ])
    );
    assert_eq!(
        sandbox.shell("cat a/one.txt two.txt").await.stdout,
        "onetwo"
    );
}

#[tokio::test]
async fn twenty_megabytes_pass_both_ways_also_compressed() {
    let service = Service::start();
    let sandbox = service.create().await;
    let big: Vec<u8> = (0..20_u32 << 18)
        .flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect();
    assert_eq!(
        sandbox.write("big", big.clone()).await.status(),
        StatusCode::OK
    );
    assert!(sandbox.read("big").await.1 == big);

    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&big).unwrap();
    let request = sandbox
        .envd(Method::POST, &address(&[("path", "unpacked")]))
        .header("Content-Type", "application/octet-stream");
    let response = request
        .header("Content-Encoding", "gzip")
        .body(packed.finish().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(
        sandbox.shell("cmp big unpacked && echo same").await.stdout,
        "same\n"
    );

    let response = sandbox
        .envd(Method::GET, &address(&[("path", "big")]))
        .header("Accept-Encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(&response.bytes().await.unwrap()[..])
        .read_to_end(&mut unpacked)
        .unwrap();
    assert!(unpacked == big);
}

#[tokio::test]
async fn ranges_are_parts_of_a_file() {
    let service = Service::start();
    let sandbox = service.create().await;
    sandbox.write("digits", "0123456789").await;
    let part = async |range: &str| {
        let response = sandbox
            .envd(Method::GET, &address(&[("path", "digits")]))
            .header("Range", range)
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(part("bytes=2-4").await, (206, "234".to_owned()));
    assert_eq!(part("bytes=7-").await, (206, "789".to_owned()));
    assert_eq!(part("bytes=-2").await, (206, "89".to_owned()));
    assert_eq!(part("bytes=20-").await.0, 416);
}

#[tokio::test]
async fn what_cannot_be_read_or_written_says_why() {
    let service = Service::start();
    let sandbox = service.create().await;
    sandbox
        .shell("mkdir dir; mkfifo pipe; ln -s loop loop")
        .await;
    for (path, status, words) in [
        ("absent", 404, "path 'absent' does not exist"),
        ("dir", 400, "path 'dir' is a directory"),
        ("pipe", 400, "not a regular file"),
        ("loop", 400, "not a regular file"),
        ("~bob/x", 404, "~bob"),
        ("", 400, "path"),
    ] {
        let (actual, body) = sandbox.read(path).await;
        let body = String::from_utf8(body).unwrap();
        assert!(
            actual.as_u16() == status && body.contains(words),
            "{path}: {actual} {body}"
        );
    }
    for (path, status) in [
        ("dir", 400),
        ("pipe", 400),
        ("/etc/passwd", 403),
        ("/usr/x", 403),
    ] {
        assert_eq!(
            sandbox.write(path, "x").await.status().as_u16(),
            status,
            "{path}"
        );
    }
    // The kernel lets a process's owner write this, and judges the value by who writes.
    let mut events = sandbox
        .open(json!({ "process": { "cmd": "/bin/sleep", "args": ["1000"] } }))
        .await;
    let proc = format!("/proc/{}/oom_score_adj", events.pid().await);
    let before = sandbox.read(&proc).await;
    assert_eq!(
        sandbox.write(&proc, "-1000").await.status(),
        StatusCode::BAD_REQUEST
    );
    assert_eq!(sandbox.read(&proc).await, before);
    let no_form = sandbox
        .envd(Method::POST, "/files")
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(no_form.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn links_lead_nowhere_outside() {
    let service = Service::start();
    let sandbox = service.create().await;
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "secret").unwrap();
    let path = secret.path().display();
    sandbox
        .shell(&format!(
            "ln -s {path} link; ln -s / root; ln -s /proc/1/root up; ln -s ../../../../../.. out"
        ))
        .await;
    for attempt in [
        "link".to_owned(),
        format!("root{path}"),
        format!("up{path}"),
        format!("out{path}"),
        format!("../../../../../..{path}"),
        path.to_string(),
    ] {
        let (status, body) = sandbox.read(&attempt).await;
        assert_ne!(status, StatusCode::OK, "{attempt}");
        assert!(
            !String::from_utf8_lossy(&body).contains("secret"),
            "{attempt}"
        );
    }
    let written = sandbox.write("link", "changed").await.status();
    assert_eq!(
        std::fs::read_to_string(secret.path()).unwrap(),
        "secret",
        "{written}"
    );
}

#[tokio::test]
async fn the_filesystem_is_described_and_changed() {
    let service = Service::start();
    let sandbox = service.create().await;
    let rpc = async |method: &str, message| {
        sandbox
            .rpc(&format!("filesystem.Filesystem/{method}"), message)
            .await
    };
    let (status, made) = rpc("MakeDir", json!({ "path": "a/b" })).await;
    assert_eq!(
        (status, &made["entry"]["path"], &made["entry"]["type"]),
        (
            StatusCode::OK,
            &json!("/home/user/a/b"),
            &json!("FILE_TYPE_DIRECTORY")
        )
    );
    assert_eq!(
        rpc("MakeDir", json!({ "path": "a/b" })).await.0,
        StatusCode::CONFLICT
    );

    sandbox.write("a/file.txt", "12345").await;
    sandbox
        .shell("ln -s file.txt a/link; ln -s nowhere a/broken; chmod 600 a/file.txt")
        .await;
    let (_, stat) = rpc("Stat", json!({ "path": "a/file.txt" })).await;
    let entry = &stat["entry"];
    assert_eq!(
        (
            &entry["name"],
            &entry["size"],
            &entry["mode"],
            &entry["permissions"],
            &entry["owner"]
        ),
        (
            &json!("file.txt"),
            &json!("5"),
            &json!(0o600),
            &json!("-rw-------"),
            &json!("user")
        )
    );

    let (_, listed) = rpc("ListDir", json!({ "path": "a" })).await;
    let names: Vec<_> = listed["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (text(&entry["name"]), text(&entry["type"])))
        .collect();
    let expected = [
        ("b", "DIRECTORY"),
        ("broken", "SYMLINK"),
        ("file.txt", "FILE"),
        ("link", "FILE"),
    ];
    assert_eq!(
        names,
        expected.map(|(name, kind)| (name.to_owned(), format!("FILE_TYPE_{kind}")))
    );
    let (_, deep) = rpc("ListDir", json!({ "path": "/home/user", "depth": 2 })).await;
    assert!(
        deep["entries"]
            .as_array()
            .unwrap()
            .iter()
            .any(|entry| entry["path"] == "/home/user/a/link"
                && entry["symlinkTarget"] == "/home/user/a/file.txt"),
        "{deep}"
    );

    assert_eq!(
        rpc(
            "Move",
            json!({ "source": "a/file.txt", "destination": "c/d/moved.txt" })
        )
        .await
        .1["entry"]["path"],
        "/home/user/c/d/moved.txt"
    );
    assert_eq!(
        rpc("Remove", json!({ "path": "a" })).await.0,
        StatusCode::OK
    );
    assert_eq!(
        rpc("Remove", json!({ "path": "a" })).await.0,
        StatusCode::OK,
        "absent is fine"
    );
    let (status, gone) = rpc("Stat", json!({ "path": "a" })).await;
    assert_eq!(
        (status, &gone["code"]),
        (StatusCode::NOT_FOUND, &json!("not_found"))
    );
    assert_eq!(
        rpc("ListDir", json!({ "path": "c/d/moved.txt" })).await.0,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn a_signed_address_needs_no_token() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    use sha2::{Digest, Sha256};

    let service = Service::start();
    let sandbox = service
        .create_from(json!({ "templateID": "base", "timeout": 300, "secure": true }))
        .await;
    sandbox.write("signed.txt", "content").await;
    let token = sandbox.token.clone().unwrap();
    let get = async |expiry: i64, token: &str| {
        let signature = format!(
            "v1_{}",
            STANDARD_NO_PAD.encode(Sha256::digest(format!("signed.txt:read::{token}:{expiry}")))
        );
        let query = [
            ("path", "signed.txt"),
            ("signature", &signature),
            ("signature_expiration", &expiry.to_string()),
        ];
        let response = service
            .call(Method::GET, &address(&query))
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    assert_eq!(
        get(4_000_000_000, &token).await,
        (200, "content".to_owned())
    );
    let (status, body) = get(1, &token).await;
    assert!(
        status == 401 && body.contains("signature is already expired"),
        "{status} {body}"
    );
    assert_ne!(get(4_000_000_000, "guessed").await.0, 200);
}
