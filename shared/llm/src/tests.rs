use std::time::Duration;

use futures::executor::block_on;
use model::Framework;
use model::event::ClientGone;
use model::ports::{Fakes, Outside as _, ScriptedHttp, SendError, Timer as _};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const KEY: &str = "sk-secret-0123456789";

fn config() -> LlmConfig {
    LlmConfig::read(|name| {
        match name {
            "openai_api_key" => KEY,
            "openai_base_url" => "http://127.0.0.1:9/v1/",
            "openai_model" => "small",
            "llm_max_retries" => "2",
            "llm_operation_timeout_seconds" => "30",
            "llm_total_timeout_seconds" => "100",
            _ => "",
        }
        .to_owned()
    })
    .expect("an address of one's own is a model")
}

/// What came of asking a model that follows a script.
struct Asked {
    answer: Result<Completion, LlmError>,
    /// What was told of the answer, step by step.
    heard: Vec<String>,
    requests: Vec<Value>,
    /// How long it took on the clock that only waiting moves.
    took: Duration,
}

fn ask_for(chat: &Chat, script: impl FnOnce(ScriptedHttp) -> ScriptedHttp) -> Asked {
    let fakes = Fakes {
        http: script(ScriptedHttp::default()),
        ..Fakes::default()
    };
    let config = config();
    let mut heard = Vec::new();
    let client = Client {
        outside: &fakes,
        config: &config,
    };
    let answer = block_on(client.complete(chat, async |step: Step<'_>| {
        heard.push(match step {
            Step::Delta(text) => text.to_owned(),
            Step::Anew => "(anew)".to_owned(),
            Step::Waiting => "(waiting)".to_owned(),
            Step::Retrying { .. } => "(again)".to_owned(),
            Step::Continuing(_) => "(on)".to_owned(),
        });
        Ok(())
    }));
    let text = format!("{answer:?}{heard:?}{config:?}");
    assert!(!text.contains(KEY), "{text}");
    let requests = fakes.http.requests.borrow();
    for request in requests.iter() {
        assert_eq!(request.uri(), "http://127.0.0.1:9/v1/chat/completions");
        assert_eq!(request.headers()["authorization"], format!("Bearer {KEY}"));
    }
    let body = |request: &http::Request<Vec<u8>>| {
        serde_json::from_slice(request.body()).expect("requests are JSON")
    };
    Asked {
        answer,
        heard,
        requests: requests.iter().map(body).collect(),
        took: fakes.timer().elapsed(),
    }
}

fn ask(script: impl FnOnce(ScriptedHttp) -> ScriptedHttp) -> Asked {
    ask_for(&Chat::of(vec![Message::user("hi")]), script)
}

/// An event with a piece of text.
fn delta(text: &str) -> String {
    let chunk = json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]});
    format!("data: {chunk}\n\n")
}

/// An event with a reason to end.
fn finish(reason: &str) -> String {
    format!(
        "data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"{reason}\"}}]}}\n\n"
    )
}

const DONE: &str = "data: [DONE]\n\n";

fn stream(text: &str) -> String {
    format!("{}{}{DONE}", delta(text), finish("stop"))
}

fn text_of(asked: &Asked) -> &str {
    let answer = asked.answer.as_ref();
    &answer.unwrap_or_else(|error| panic!("{error}")).text
}

#[track_caller]
fn error_of(asked: Asked, words: &[&str]) -> LlmError {
    let error = asked.answer.expect_err("it fails");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
    error
}

/// A stream with all that may stand in one.
fn rich_stream() -> String {
    let role = json!({"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": null}], "usage": null});
    let other = json!({"choices": [{"index": 1, "delta": {"content": "another choice"}}]});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}});
    format!(
        ": PROCESSING\n\ndata: {role}\n\n{}data: {other}\n\nid: 7\nevent: message\n{}: ping\n\ndata:{{\"choices\":\ndata:[{{\"delta\":{{\"content\":\"🎈\"}}}}]}}\n\n{}data: {usage}\n\n{DONE}",
        delta("Grüße, "),
        delta("Welt\n"),
        finish("stop"),
    )
}

proptest! {
    #[test]
    fn an_answer_is_the_same_however_its_bytes_are_split(
        mut cuts in proptest::collection::vec(0usize..1_200, 0..20),
        line_end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
    ) {
        let bytes = rich_stream().replace('\n', line_end).into_bytes();
        cuts.retain(|cut| *cut < bytes.len());
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let config = config();
        let mut reader = answer::AnswerReader::new(&config);
        let mut pieces = Vec::new();
        for pair in cuts.windows(2) {
            pieces.extend(reader.push(&bytes[pair[0]..pair[1]]).expect("it is an answer"));
        }
        pieces.extend(reader.finish().expect("it is an answer"));
        let text: String = pieces.iter().filter_map(|piece| match piece {
            answer::Piece::Text(text) => Some(text.as_str()),
            _ => None,
        }).collect();
        prop_assert_eq!(text, "Grüße, Welt\n🎈");
        let usage = Usage { prompt_tokens: 3, completion_tokens: 5 };
        prop_assert!(pieces.contains(&answer::Piece::Usage(usage)));
        prop_assert_eq!(pieces.last(), Some(&answer::Piece::Done));
    }

    #[test]
    fn no_bytes_make_the_reader_panic(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8)) {
        let config = config();
        let mut reader = answer::AnswerReader::new(&config);
        let outcome: Result<Vec<_>, _> = chunks.iter().map(|chunk| reader.push(chunk)).collect();
        if outcome.is_ok() {
            let _ = reader.finish();
        }
    }
}

#[test]
fn a_stream_is_told_as_it_comes_and_its_usage_is_reported() {
    let text = rich_stream();
    let (first, second) = text.split_at(text.find("id: 7").expect("it is there"));
    let asked = ask(|http| http.reply_in_chunks(200, &[first, second]));
    assert_eq!(asked.heard, ["Grüße, ", "Welt\n🎈"]);
    let usage = Usage {
        prompt_tokens: 3,
        completion_tokens: 5,
    };
    let completion = Completion {
        text: "Grüße, Welt\n🎈".to_owned(),
        usage: Some(usage),
        requests: 1,
    };
    assert_eq!(asked.answer, Ok(completion));
    let request = &asked.requests[0];
    assert_eq!(request["model"], "small");
    assert_eq!(request["stream"], true);
    assert_eq!(request["stream_options"]["include_usage"], true);
    assert_eq!(
        request["messages"],
        json!([{"role": "user", "content": "hi"}])
    );
    assert!(request.get("temperature").is_none() && request.get("response_format").is_none());
}

#[test]
fn what_is_wished_is_asked_for_and_what_is_refused_is_left_out() {
    let chat = Chat {
        form: AnswerForm::JsonObject,
        max_tokens: Some(100),
        temperature: Some(0.5),
        model: Some("large".to_owned()),
        ..Chat::of(vec![
            Message::system("Answer in JSON."),
            Message::user("hi"),
        ])
    };
    let refuse = |message: &str, param: &str| {
        json!({"error": {"message": message, "type": "invalid_request_error", "param": param}})
            .to_string()
    };
    let asked = ask_for(&chat, |http| {
        http.reply(400, &refuse("Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "max_tokens"))
            .reply(400, &refuse("Unsupported value: 'temperature'", "temperature"))
            .reply(400, "{\"detail\": \"response_format is not known\"}")
            .reply(422, "{\"detail\": [{\"loc\": [\"body\", \"stream_options\"]}]}")
            .reply(400, "{\"error\": \"streaming is not possible here\"}")
            .reply(200, "{\"choices\":[{\"message\":{\"content\":\"{}\"},\"finish_reason\":\"stop\"}]}")
    });
    assert_eq!(text_of(&asked), "{}");
    let first = &asked.requests[0];
    assert_eq!(first["model"], "large");
    assert_eq!(first["response_format"], json!({"type": "json_object"}));
    assert_eq!(
        (&first["max_tokens"], &first["temperature"]),
        (&json!(100), &json!(0.5))
    );
    let last = &asked.requests[5];
    assert_eq!(last["max_completion_tokens"], 100);
    assert_eq!(last["stream"], false);
    for name in [
        "max_tokens",
        "temperature",
        "response_format",
        "stream_options",
    ] {
        assert!(last.get(name).is_none(), "{name} is in {last}");
    }
    // No attempt of these waited: nothing had failed.
    assert_eq!(asked.took, Duration::ZERO);
}

#[test]
fn answers_without_streaming_are_read_in_all_their_forms() {
    let whole = |content: Value| {
        json!({"object": "chat.completion", "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}).to_string()
    };
    for body in [
        whole(json!("hello")),
        whole(json!([{"type": "text", "text": "hel"}, {"type": "text", "text": "lo"}])),
        format!("\n  {}\n", whole(json!("hello"))),
    ] {
        let asked = ask(|http| http.reply(200, &body));
        assert_eq!(text_of(&asked), "hello");
        assert_eq!(asked.heard, ["hello"]);
    }
    // A stream without a last blank line, without [DONE], without blank lines at all.
    let lines = format!(
        "{}{}",
        delta("hel").replace("\n\n", "\n"),
        delta("lo").replace("\n\n", "\n")
    );
    for body in [
        stream("hello").trim_end().to_owned(),
        format!("{}{}", delta("hello"), finish("stop")),
        format!("{lines}data: [DONE]"),
        format!("{}{}", delta("hello"), finish("STOP")),
    ] {
        assert_eq!(
            text_of(&ask(|http| http.reply(200, &body))),
            "hello",
            "{body}"
        );
    }
}

#[test]
fn a_server_that_never_ends_its_stream_is_left_after_its_last_word() {
    for body in [
        stream("hello"),
        format!("{}{}", delta("hello"), finish("stop")),
    ] {
        let asked = ask(|http| http.reply_that_stalls(200, &body));
        assert_eq!(text_of(&asked), "hello");
        assert!(asked.took <= Duration::from_secs(3), "{:?}", asked.took);
    }
}

#[test]
fn passing_failures_are_tried_again() {
    for status in [408, 409, 429, 500, 502, 503, 504, 529] {
        let asked = ask(|http| http.reply(status, "{}").reply(200, &stream("hello")));
        assert_eq!(text_of(&asked), "hello", "{status}");
        assert_eq!(asked.heard, ["(again)", "hello"]);
        assert!(asked.took <= Duration::from_millis(500), "{:?}", asked.took);
    }
    let unreachable = || SendError::Unreachable {
        url: String::new(),
        reason: "ConnectionRefused".to_owned(),
    };
    let asked = ask(|http| {
        http.fail(unreachable())
            .fail(unreachable())
            .reply(200, &stream("hello"))
    });
    assert_eq!(text_of(&asked), "hello");
    // An error in the stream, before any text; half a document; nothing at all.
    for body in [
        "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n",
        "event: error\ndata: the queue is full\n\n",
        "{\"choices\":[{\"mess",
        "",
        "data: {\"choices\":[{\"del",
        &stream(""),
    ] {
        let asked = ask(|http| http.reply(200, body).reply(200, &stream("hello")));
        assert_eq!(text_of(&asked), "hello", "{body}");
        assert_eq!(asked.requests.len(), 2);
    }
}

#[test]
fn the_pause_is_the_one_that_the_server_wants() {
    let asked = ask(|http| {
        http.reply(429, "{}")
            .with_header("retry-after", "7")
            .reply(503, "{}")
            .with_header("retry-after", "Thu, 01 Jan 1970 00:00:20 GMT")
            .reply(200, &stream("hello"))
    });
    assert_eq!(text_of(&asked), "hello");
    // The date counts from the clock, which stood at 7 s.
    assert_eq!(asked.took.as_millis(), 20_000);
    // A pause beyond the total timeout is not begun.
    let asked = ask(|http| {
        http.reply(429, "{\"error\":{\"message\":\"slow down\"}}")
            .with_header("retry-after", "150")
    });
    assert_eq!(asked.took, Duration::ZERO);
    let error = error_of(asked, &["slow down", "try again in 150 s"]);
    assert!(matches!(
        error,
        LlmError::RateLimited {
            retry_after: Some(_),
            ..
        }
    ));
    // The server's own word counts.
    let asked = ask(|http| http.reply(500, "{}").with_header("x-should-retry", "false"));
    assert_eq!(asked.requests.len(), 1);
}

#[test]
fn it_gives_up_after_so_many_failures() {
    let asked = ask(|http| {
        http.reply(500, "{}")
            .reply(502, "<html>")
            .reply(503, "{\"error\":\"busy\"}")
    });
    assert_eq!(asked.requests.len(), 3);
    error_of(asked, &["3 times", "503", "busy"]);
    let asked = ask(|http| http.reply(429, "{}").reply(429, "{}").reply(429, "{}"));
    error_of(asked, &["try again in a minute"]);
    // The script has ended: nobody answers.
    error_of(
        ask(|http| http),
        &["OPENAI_BASE_URL", "http://127.0.0.1:9/v1"],
    );
    let half = delta("");
    error_of(
        ask(|http| {
            http.reply(200, &half)
                .reply(200, &half)
                .reply_that_breaks(200, &[&half])
        }),
        &["breaks off", "the connection is gone"],
    );
    let empty = stream("");
    let asked = ask(|http| {
        http.reply(200, &empty)
            .reply(200, &empty)
            .reply(200, &empty)
    });
    assert_eq!(error_of(asked, &["empty"]), LlmError::Empty);
}

#[test]
fn refusals_name_the_way_out() {
    let error = |message: &str, code: &str| {
        json!({"error": {"message": message, "code": code, "type": "invalid_request_error"}})
            .to_string()
    };
    let cases: [(u16, String, &[&str]); 14] = [
        (
            401,
            error(
                "Incorrect API key provided: sk-secre****6789.",
                "invalid_api_key",
            ),
            &["OPENAI_API_KEY"],
        ),
        (403, error("no", ""), &["OPENAI_API_KEY", "403"]),
        (
            403,
            error("Project has no access to model `small`", "model_not_found"),
            &["OPENAI_MODEL"],
        ),
        (
            404,
            error("The model `small` does not exist", "model_not_found"),
            &["`small`", "OPENAI_MODEL"],
        ),
        (
            404,
            "{\"error\":{\"message\":\"model \\\"small\\\" not found, try pulling it first\"}}"
                .to_owned(),
            &["pulling", "OPENAI_MODEL"],
        ),
        (
            404,
            "404 page not found".to_owned(),
            &["no chat API", "OPENAI_BASE_URL"],
        ),
        (
            404,
            "{\"detail\":\"Not Found\"}".to_owned(),
            &["no chat API", "OPENAI_BASE_URL"],
        ),
        (
            400,
            error(
                "This model's maximum context length is 8192 tokens. However, you requested 9000.",
                "context_length_exceeded",
            ),
            &["too long", "8192"],
        ),
        (
            400,
            "{\"error\":\"the request exceeds the available context size\"}".to_owned(),
            &["too long"],
        ),
        (
            400,
            error("The response was filtered", "content_filter"),
            &["declines", "word it differently"],
        ),
        (
            429,
            error("You exceeded your current quota", "insufficient_quota"),
            &["used up", "OPENAI_API_KEY"],
        ),
        (402, error("Insufficient balance", ""), &["used up"]),
        (
            400,
            "[{\"error\":{\"message\":\"Invalid JSON payload\",\"status\":\"INVALID_ARGUMENT\"}}]"
                .to_owned(),
            &["400", "Invalid JSON payload"],
        ),
        (
            400,
            format!("{{\"error\":{{\"message\":\"who is {KEY}?\\nand sk-sec***789\"}}}}"),
            &["who is *** and ***"],
        ),
    ];
    for (status, body, words) in cases {
        let asked = ask(|http| http.reply(status, &body));
        assert_eq!(asked.requests.len(), 1, "{body}");
        let text = error_of(asked, words).to_string();
        assert!(!text.contains("secre"), "{text}");
    }
    let moved = ask(|http| {
        http.reply(307, "")
            .with_header("location", "https://elsewhere.example/v1?key=1")
    });
    let text = error_of(moved, &["https://elsewhere.example/v1", "OPENAI_BASE_URL"]).to_string();
    assert!(!text.contains("key=1"), "{text}");
    let not_allowed = SendError::NotAllowed { url: String::new() };
    error_of(ask(|http| http.fail(not_allowed)), &["openai_origin"]);
}

#[test]
fn what_is_no_answer_is_told_apart() {
    for (body, word) in [
        ("<!doctype html><title>Log in</title>", "HTML page"),
        ("  <html>", "HTML page"),
        ("{\"ok\":true}", "no `choices`"),
        ("{\"choices\"; 1}", "no JSON"),
        (
            "hello there, I am no model",
            "neither JSON nor a stream of events: hello there",
        ),
        ("data: {nonsense}\n\n", "no JSON"),
    ] {
        let asked = ask(|http| http.reply(200, body));
        assert_eq!(asked.requests.len(), 1, "{body}");
        error_of(asked, &[word, "OPENAI_BASE_URL"]);
    }
}

#[test]
fn giant_answers_are_bounded() {
    let piece = delta(&"x".repeat(64 * 1024));
    let pieces = vec![piece.as_str(); 17];
    error_of(
        ask(|http| http.reply_in_chunks(200, &pieces)),
        &["more than 1048576 bytes"],
    );
    let endless = vec!["x".repeat(1024 * 1024); 5];
    let line: Vec<&str> = endless.iter().map(String::as_str).collect();
    error_of(
        ask(|http| http.reply_in_chunks(200, &line)),
        &["more than 4194304 bytes"],
    );
    let mut document = line;
    document.insert(0, "{\"a\":\"");
    error_of(
        ask(|http| http.reply_in_chunks(200, &document)),
        &["more than 4194304 bytes"],
    );
    // Of an endless refusal the beginning is enough.
    document[0] = "{\"error\":\"";
    error_of(ask(|http| http.reply_in_chunks(400, &document)), &["400"]);
}

#[test]
fn an_answer_that_is_cut_off_is_continued() {
    let cut = |text: &str| format!("{}{}{DONE}", delta(text), finish("length"));
    let asked = ask(|http| {
        http.reply(200, &cut("```python\nimport gradio as gr\ndemo = gr.Inter"))
            .reply(
                200,
                &stream("demo = gr.Interface(print, \"text\", None)\n```"),
            )
    });
    assert_eq!(
        text_of(&asked),
        "```python\nimport gradio as gr\ndemo = gr.Interface(print, \"text\", None)\n```"
    );
    // What was told is the answer, without doubling.
    let told: Vec<&str> = asked.heard.iter().map(String::as_str).collect();
    assert_eq!(told[1], "(on)");
    assert_eq!([told[0], told[2]].concat(), text_of(&asked));
    let messages = &asked.requests[1]["messages"];
    assert_eq!(messages[1]["role"], "assistant");
    assert_eq!(
        messages[1]["content"],
        "```python\nimport gradio as gr\ndemo = gr.Inter"
    );
    assert_eq!(messages[2]["role"], "user");
    // Cut off again and again it is reported.
    let asked = ask(|http| {
        (0..9).fold(http, |http, n| {
            http.reply(200, &cut(&format!("{n} is a number of many\n")))
        })
    });
    assert_eq!(asked.requests.len(), 6);
    assert_eq!(asked.answer, Err(LlmError::CutOff));
    // All tokens went into thoughts.
    assert_eq!(
        ask(|http| http.reply(200, &cut(""))).answer,
        Err(LlmError::CutOff)
    );
}

#[test]
fn an_answer_that_breaks_off_is_continued() {
    let error = "data: {\"error\":{\"message\":\"overloaded\",\"code\":503}}\n\n";
    let (first, second) = ("The first half of it, ", "and the second.");
    let half = delta(first);
    let scripts: [&dyn Fn(ScriptedHttp) -> ScriptedHttp; 5] = [
        &|http| http.reply_that_breaks(200, &[&half]),
        &|http| http.reply(200, &half),
        &|http| http.reply_in_chunks(200, &[&half, error]),
        &|http| http.reply_in_chunks(200, &[&half, "data: {\"choices\":[{\"delta\":{\"con"]),
        &|http| http.reply_that_stalls(200, &half),
    ];
    for script in scripts {
        let asked = ask(|http| script(http).reply(200, &stream(second)));
        assert_eq!(text_of(&asked), format!("{first}{second}"));
        assert_eq!(asked.requests.len(), 2);
    }
    // A program without its end, of a server that says nothing of a length limit.
    let program = "```python\nimport gradio as gr\n";
    let asked = ask(|http| {
        http.reply(200, &stream(program))
            .reply(200, &stream("```\n"))
    });
    assert_eq!(text_of(&asked), format!("{program}```\n"));
    // A refusal underway is told, and not asked for again.
    let filtered = format!("{half}{}", finish("content_filter"));
    let asked = ask(|http| http.reply(200, &filtered));
    assert!(matches!(asked.answer, Err(LlmError::Declined { .. })));
    let refused = "data: {\"choices\":[{\"delta\":{\"refusal\":\"I cannot help with that.\"}}]}\n\ndata: [DONE]\n\n";
    error_of(
        ask(|http| http.reply(200, refused)),
        &["I cannot help with that."],
    );
}

#[test]
fn usage_of_continuations_is_added_up() {
    let part = |text: &str, reason: &str| {
        json!({"choices": [{"message": {"content": text}, "finish_reason": reason}], "usage": {"prompt_tokens": 10, "completion_tokens": 4}}).to_string()
    };
    let asked = ask(|http| {
        http.reply(200, &part("one ", "length"))
            .reply(200, &part("two", "stop"))
    });
    let completion = asked.answer.expect("it is scripted");
    let usage = Usage {
        prompt_tokens: 20,
        completion_tokens: 8,
    };
    assert_eq!((completion.usage, completion.requests), (Some(usage), 2));
}

#[test]
fn silence_ends_at_the_operation_timeout_and_the_whole_at_the_total_one() {
    let asked = ask(|http| http.reply_that_stalls(200, ": still thinking\n\n"));
    assert_eq!(asked.requests.len(), 1);
    assert!(asked.took >= Duration::from_secs(30), "{:?}", asked.took);
    assert!(asked.heard.iter().all(|step| step == "(waiting)"));
    assert!(asked.heard.len() > 10, "{:?}", asked.heard);
    error_of(asked, &["30 s", "llm_operation_timeout_seconds"]);
    // Each part comes in time, and all together do not.
    let half = |n: usize| delta(&format!("part {n} of a long answer\n"));
    let asked = ask(|http| (0..9).fold(http, |http, n| http.reply_that_stalls(200, &half(n))));
    assert!(asked.took <= Duration::from_secs(200), "{:?}", asked.took);
    assert!(asked.answer.is_err());
}

#[test]
fn a_caller_that_went_away_ends_it() {
    let fakes = Fakes {
        http: ScriptedHttp::default().reply_that_stalls(200, &delta("one")),
        ..Fakes::default()
    };
    let config = config();
    let client = Client {
        outside: &fakes,
        config: &config,
    };
    let chat = Chat::of(vec![Message::user("hi")]);
    let gone = block_on(client.complete(&chat, async |step: Step<'_>| match step {
        Step::Waiting => Err(ClientGone),
        _ => Ok(()),
    }));
    assert_eq!(gone, Err(LlmError::CallerGone));
    assert!(fakes.timer.elapsed() <= Duration::from_secs(3));
}

#[test]
fn a_wrong_address_is_named() {
    for address in [
        "localhost:1234/v1",
        "ftp://models.example",
        "http://",
        "not an address",
    ] {
        let config = LlmConfig {
            base_url: address.to_owned(),
            ..config()
        };
        let fakes = Fakes::default();
        let client = Client {
            outside: &fakes,
            config: &config,
        };
        let chat = Chat::of(vec![Message::user("hi")]);
        let error = block_on(client.complete(&chat, async |_: Step<'_>| Ok(())));
        let text = error.expect_err("it is no address").to_string();
        assert!(text.contains("OPENAI_BASE_URL"), "{address}: {text}");
    }
}

#[test]
fn the_model_is_told_columns_and_no_rows() {
    let csv = b"city,temperature\nSeattle,3.5\nSeattle,4.25\nQ7Z,9.125\n";
    let profile = profile::profile(csv, profile::Options::default()).expect("it is a CSV file");
    let prompt = prompts::AppPrompt {
        prompt: "a dashboard",
        framework: Framework::Streamlit,
        dataset: Some((&profile, "w.csv")),
    };
    let messages = prompts::app(&prompt, prompts::PROFILE_BYTES);
    let told = &messages[1].content;
    assert!(
        told.contains("temperature") && told.contains("w.csv"),
        "{told}"
    );
    assert!(!told.contains("4.25"), "{told}");
}

#[test]
fn a_profile_is_trimmed_to_what_the_model_can_read() {
    let names: Vec<String> = (0..400).map(|n| format!("measure_{n}")).collect();
    let row = vec!["1.5"; 400].join(",");
    let csv = format!("{}\n{row}\n{row}\n", names.join(","));
    let profile = profile::profile(csv.as_bytes(), profile::Options::default());
    let profile = profile.expect("it is a CSV file");
    let prompt = prompts::AppPrompt {
        prompt: "a dashboard",
        framework: Framework::Streamlit,
        dataset: Some((&profile, "w.csv")),
    };
    let told = |limit| {
        let content = prompts::app(&prompt, limit).remove(1).content;
        let facts = extract::json(&content).expect("the profile is JSON");
        let size = facts.to_string().len();
        assert!(size <= limit + 64, "{size} for {limit}");
        facts
    };
    let (all, large, small) = (told(1_000_000), told(prompts::PROFILE_BYTES), told(1_000));
    assert!(all["columns"][0]["most_frequent"].is_array());
    assert_eq!(large["columns"].as_array().map(Vec::len), Some(400));
    assert!(large["columns"][0].get("most_frequent").is_none());
    let kept = small["columns"].as_array().expect("columns").len();
    assert_eq!(small["columns_left_out"], 400 - kept);
    assert_eq!(small["columns"][0]["name"], "measure_0");
}
