//! Answers as they come: in any form and split.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

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
