//! What happens in a directory is told, in order, as E2B's clients expect it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::fixture::{Events, Sandbox, Service, text, until};

/// Type and name of an event, as `CREATE a/b`.
fn short(event: &Value) -> String {
    let kind = text(&event["type"]);
    let kind = kind.strip_prefix("EVENT_TYPE_").unwrap_or(&kind);
    format!("{kind} {}", text(&event["name"]))
}

impl Sandbox<'_> {
    async fn watch(&self, message: Value) -> Events {
        let mut events = self
            .stream("filesystem.Filesystem/WatchDir", message, None)
            .await;
        let (last, start) = events.next().await.unwrap();
        assert!(!last && start["start"].is_object(), "{start}");
        events
    }

    async fn watcher(&self, message: Value) -> String {
        let (status, made) = self
            .rpc("filesystem.Filesystem/CreateWatcher", message)
            .await;
        assert_eq!(status, StatusCode::OK, "{made}");
        text(&made["watcherId"])
    }

    /// What a watcher collected since the last call.
    async fn collected(&self, watcher: &str) -> Vec<String> {
        let (status, answer) = self
            .rpc(
                "filesystem.Filesystem/GetWatcherEvents",
                json!({ "watcherId": watcher }),
            )
            .await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(short)
            .collect()
    }

    async fn upload(&self, path: &str, content: &'static str) {
        let response = self
            .envd(Method::POST, &format!("/files?path={path}"))
            .header("Content-Type", "application/octet-stream")
            .body(content)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
}

/// Events until one that is looked for, or the end of the stream.
async fn heard(events: &mut Events, last: &str) -> Vec<String> {
    let mut heard = Vec::new();
    while heard.last().is_none_or(|event| event != last) {
        let (end, message) = events.next().await.unwrap();
        assert!(
            !end,
            "{last} was not told; {heard:?} were, and at the end {message}"
        );
        if message["filesystem"].is_object() {
            heard.push(short(&message["filesystem"]));
        }
    }
    heard
}

#[tokio::test]
async fn a_stream_tells_what_happens_in_its_order() {
    let service = Service::start();
    let sandbox = service.create().await;
    sandbox
        .shell("mkdir -p dir/below; echo > dir/below/unseen")
        .await;
    let mut events = sandbox.watch(json!({ "path": "dir" })).await;
    sandbox
        .shell("cd dir; echo > below/unseen; touch a; echo 1 >> a; chmod 600 a; mv a b; rm b; mkdir c; echo > c/unseen; echo > last")
        .await;
    assert_eq!(
        heard(&mut events, "WRITE last").await,
        [
            "CREATE a",
            "CHMOD a",
            "WRITE a",
            "CHMOD a",
            "RENAME a",
            "CREATE b",
            "REMOVE b",
            "CREATE c",
            "CREATE last",
            "WRITE last"
        ]
    );
}

#[tokio::test]
async fn a_recursive_watch_misses_nothing_in_new_directories() {
    let service = Service::start();
    let sandbox = service.create().await;
    sandbox
        .shell("mkdir -p dir/old outside/tree/deep; echo 1 > outside/tree/deep/file")
        .await;
    let mut events = sandbox
        .watch(json!({ "path": "dir", "recursive": true }))
        .await;
    sandbox.shell("echo 1 > dir/old/file; for n in $(seq 20); do mkdir -p dir/$n/a; echo 1 > dir/$n/a/file; done; echo > dir/first").await;
    let told = heard(&mut events, "WRITE first").await;
    assert_eq!(&told[..2], ["CREATE old/file", "WRITE old/file"]);
    for n in 1..=20 {
        for expected in [
            format!("CREATE {n}"),
            format!("CREATE {n}/a"),
            format!("CREATE {n}/a/file"),
        ] {
            let count = told.iter().filter(|event| **event == expected).count();
            assert_eq!(count, 1, "{expected}: {told:?}");
        }
        assert!(told.contains(&format!("WRITE {n}/a/file")), "{told:?}");
    }

    // A tree that is moved in is told whole; one that is moved about keeps its watches, under new
    // names; of one that is moved away nothing more is told.
    sandbox
        .shell("mv outside/tree dir/tree; echo > dir/second")
        .await;
    let mut told = heard(&mut events, "WRITE second").await;
    told.sort();
    assert_eq!(
        told,
        [
            "CREATE second",
            "CREATE tree",
            "CREATE tree/deep",
            "CREATE tree/deep/file",
            "WRITE second",
            "WRITE tree/deep/file"
        ]
    );
    sandbox
        .shell("mv dir/tree dir/moved; echo 2 >> dir/moved/deep/file; echo > dir/third")
        .await;
    assert_eq!(
        heard(&mut events, "WRITE third").await,
        [
            "RENAME tree",
            "CREATE moved",
            "WRITE moved/deep/file",
            "CREATE third",
            "WRITE third"
        ]
    );
    sandbox
        .shell("mv dir/moved outside/away; echo 3 >> outside/away/deep/file; echo > dir/fourth")
        .await;
    assert_eq!(
        heard(&mut events, "WRITE fourth").await,
        ["RENAME moved", "CREATE fourth", "WRITE fourth"]
    );
}

#[tokio::test]
async fn a_watcher_has_everything_up_to_the_call() {
    let service = Service::start();
    let sandbox = service.create().await;
    sandbox.shell("mkdir dir").await;
    let watcher = sandbox
        .watcher(json!({ "path": "dir", "recursive": true }))
        .await;
    assert_eq!(sandbox.collected(&watcher).await, Vec::<String>::new());
    for round in 0..20 {
        let path = format!("dir/{round}");
        sandbox.upload(&path, "content").await;
        let told = sandbox.collected(&watcher).await;
        assert_eq!(told[0], format!("CREATE {round}"), "{told:?}");
        assert!(told.contains(&format!("WRITE {round}")), "{told:?}");
        sandbox.upload(&path, "changed").await;
        let told = sandbox.collected(&watcher).await;
        assert!(
            told.iter()
                .all(|event| *event == format!("WRITE {round}")
                    || *event == format!("CHMOD {round}"))
                && told.contains(&format!("WRITE {round}")),
            "{told:?}"
        );
    }
    let remove = json!({ "watcherId": watcher });
    let call = async |method: &str| {
        let name = format!("filesystem.Filesystem/{method}");
        let (status, answer) = sandbox.rpc(&name, remove.clone()).await;
        (status, answer["code"].clone())
    };
    assert_eq!(call("RemoveWatcher").await, (StatusCode::OK, Value::Null));
    for method in ["RemoveWatcher", "GetWatcherEvents"] {
        assert_eq!(
            call(method).await,
            (StatusCode::NOT_FOUND, json!("not_found"))
        );
    }
}

#[tokio::test]
async fn an_event_carries_its_entry_if_asked() {
    let service = Service::start();
    let sandbox = service.create().await;
    let mut events = sandbox
        .watch(json!({ "path": "/home/user", "includeEntry": true }))
        .await;
    sandbox.shell("echo 12345 > file; mv file other").await;
    let mut entries = Vec::new();
    while entries.len() < 4 {
        let (_, message) = events.next().await.unwrap();
        let event = &message["filesystem"];
        entries.push((short(event), event["entry"]["path"].clone()));
    }
    assert_eq!(entries[1].0, "WRITE file");
    assert_eq!(entries[2], ("RENAME file".to_owned(), Value::Null));
    assert_eq!(
        entries[3],
        ("CREATE other".to_owned(), json!("/home/user/other"))
    );
}

#[tokio::test]
async fn a_watch_ends_with_its_directory() {
    let service = Service::start();
    let sandbox = service.create().await;
    sandbox.shell("mkdir removed moved").await;
    for (path, command, told) in [
        ("removed", "rmdir removed", "REMOVE ."),
        ("moved", "mv moved elsewhere", "RENAME ."),
    ] {
        let mut events = sandbox.watch(json!({ "path": path })).await;
        sandbox.shell(command).await;
        let (_, message) = events.next().await.unwrap();
        assert_eq!(short(&message["filesystem"]), told);
        assert_eq!(events.next().await.unwrap(), (true, json!({})));
    }
}

#[tokio::test]
async fn what_cannot_be_watched_says_why() {
    let service = Service::start();
    let sandbox = service.create().await;
    sandbox.shell("echo > file; ln -s / root").await;
    for (path, status, code, words) in [
        ("absent", 404, "not_found", "absent"),
        ("file", 400, "invalid_argument", "not a directory"),
        ("~bob", 400, "invalid_argument", "only the user 'user'"),
    ] {
        let (actual, error) = sandbox
            .rpc(
                "filesystem.Filesystem/CreateWatcher",
                json!({ "path": path }),
            )
            .await;
        assert_eq!(
            (actual.as_u16(), &error["code"]),
            (status, &json!(code)),
            "{path}"
        );
        assert!(text(&error["message"]).contains(words), "{error}");
        let mut stream = sandbox
            .stream(
                "filesystem.Filesystem/WatchDir",
                json!({ "path": path }),
                None,
            )
            .await;
        let (last, end) = stream.next().await.unwrap();
        assert!(last && end["error"]["code"] == code, "{end}");
    }
    // A link is followed, inside.
    let host = tempfile::tempdir().unwrap();
    let outside = format!("root{}", host.path().display());
    let (status, _) = sandbox
        .rpc(
            "filesystem.Filesystem/CreateWatcher",
            json!({ "path": outside }),
        )
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn more_than_can_be_told_is_said_to_be_lost() {
    let service = Service::start();
    let sandbox = service.create().await;
    let watcher = sandbox.watcher(json!({ "path": "/home/user" })).await;
    sandbox
        .python("import os\nfor n in range(60000):\n    os.mkdir('d'); os.rmdir('d')")
        .await;
    let mut told = 0;
    until("the loss to be told", async || {
        let (status, answer) = sandbox
            .rpc(
                "filesystem.Filesystem/GetWatcherEvents",
                json!({ "watcherId": watcher }),
            )
            .await;
        if status == StatusCode::OK {
            told += answer["events"].as_array().unwrap().len();
            return false;
        }
        assert_eq!(answer["code"], "resource_exhausted", "{answer}");
        true
    })
    .await;
    assert!((10_000..120_000).contains(&told), "{told}");

    // The sandbox has room for some watches; what is given back can be had again.
    let attempt = async || {
        let name = "filesystem.Filesystem/CreateWatcher";
        sandbox.rpc(name, json!({ "path": "/tmp" })).await
    };
    let mut ids = Vec::new();
    let refusal = loop {
        let (status, answer) = attempt().await;
        if status != StatusCode::OK {
            break (status, text(&answer["message"]));
        }
        ids.push(answer["watcherId"].clone());
        assert!(ids.len() < 100, "no limit of watches");
    };
    assert_eq!(refusal.0, StatusCode::TOO_MANY_REQUESTS);
    assert!(refusal.1.contains("watches"), "{}", refusal.1);
    let name = "filesystem.Filesystem/RemoveWatcher";
    sandbox.rpc(name, json!({ "watcherId": ids[0] })).await;
    until("room for a watch", async || {
        attempt().await.0 == StatusCode::OK
    })
    .await;
}

#[tokio::test]
async fn a_silent_watch_shows_that_it_lives_and_ends_at_its_deadline() {
    let service = Service::start();
    let sandbox = service.create().await;
    let response = sandbox
        .envd(Method::POST, "/filesystem.Filesystem/WatchDir")
        .header("Content-Type", "application/connect+json")
        .header("Keepalive-Ping-Interval", "1")
        .header("Connect-Timeout-Ms", "2500")
        .body(crate::fixture::envelope(&json!({ "path": "/tmp" })))
        .send();
    let response = tokio::time::timeout(Duration::from_secs(60), response);
    let text = response.await.unwrap().unwrap().text().await.unwrap();
    assert!(
        text.contains("keepalive") && text.contains("deadline_exceeded"),
        "{text}"
    );
}
