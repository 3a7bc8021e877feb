use super::process::process_event;
use super::*;
use futures::executor::block_on;
use model::ports::{ManualTimer, ScriptedHttp};

fn config() -> SandboxConfig {
    SandboxConfig::read(|name| {
        match name {
            "sandbox_api_url" => "http://127.0.0.1:7070/",
            "sandbox_api_key" => "key",
            "sandbox_data_url" => "http://127.0.0.1:7070",
            "sandbox_app_url" => "http://{port}-{id}.localhost:7070",
            "sandbox_template" => "code-interpreter-v1",
            _ => "",
        }
        .to_owned()
    })
}

fn sandbox() -> SandboxRef {
    SandboxRef {
        id: "s1".into(),
        domain: None,
        access_token: Some("token".into()),
        traffic_token: None,
    }
}

#[test]
fn creates_a_sandbox_by_v1_and_falls_back_to_v2() {
    let http = ScriptedHttp::default()
        .reply(404, r#"{"code":404,"message":"no such route"}"#)
        .reply(201, r#"{"templateID":"t","sandboxID":"s9","clientID":"c","envdVersion":"0.6.13","envdAccessToken":"a"}"#);
    let made = block_on(Client::new(&http, &ManualTimer::default(), &config()).create(60, "x"))
        .expect("it is scripted");
    assert_eq!(
        (made.id.as_str(), made.access_token.as_deref()),
        ("s9", Some("a"))
    );
    assert_eq!(http.lines(), ["POST /sandboxes", "POST /v2/sandboxes"]);
    assert_eq!(http.requests.borrow()[0].headers()["x-api-key"], "key");
}

#[test]
fn tells_a_sandbox_that_is_gone_from_one_whose_port_is_closed() {
    let execute = |body: &str| {
        let http = ScriptedHttp::default().reply(502, body);
        let config = config();
        let timer = ManualTimer::default();
        let client = Client::new(&http, &timer, &config);
        block_on(client.execute(&sandbox(), "1", &Default::default())).map(drop)
    };
    let gone = execute(r#"{"sandboxId":"s1","message":"The sandbox was not found","code":502}"#);
    assert_eq!(gone, Err(SandboxError::Gone("s1".into())));
    let closed = execute(r#"{"message":"The sandbox is running but port is not open","code":502}"#);
    assert!(
        matches!(closed, Err(SandboxError::Refused { status: 502, .. })),
        "{closed:?}"
    );
}

#[test]
fn a_refused_key_names_the_variable_and_not_the_key() {
    let http = ScriptedHttp::default().reply(401, r#"{"code":401,"message":"bad key key"}"#);
    let error = block_on(Client::new(&http, &ManualTimer::default(), &config()).create(60, "x"))
        .expect_err("401 is refused");
    let text = error.to_string();
    assert!(
        text.contains("sandbox_api_key") && !text.contains("bad key"),
        "{text}"
    );
}

#[test]
fn names_the_sandbox_by_headers_and_reads_the_stream() {
    let http = ScriptedHttp::default().reply_in_chunks(
        200,
        &[
            "{\"type\":\"number_of_executions\",\"execution_count\":1}\n{\"type\":\"std",
            "out\",\"text\":\"1\"}\n",
        ],
    );
    let config = config();
    block_on(async {
        let timer = ManualTimer::default();
        let client = Client::new(&http, &timer, &config);
        let mut run = client
            .execute(&sandbox(), "print(1)", &Default::default())
            .await?;
        assert_eq!(run.event().await, Some(Ok(ExecutionEvent::Started(1))));
        assert_eq!(
            run.event().await,
            Some(Ok(ExecutionEvent::Stdout("1".into())))
        );
        assert_eq!(run.event().await, None);
        Ok::<(), SandboxError>(())
    })
    .expect("it is scripted");
    let request = &http.requests.borrow()[0];
    assert_eq!(request.headers()["e2b-sandbox-id"], "s1");
    assert_eq!(request.headers()["e2b-sandbox-port"], "49999");
    assert_eq!(request.headers()["x-access-token"], "token");
}

#[test]
fn reads_the_events_of_a_process_with_zero_values_left_out() {
    let check = |json: Value, event| assert_eq!(process_event(&json), event);
    check(json!({"start": {"pid": 7}}), Some(ProcessEvent::Start(7)));
    check(
        json!({"data": {"stdout": "aGk="}}),
        Some(ProcessEvent::Stdout(b"hi".to_vec())),
    );
    check(
        json!({"end": {"exited": true}}),
        Some(ProcessEvent::End("exit status 0".into())),
    );
    check(
        json!({"end": {"exitCode": -1, "error": "signal: killed"}}),
        Some(ProcessEvent::End("signal: killed".into())),
    );
    check(json!({"keepalive": {}}), None);
}

#[test]
fn a_boundary_never_stands_in_a_file() {
    let bytes = b"--conductor-boundary-00000000";
    let boundary = boundary_for(&[NewFile { path: "/a", bytes }]);
    assert_eq!(boundary, "conductor-boundary-00000001");
}

#[test]
fn without_a_data_address_a_sandbox_has_hosts_of_its_own_as_at_e2b() {
    let config = SandboxConfig {
        data_url: String::new(),
        ..config()
    };
    let http = ScriptedHttp::default().reply(200, "");
    let sandbox = SandboxRef {
        domain: Some("e2b.example".into()),
        ..sandbox()
    };
    let timer = ManualTimer::default();
    let client = Client::new(&http, &timer, &config);
    block_on(client.execute(&sandbox, "1", &Default::default())).expect("it is scripted");
    let asked = http.requests.borrow()[0].uri().to_string();
    assert_eq!(asked, "https://49999-s1.e2b.example/execute");
}

#[test]
fn an_app_is_asked_without_the_token_for_files_and_processes() {
    let http = ScriptedHttp::default().reply(200, "");
    let (config, timer) = (config(), ManualTimer::default());
    let client = Client::new(&http, &timer, &config);
    block_on(client.app_status(&sandbox(), 7860, "/")).expect("it is scripted");
    assert!(
        !http.requests.borrow()[0]
            .headers()
            .contains_key("x-access-token")
    );
}

#[test]
fn a_directory_that_is_to_be_watched_is_made_and_tells_of_its_entries() {
    let message = |text: &str| {
        let envelope = super::envelopes::wrap(text.as_bytes());
        String::from_utf8(envelope).expect("a short message's length is ASCII")
    };
    let mut refused = message(r#"{"error":{"code":"not_found","message":"no such directory"}}"#);
    refused.replace_range(..1, "\u{2}");
    let changed = |name: &str| {
        let event = r#"{"filesystem":{"name":"NAME","type":"EVENT_TYPE_WRITE"}}"#;
        message(&event.replace("NAME", name))
    };
    let begun = message(r#"{"start":{}}"#);
    let told = [&begun, &changed("other"), &changed("asked"), ""].concat();
    let http = ScriptedHttp::default()
        .reply(200, &refused)
        .reply(200, "{}")
        .reply(200, &told);
    let (timer, config) = (ManualTimer::default(), config());
    let client = Client::new(&http, &timer, &config);
    let told = block_on(async {
        let mut watch = client.make_and_watch(&sandbox(), "/home/user/d").await?;
        Ok::<_, SandboxError>((watch.until("asked").await, watch.until("asked").await))
    });
    assert_eq!(told, Ok((true, false)), "one event, then the end");
    let watched = "POST /filesystem.Filesystem/WatchDir";
    let made = "POST /filesystem.Filesystem/MakeDir";
    assert_eq!(http.lines(), [watched, made, watched]);
}
