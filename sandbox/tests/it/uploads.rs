//! Uploads that break off, replace, carry metadata, or do not fit.

use std::io;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method, StatusCode};
use serde_json::{Value, json};

use crate::files::address;
use crate::fixture::{Sandbox, Service, json, text, until};

/// A body that breaks off after its first part.
fn broken(first: Vec<u8>) -> Body {
    let first = stream::once(async { Ok(Bytes::from(first)) });
    let rest = stream::once(async { Err(io::Error::other("the cable was cut")) });
    Body::wrap_stream(first.chain(rest))
}

impl Sandbox<'_> {
    async fn write_broken(&self, path: &str, first: Vec<u8>) {
        let outcome = self
            .envd(Method::POST, &address(&[("path", path)]))
            .header("Content-Type", "application/octet-stream")
            .body(broken(first))
            .send()
            .await;
        assert!(
            outcome.is_err_and(|error| error.is_request() || error.is_body()),
            "the upload broke off"
        );
    }

    async fn write_with(&self, path: &str, headers: &[(&str, &str)]) -> (StatusCode, Value) {
        let mut request = self
            .envd(Method::POST, &address(&[("path", path)]))
            .header("Content-Type", "application/octet-stream");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.body("content").send().await.unwrap();
        (response.status(), json(response).await)
    }

    async fn metadata(&self, path: &str) -> Value {
        let (_, stat) = self
            .rpc("filesystem.Filesystem/Stat", json!({ "path": path }))
            .await;
        stat["entry"]["metadata"].clone()
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_no_half_file() {
    let service = Service::start();
    let sandbox = service.create().await;
    for (path, length) in [("small", 1000), ("large", 4 << 20)] {
        sandbox.write_broken(path, vec![b'x'; length]).await;
        until("the half file to vanish", async || {
            sandbox.read(path).await.0 == StatusCode::NOT_FOUND
        })
        .await;
        sandbox.write(path, "good").await;
        sandbox.write_broken(path, vec![b'x'; length]).await;
        assert_eq!(
            sandbox.read(path).await,
            (StatusCode::OK, b"good".to_vec()),
            "{path}"
        );
    }
    assert_eq!(
        sandbox.shell("ls -A /tmp").await.stdout,
        "",
        "nothing is left of it"
    );
}

#[tokio::test]
async fn a_file_that_is_replaced_stays_the_same_file() {
    let service = Service::start();
    let sandbox = service.create().await;
    sandbox
        .shell("echo some longer text > file; chmod 640 file; ln file hard; ln -s file soft; ln -s new dangling; ls -i file > inode")
        .await;
    let long: Vec<u8> = (0..3_u32 << 20).map(|n| (n % 251) as u8).collect();
    for content in [b"short".to_vec(), long, b"".to_vec(), b"end".to_vec()] {
        for path in ["file", "soft"] {
            assert_eq!(
                sandbox.write(path, content.clone()).await.status(),
                StatusCode::OK
            );
            assert!(
                sandbox.read("hard").await.1 == content,
                "{} bytes",
                content.len()
            );
        }
    }
    assert_eq!(
        sandbox
            .shell("stat -c %a file; test -L soft && ls -i file | cmp - inode && echo same")
            .await
            .stdout,
        "640\nsame\n"
    );
    assert_eq!(
        sandbox.write("dangling", "found").await.status(),
        StatusCode::OK
    );
    assert_eq!(sandbox.shell("cat new").await.stdout, "found");
    sandbox.shell("chmod 400 file").await;
    assert_eq!(
        sandbox.write("file", "x").await.status(),
        StatusCode::FORBIDDEN
    );
}

#[tokio::test]
async fn metadata_is_kept_with_the_file_and_replaced_as_a_whole() {
    let service = Service::start();
    let sandbox = service.create().await;
    let (status, written) = sandbox
        .write_with(
            "file",
            &[("X-Metadata-Author", "Jane Doe"), ("X-Metadata-a.b", "1")],
        )
        .await;
    let expected = json!({ "author": "Jane Doe", "a.b": "1" });
    assert_eq!(
        (status, &written[0]["metadata"]),
        (StatusCode::OK, &expected)
    );
    assert_eq!(sandbox.metadata("file").await, expected);
    let seen = "import os; print(os.getxattr('file', 'user.e2b.author').decode())";
    assert_eq!(sandbox.python(seen).await.stdout, "Jane Doe\n");
    // What programs attach is told, too, as far as it is text.
    sandbox.python("import os; os.setxattr('file', 'user.e2b.inside', b'yes'); os.setxattr('file', 'user.e2b.bytes', b'\\xff'); os.setxattr('file', 'user.other', b'x')").await;
    let (_, listed) = sandbox
        .rpc(
            "filesystem.Filesystem/ListDir",
            json!({ "path": "/home/user" }),
        )
        .await;
    assert_eq!(
        listed["entries"][0]["metadata"],
        json!({ "author": "Jane Doe", "a.b": "1", "inside": "yes" })
    );
    sandbox.write_with("file", &[("X-Metadata-new", "2")]).await;
    assert_eq!(sandbox.metadata("file").await, json!({ "new": "2" }));
    sandbox.write_with("file", &[]).await;
    assert_eq!(sandbox.metadata("file").await, Value::Null);

    let form = Form::new()
        .part("file", Part::bytes(b"1".to_vec()).file_name("one"))
        .part("file", Part::bytes(b"2".to_vec()).file_name("two"));
    let request = sandbox
        .envd(Method::POST, "/files")
        .header("X-Metadata-k", "v");
    let response = request.multipart(form).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(sandbox.metadata("two").await, json!({ "k": "v" }));

    let (long_key, long_value) = (format!("X-Metadata-{}", "k".repeat(247)), "v".repeat(4090));
    for (name, value, words) in [
        (long_key.as_str(), "v", "longer than 246 bytes"),
        ("X-Metadata-k", long_value.as_str(), "more than 4096"),
        ("X-Metadata-k", "größe", "printable ASCII"),
        ("X-Metadata-", "v", "names no key"),
    ] {
        let (status, error) = sandbox.write_with("refused", &[(name, value)]).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(text(&error["message"]).contains(words), "{error}");
    }
    assert_eq!(sandbox.read("refused").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_form_names_each_path_once() {
    let service = Service::start();
    let sandbox = service.create().await;
    let form = Form::new()
        .part("file", Part::bytes(b"1".to_vec()).file_name("one"))
        .part(
            "file",
            Part::bytes(b"2".to_vec()).file_name("/home/user/one"),
        );
    let request = sandbox.envd(Method::POST, "/files").multipart(form);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let error = json(response).await;
    assert!(text(&error["message"]).contains("two files"), "{error}");
    assert_eq!(sandbox.read("one").await.1, b"1");
}

#[tokio::test]
async fn downloads_name_their_file_and_their_encoding() {
    let service = Service::start();
    let sandbox = service.create().await;
    sandbox.write("größe.csv", "1,2").await;
    let get = async |accepted: &str, range: Option<&str>| {
        let mut request = sandbox
            .envd(Method::GET, &address(&[("path", "größe.csv")]))
            .header("Accept-Encoding", accepted);
        if let Some(range) = range {
            request = request.header("Range", range);
        }
        request.send().await.unwrap()
    };
    let response = get("gzip, deflate", None).await;
    assert_eq!(
        response.headers()["content-disposition"],
        "inline; filename=\"gr__e.csv\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.csv"
    );
    assert_eq!(response.headers()["vary"], "Accept-Encoding");
    assert_eq!(response.text().await.unwrap(), "1,2");
    assert_eq!(
        get("identity;q=0", None).await.status(),
        StatusCode::NOT_ACCEPTABLE
    );
    assert_eq!(
        get("gzip, *;q=0", Some("bytes=0-0")).await.status(),
        StatusCode::NOT_ACCEPTABLE
    );
}
