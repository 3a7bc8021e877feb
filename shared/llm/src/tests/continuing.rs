//! Answers that end before their end.

use model::ports::ScriptedHttp;
use serde_json::json;

use super::*;

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
