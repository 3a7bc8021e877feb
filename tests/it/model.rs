//! `POST /generate_ui/` with a language model: its program goes live, its failures are named.

use std::time::{Duration, SystemTime};

use e2e::{Answer, Conductor, Event, Reply, ScriptedModel, until};
use reqwest::Method;
use serde_json::{Value, json};

use crate::generate::upload_weather;
use crate::programs::STREAMLIT_SQUARE;

/// Starts without a sandbox, and with little patience.
async fn impatient(model: &ScriptedModel) -> Conductor {
    Conductor::start()
        .with_model(model)
        .with_variable("llm_operation_timeout_seconds", "2")
        .with_variable("llm_total_timeout_seconds", "6")
        .with_variable("llm_max_retries", "1")
        .without_sandbox()
        .await
}

fn clock() -> Value {
    json!({"prompt": "a clock", "specification": "it shows the time"})
}

/// Asks for an app of a model that answers so each time, and makes sure that nobody sees the key.
///
/// Gives the answer in one piece and the number of requests that it took; the answer by events must
/// end with the same.
async fn ask(answer: Answer) -> (Reply, usize) {
    let model = ScriptedModel::deciding(move |_| answer.clone()).await;
    let conductor = impatient(&model).await;
    let reply = conductor.post("/generate_ui/", &clock()).await;
    let asked = model.requests().len();

    let request = conductor
        .request(Method::POST, "/generate_ui/")
        .header("accept", "text/event-stream")
        .json(&clock());
    let streamed = request.send().await.expect("the host answers");
    let streamed = streamed.text().await.expect("the stream ends");
    let code = &reply.json()["error"]["code"];
    let last = streamed.lines().rfind(|line| line.starts_with("data:"));
    let told = last.is_some_and(|line| line.contains(&code.to_string()));
    assert!(told, "no {code} at the end of {streamed}");

    let key = format!("Bearer {}", ScriptedModel::KEY);
    assert!(model.keys().iter().all(|sent| *sent == key));
    for text in [&reply.body, &streamed, &conductor.logs()] {
        assert!(!text.contains(ScriptedModel::KEY), "{text}");
        assert!(!text.contains(&ScriptedModel::KEY[..8]), "{text}");
    }
    (reply, asked)
}

/// Requires a failure that is not worth another request.
async fn fails(answer: Answer, status: u16, code: &str, words: &[&str]) {
    let (reply, asked) = ask(answer).await;
    let message = reply.error(status, code);
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
    assert_eq!(asked, 1, "{message}");
}

/// Requires a failure that is worth one more request, as it is configured here.
async fn fails_twice(answer: Answer, status: u16, code: &str, words: &[&str]) -> Reply {
    let (reply, asked) = ask(answer).await;
    let message = reply.error(status, code);
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
    assert_eq!(asked, 2, "{message}");
    reply
}

fn fenced() -> String {
    format!("Here it is:\n```python{STREAMLIT_SQUARE}```\nEnjoy!")
}

#[tokio::test]
async fn the_models_program_goes_live_and_it_saw_columns_but_no_rows() {
    let model = ScriptedModel::saying([Answer::text(fenced())]).await;
    let conductor = Conductor::start().with_model(&model).await;
    let dataset_id = upload_weather(&conductor).await;
    let request = json!({
        "prompt": "show the rain",
        "specification": "rain by day",
        "dataset_id": dataset_id,
    });
    let reply = conductor.post("/generate_ui/", &request).await.ok();

    assert_eq!(conductor.open(&reply["url"]).await.status, 200, "{reply}");
    assert_eq!(reply["provider"], "openai");
    assert_eq!(reply["openai_response"], fenced());
    assert_eq!(reply["generated_code"], STREAMLIT_SQUARE.trim_start());
    assert_eq!(reply["usage"]["completion_tokens"], 45);

    let asked = &model.requests()[0];
    assert_eq!(asked["messages"][0]["role"], "system");
    let told = asked["messages"].to_string();
    for word in [
        "show the rain",
        "precipitation",
        "temp_max",
        "drizzle",
        "seattle-weather.csv",
    ] {
        assert!(told.contains(word), "{word} is not in {told}");
    }
    // The second day of the file: its values stand in no statistic.
    for cell in ["2012-01-02", "10.9", "10.6"] {
        assert!(!told.contains(cell), "{cell} is in {told}");
    }
    assert!(!conductor.logs().contains(ScriptedModel::KEY));

    let session = reply["session_id"].as_str().expect("an id");
    let revision = conductor
        .get(&format!("/session/{session}/revisions/1"))
        .await
        .ok();
    assert_eq!(revision["prompt"], "show the rain");
    assert_ne!(revision["code"], Value::Null);
}

/// Each of these answers holds the same program, however it comes.
#[tokio::test]
async fn every_form_of_an_answer_becomes_the_same_program() {
    let text = fenced;
    let bare = STREAMLIT_SQUARE;
    let half = 60;
    let answers = [
        Answer::text(text()).in_pieces(1),
        Answer::text(text()).in_pieces(7).line_end("\r\n"),
        Answer::text(text()).in_pieces(11).line_end("\r"),
        Answer::text(text()).with_comments().without_usage(),
        Answer::text(text()).without_done(),
        Answer::text(text()).finish(None),
        Answer::text(text()).without_streaming().in_pieces(100),
        Answer::text(bare),
        Answer::text(json!({"code": bare}).to_string()),
        Answer::text(format!("~~~py{bare}~~~")),
        Answer::text(format!(
            "```bash\npip install streamlit\n```\n```python{bare}```"
        )),
        // These are cut, and continued by the answer behind each.
        Answer::text(&text()[..half]).cut_off(),
        Answer::text(&text()[half..]),
        Answer::text(text()).drops_after(20),
        Answer::text(text()),
        Answer::text(text()).stalls_after(20),
        Answer::text(text()),
        Answer::text(text()).fails_after(20, json!({"message": "overloaded", "code": 503})),
        Answer::text(text()),
        // These fail before any text, and the answer behind each is the second attempt.
        Answer::refusal(500, "once"),
        Answer::text(text()),
        Answer::refusal(429, "slow down").header("retry-after", "1"),
        Answer::text(text()),
        Answer::text(text()).without_streaming().drops_after(40),
        Answer::text(text()),
        Answer::refusal(503, "a date").header("retry-after", in_a_second()),
        Answer::text(text()),
        Answer::tokens([""; 0]),
        Answer::text(text()),
        // A server that does not know how to count.
        Answer::refusal(400, "unknown field `stream_options`"),
        Answer::text(text()),
    ];
    let (all, apps) = (answers.len(), answers.len() - 10);
    let model = ScriptedModel::saying(answers).await;
    let conductor = Conductor::start()
        .with_model(&model)
        .with_variable("llm_operation_timeout_seconds", "2")
        .await;
    let mut request = clock();
    for n in 0..apps {
        let reply = conductor.post("/generate_ui/", &request).await.ok();
        let code = reply["generated_code"].as_str().expect("code");
        assert_eq!(code.trim(), STREAMLIT_SQUARE.trim(), "app {n}: {reply}");
        assert_eq!(reply["error"], Value::Null, "app {n}");
        request["session_id"] = reply["session_id"].clone();
    }
    assert_eq!(model.requests().len(), all);
}

fn in_a_second() -> String {
    httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(1))
}

#[tokio::test]
async fn tokens_are_passed_on_while_the_model_still_writes() {
    let model =
        ScriptedModel::saying([Answer::tokens(["import ", "streamlit"]).stalls_after(2)]).await;
    let conductor = Conductor::start()
        .with_model(&model)
        .without_sandbox()
        .await;
    let request = conductor
        .request(Method::POST, "/generate_ui/")
        .json(&clock());
    let mut events = conductor.events(request).await;
    let mut text = String::new();
    while text != "import streamlit" {
        let Event { name, data } = events.next().await.expect("the stream goes on");
        if name == "code_delta" {
            text.push_str(data["text"].as_str().expect("a text"));
        }
    }
    // The model still has the connection. It loses it when the client goes away.
    assert_eq!(model.left(), 0);
    drop(events);
    until("the model is left", async || {
        (model.left() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_caller_that_goes_away_while_nothing_comes_ends_the_request_too() {
    let model = ScriptedModel::saying([Answer::silence()]).await;
    let conductor = Conductor::start()
        .with_model(&model)
        .without_sandbox()
        .await;
    let request = conductor
        .request(Method::POST, "/generate_ui/")
        .json(&clock());
    let mut events = conductor.events(request).await;
    assert_eq!(events.next().await.expect("a first step").name, "progress");
    until("the model is asked", async || {
        (model.requests().len() == 1).then_some(())
    })
    .await;
    drop(events);
    until("the model is left", async || {
        (model.left() == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn attempts_and_continuations_are_told() {
    let model = ScriptedModel::saying([
        Answer::refusal(503, "the cluster is busy"),
        Answer::text("```python\nimport streamlit as st\n").cut_off(),
        Answer::text("st.title('Hi')\n```\n"),
    ])
    .await;
    let conductor = impatient(&model).await;
    let request = conductor
        .request(Method::POST, "/generate_ui/")
        .json(&clock());
    let events = conductor.events(request).await.rest().await;
    let told: Vec<&str> = events
        .iter()
        .filter(|event| event.name == "progress")
        .filter_map(|event| event.data["message"].as_str())
        .collect();
    assert!(told[1].contains("the cluster is busy"), "{told:?}");
    assert!(told[2].contains("go on"), "{told:?}");
    let deltas = events.iter().filter(|event| event.name == "code_delta");
    let text: String = deltas
        .filter_map(|event| event.data["text"].as_str())
        .collect();
    assert_eq!(
        text,
        "```python\nimport streamlit as st\nst.title('Hi')\n```\n"
    );
}

#[tokio::test]
async fn a_key_that_is_refused_is_named_by_its_variable() {
    let key = ScriptedModel::KEY;
    let quoted = format!(
        "Incorrect API key provided: {}****{}.",
        &key[..8],
        &key[20..]
    );
    for (status, message) in [
        (401, format!("wrong key {key}")),
        (401, quoted),
        (403, "no".to_owned()),
    ] {
        fails(
            Answer::refusal(status, message),
            502,
            "model_key_refused",
            &["OPENAI_API_KEY"],
        )
        .await;
    }
    // An error in the stream may be one of the key, too.
    let error = json!({"message": format!("bad {key}"), "type": "authentication_error"});
    let underway = Answer::text("x").fails_after(0, error);
    fails(underway, 502, "model_key_refused", &["OPENAI_API_KEY"]).await;
}

#[tokio::test]
async fn a_model_that_wants_a_key_and_gets_none_is_named_with_the_variable() {
    let model = ScriptedModel::saying([]).await;
    model.wants_key("sk-another");
    let conductor = Conductor::start()
        .with_model(&model)
        .with_variable("openai_api_key", "")
        .without_sandbox()
        .await;
    let reply = conductor.post("/generate_ui/", &clock()).await;
    let message = reply.error(502, "model_key_refused");
    assert!(message.contains("set OPENAI_API_KEY"), "{message}");
    assert_eq!(model.keys(), [""]);
}

#[tokio::test]
async fn a_busy_model_is_named_with_what_it_said_and_when_it_may_be_asked_again() {
    let busy = Answer::refusal(429, "slow down, please").header("retry-after", "1");
    let words = ["slow down, please", "try again in 1 s"];
    let reply = fails_twice(busy, 429, "model_busy", &words).await;
    assert_eq!(reply.header("retry-after"), "1");
    // A pause beyond the total timeout is not begun.
    let away = Answer::refusal(429, "come tomorrow").header("retry-after", "86400");
    fails(away, 429, "model_busy", &["come tomorrow", "86400 s"]).await;
    let used_up = Answer::error(
        429,
        "You exceeded your quota",
        "insufficient_quota",
        Some("insufficient_quota"),
    );
    fails(used_up, 502, "model_quota", &["used up", "OPENAI_API_KEY"]).await;
}

#[tokio::test]
async fn a_failing_model_is_named_with_its_status_and_without_the_key() {
    let message = format!("who is {}?", ScriptedModel::KEY);
    fails_twice(
        Answer::refusal(500, message),
        502,
        "model_failing",
        &["500", "2 times", "who is ***"],
    )
    .await;
    let page = Answer::raw(502, "text/html", "<html><h1>Bad Gateway</h1></html>");
    fails_twice(page, 502, "model_failing", &["502", "an HTML page"]).await;
    let broken = Answer::text("import x").drops_after(0);
    fails_twice(broken, 502, "model_failing", &["breaks off"]).await;
    let overloaded = Answer::text("x").fails_after(0, json!({"message": "overloaded"}));
    fails_twice(overloaded, 502, "model_failing", &["overloaded"]).await;
}

#[tokio::test]
async fn an_unknown_model_and_an_address_without_an_api_are_told_apart() {
    let unknown = Answer::error(
        404,
        "The model `gpt-9` does not exist",
        "invalid_request_error",
        Some("model_not_found"),
    );
    fails(unknown, 502, "model_unknown", &["gpt-9", "OPENAI_MODEL"]).await;
    let nothing = Answer::raw(404, "text/plain", "404 page not found");
    fails(
        nothing,
        502,
        "model_unreachable",
        &["no chat API", "OPENAI_BASE_URL"],
    )
    .await;
    let moved =
        Answer::raw(308, "text/plain", "").header("location", "https://elsewhere.example/v1");
    fails(
        moved,
        502,
        "model_unreachable",
        &["https://elsewhere.example/v1", "OPENAI_BASE_URL"],
    )
    .await;
    let refused = Answer::refusal(400, "'frobnicate' is no field");
    fails(refused, 502, "model_refused", &["400", "frobnicate"]).await;
}

#[tokio::test]
async fn what_the_caller_can_change_is_told_as_that() {
    let long = Answer::error(
        400,
        "This model's maximum context length is 8192 tokens",
        "invalid_request_error",
        Some("context_length_exceeded"),
    );
    fails(long, 422, "model_context", &["too long", "8192 tokens"]).await;
    let filtered = Answer::text("import stre").finish(Some("content_filter"));
    fails(
        filtered,
        422,
        "model_declined",
        &["content filter", "word it differently"],
    )
    .await;
    let filtered = Answer::error(
        400,
        "The prompt was filtered",
        "content_filter",
        Some("content_filter"),
    );
    fails(
        filtered,
        422,
        "model_declined",
        &["The prompt was filtered"],
    )
    .await;
}

#[tokio::test]
async fn answers_that_are_none_are_told_apart() {
    let whole = |content_type, body: &str| Answer::raw(200, content_type, body);
    for (answer, word) in [
        (
            whole("text/html", "<!doctype html><title>Log in</title>"),
            "an HTML page",
        ),
        (whole("application/json", "<html>"), "an HTML page"),
        (whole("application/json", "{\"ok\": true}"), "no `choices`"),
        (
            whole("text/event-stream", "data: {nonsense}\n\n"),
            "no JSON",
        ),
        (
            whole("image/png", "\u{1}PNG and so on"),
            "neither JSON nor a stream",
        ),
        (
            Answer::text("import x").babbles_after(1, "data: }{\n\n"),
            "no JSON",
        ),
    ] {
        fails(answer, 502, "model_unusable", &[word]).await;
    }
    fails_twice(Answer::text(" \n"), 502, "model_unusable", &["empty"]).await;
    // It is told that there is no program in its answer, once.
    let prose = Answer::text("I would rather not.");
    fails_twice(prose, 502, "model_unusable", &["no Python program"]).await;
}

#[tokio::test]
async fn half_a_program_is_continued_and_never_run() {
    // It never comes to its end, however often it is asked to go on.
    let (reply, asked) =
        ask(Answer::text("```python\nimport gradio as gr\nx = [\n").cut_off()).await;
    let message = reply.error(502, "model_unusable");
    assert!(
        message.contains("cut off") && asked > 1,
        "{asked}: {message}"
    );
    // It says that it is at its end, twice; it is told, and does so again.
    let open = Answer::text("```python\nimport gradio as gr\nwith gr.Blocks() as demo:\n");
    let (reply, asked) = ask(open).await;
    let message = reply.error(502, "model_unusable");
    assert!(message.contains("cut off"), "{message}");
    assert_eq!(asked, 4);
}

#[tokio::test]
async fn giant_answers_are_bounded() {
    let giant = Answer::tokens(vec!["x".repeat(64 * 1024); 20]);
    fails(giant, 502, "model_unusable", &["more than 1048576 bytes"]).await;
    let line = Answer::raw(200, "text/event-stream", "x".repeat(5 * 1024 * 1024));
    fails(line, 502, "model_unusable", &["more than 4194304 bytes"]).await;
    let refusal = Answer::raw(
        400,
        "application/json",
        format!("\"{}\"", "x".repeat(5 * 1024 * 1024)),
    );
    fails(refusal, 502, "model_refused", &["400"]).await;
}

#[tokio::test]
async fn a_silent_model_is_given_up_in_time() {
    fails(
        Answer::silence(),
        504,
        "model_timeout",
        &["2 s", "llm_operation_timeout_seconds"],
    )
    .await;
    fails(
        Answer::text("import x").without_streaming().stalls_after(3),
        504,
        "model_timeout",
        &["llm_operation_timeout_seconds"],
    )
    .await;
    // Each token comes in time, and all together do not.
    let slow = Answer::tokens(vec!["word "; 1_000]).pausing(Duration::from_millis(500));
    fails(
        slow,
        504,
        "model_timeout",
        &["6 s", "llm_total_timeout_seconds"],
    )
    .await;
}

#[tokio::test]
async fn a_model_that_is_not_there_is_named_with_the_variable() {
    for (url, origin, words) in [
        (
            "http://127.0.0.1:2/v1",
            "http://127.0.0.1:2",
            ["cannot be reached", "OPENAI_BASE_URL"],
        ),
        (
            "http://127.0.0.1:2/v1",
            "http://127.0.0.2:1",
            ["not among the allowed", "openai_origin"],
        ),
        (
            "127.0.0.1:1/v1",
            "http://127.0.0.1:1",
            ["no http address", "OPENAI_BASE_URL"],
        ),
    ] {
        let conductor = Conductor::start()
            .without_sandbox()
            .with_variable("openai_base_url", url)
            .with_variable("openai_origin", origin)
            .with_variable("llm_max_retries", "1")
            .await;
        let reply = conductor.post("/generate_ui/", &clock()).await;
        let message = reply.error(502, "model_unreachable");
        for word in words {
            assert!(message.contains(word), "`{word}` is not in: {message}");
        }
    }
}

/// Sockets that take no connection: the queue of those who wait is full.
#[tokio::test]
async fn a_server_that_takes_no_connection_is_given_up_long_before_the_answer_would_be() {
    let listener = tokio::net::TcpSocket::new_v4().expect("a socket");
    let any = "127.0.0.1:0".parse().expect("an address");
    listener.bind(any).expect("a free port");
    let listener = listener.listen(1).expect("it listens");
    let address = listener.local_addr().expect("it listens");
    let mut waiting = Vec::new();
    let connect = || {
        tokio::time::timeout(
            Duration::from_millis(500),
            tokio::net::TcpStream::connect(address),
        )
    };
    while let Ok(Ok(stream)) = connect().await {
        waiting.push(stream);
    }
    let conductor = Conductor::start()
        .without_sandbox()
        .with_variable("openai_base_url", &format!("http://{address}"))
        .with_variable("openai_origin", &format!("http://{address}"))
        .with_variable("llm_max_retries", "0")
        .with_variable("llm_operation_timeout_seconds", "50")
        .await;
    let reply = conductor.post("/generate_ui/", &clock()).await;
    let message = reply.error(502, "model_unreachable");
    assert!(message.contains("cannot be reached"), "{message}");
}

#[tokio::test]
async fn base_addresses_are_taken_as_people_write_them_and_a_local_model_needs_no_key() {
    for path in ["", "/", "/v1", "/v1/", "/v1/chat/completions"] {
        let nothing = Answer::text("nothing");
        let model = ScriptedModel::saying([nothing.clone(), nothing]).await;
        let url = format!("{}{path}", model.address);
        let conductor = Conductor::start()
            .with_model(&model)
            .with_variable("openai_base_url", &url)
            .with_variable("openai_api_key", "")
            .without_sandbox()
            .await;
        let health = conductor.get("/health").await.json();
        assert_eq!(health["model"]["status"], "up", "{path}: {health}");
        let reply = conductor.post("/generate_ui/", &clock()).await;
        reply.error(502, "model_unusable");
        assert_eq!(model.keys(), ["", ""], "{path}");
    }
}

#[tokio::test]
async fn a_script_may_answer_by_what_it_is_asked() {
    let model = ScriptedModel::deciding(|asked| {
        if asked.says("NameError: boats") {
            Answer::text(fenced())
        } else {
            Answer::text("I would rather not.")
        }
    })
    .await;
    let conductor = Conductor::start().with_model(&model).await;
    let reply = conductor.post("/generate_ui/", &clock()).await;
    reply.error(502, "model_unusable");
    let request = json!({"prompt": "mend it: NameError: boats", "specification": "no more"});
    let reply = conductor.post("/generate_ui/", &request).await.ok();
    assert_eq!(reply["generated_code"], STREAMLIT_SQUARE.trim_start());
}
