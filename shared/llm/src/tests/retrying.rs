//! What is tried again, when, and for how long.

use std::time::Duration;

use futures::executor::block_on;
use model::event::ClientGone;
use model::ports::{Fakes, ScriptedHttp, SendError, Timer as _};

use super::*;

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
