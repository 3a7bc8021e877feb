use futures::executor::block_on;
use model::Framework;
use model::ports::{Fakes, ScriptedHttp};
use serde_json::json;

use super::*;
use crate::LlmConfig;

const WHOLE: &str = "## Purpose\n\nShows the time.\n\n## Audience\nAnybody.\n\n## Inputs\nNone.\n\n\
    ## Components\n- a clock\n\n### Clock\nIts hands.\n\n## Layout\nOne column.\n\n\
    ## Interactions\nNone.\n\n## States\nEmpty: no time yet.\n\n## Edge cases\nLeap seconds.";

/// Requires these sections and no others.
#[track_caller]
fn check(answer: &str, sections: &[(Topic, &str)]) {
    let found = read(answer);
    let wanted = sections.iter().copied();
    let wanted = wanted.map(|(topic, text)| (topic, text.to_owned()));
    assert_eq!(found.sections, BTreeMap::from_iter(wanted), "{answer}");
    assert_eq!(found.missing().len() + sections.len(), 8);
}

#[test]
fn all_topics_are_found_and_what_belongs_to_one_stays_in_it() {
    let found = read(WHOLE);
    assert_eq!(found.text, WHOLE);
    assert_eq!(found.missing(), []);
    let components = &found.sections[&Topic::Components];
    assert_eq!(components, "- a clock\n\n### Clock\nIts hands.");
    assert_eq!(found.sections[&Topic::EdgeCases], "Leap seconds.");
}

#[test]
fn a_block_around_all_of_it_and_thoughts_before_it_are_left_out() {
    for answer in [
        format!("```markdown\n{WHOLE}\n```"),
        format!("```\n{WHOLE}\n```\n"),
        format!("<think>\n## Purpose\nhm\n</think>\n\n{WHOLE}"),
        WHOLE.replace('\n', "\r\n"),
    ] {
        assert_eq!(read(&answer).text, WHOLE, "{answer}");
    }
}

#[test]
fn headings_are_found_however_they_are_written() {
    let sections = [
        (Topic::Purpose, "Shows the time."),
        (Topic::Audience, "Anybody."),
        (Topic::States, "- loading\n- empty"),
    ];
    for answer in [
        "# 1. Purpose & goals\nShows the time.\n# 2. Target users\nAnybody.\n# 3. Loading, empty and error states\n- loading\n- empty\n# Appendix\nNothing.",
        "**Purpose**\nShows the time.\n\n**Target audience:**\nAnybody.\n\n**States**:\n- loading\n- empty",
        "- **Purpose:** Shows the time.\n- **Audience** – Anybody.\n- **States:**\n- loading\n- empty",
        "1. **Overview**: Shows the time.\n2. **Users**: Anybody.\n3. **States**:\n- loading\n- empty",
        "Here is the specification.\n\nPurpose: Shows the time.\nAUDIENCE\nAnybody.\nStates:\n- loading\n- empty",
        "Sure!\n{\"purpose\": \"Shows the time.\", \"audience\": \"Anybody.\", \"states\": [\"loading\", \"empty\"]} Enjoy!",
        "```json\n{\"specification\": {\"Purpose\": \"Shows the time.\", \"target_audience\": \"Anybody.\", \"ui_states\": [\"loading\", \"empty\",]}}\n```",
        "{\"prompt\": \"## Purpose\\nShows the time.\\n## Audience\\nAnybody.\\n## States\\n- loading\\n- empty\"}",
    ] {
        check(answer, &sections);
    }
}

#[test]
fn what_is_missing_is_reported_and_not_made_up() {
    let prose = "A clock with two hands that shows the time to anybody.";
    assert_eq!(read(prose).text, prose);
    check(prose, &[]);
    assert_eq!(read(prose).missing(), Topic::ALL);
    check(
        "## Purpose\n\n## Layout\nOne column.",
        &[(Topic::Layout, "One column.")],
    );
    // Words of a text are no headings, and neither are lines of a program.
    check(
        "The layout: one column.\n\n```python\n# Inputs\nx = 1\n```",
        &[],
    );
    check("{\"x\": 1}", &[]);
}

#[test]
fn a_document_is_written_down_as_text() {
    let document = json!({
        "title": "Clock", "purpose": "Shows the time.", "edge_cases": ["a leap second", "no clock"],
        "components": [{"name": "clock", "props": {"hands": 2}}], "layout": null,
    });
    let found = read(&document.to_string());
    assert_eq!(
        found.text,
        "## Purpose\n\nShows the time.\n\n## Components\n\n- - name: clock\n  - props:\n    - hands: 2\n\n\
         ## Edge cases\n\n- a leap second\n- no clock\n\n## title\n\nClock"
    );
    assert!(found.missing().contains(&Topic::Layout));
}

fn wanted<'a>(profile: &'a profile::Profile) -> AppPrompt<'a> {
    AppPrompt {
        prompt: "show the temperature",
        framework: Framework::Streamlit,
        dataset: Some((profile, "w.csv")),
    }
}

fn profile() -> profile::Profile {
    let csv = b"city,temperature\nSeattle,3.5\nSeattle,4.25\nQ7Z,9.125\n";
    profile::profile(csv, profile::Options::default()).expect("it is a CSV file")
}

#[test]
fn the_model_is_told_topics_and_columns_and_no_rows() {
    let messages = prompts::specification(&wanted(&profile()), prompts::PROFILE_BYTES);
    let told = format!("{messages:?}");
    for topic in Topic::ALL {
        assert!(told.contains(&format!("## {}:", topic.title())), "{told}");
    }
    for word in ["show the temperature", "w.csv", "Streamlit", "Seattle"] {
        assert!(told.contains(word), "{word} is not in {told}");
    }
    assert!(!told.contains("4.25"), "{told}");
}

#[test]
fn a_model_with_a_short_context_is_told_less_and_what_it_began_is_forgotten() {
    let too_long = |text: &str| {
        format!(
            "data: {}\n\ndata: {}\n\n",
            json!({"choices": [{"delta": {"content": text}}]}),
            json!({"error": {"message": "too long", "code": "context_length_exceeded"}})
        )
    };
    let answer = json!({"choices": [{"message": {"content": WHOLE}, "finish_reason": "stop"}]});
    for (begun, heard) in [
        ("", vec![WHOLE]),
        ("## Pur", vec!["## Pur", "(anew)", WHOLE]),
    ] {
        let fakes = Fakes {
            http: ScriptedHttp::default()
                .reply(200, &too_long(begun))
                .reply(200, &answer.to_string()),
            ..Fakes::default()
        };
        let config = LlmConfig::read(|_| "http://127.0.0.1:9/v1".to_owned());
        let config = config.expect("an address of one's own is a model");
        let client = Client {
            outside: &fakes,
            config: &config,
        };
        let mut told = Vec::new();
        let written = block_on(write(&client, &wanted(&profile()), async |step| {
            match step {
                Step::Delta(text) => told.push(text.to_owned()),
                Step::Anew => told.push("(anew)".to_owned()),
                other => panic!("{other:?} is not expected"),
            }
            Ok(())
        }));
        let written = written.expect("the second answer is one");
        assert_eq!(written.specification.text, WHOLE);
        assert_eq!(told, heard);
        let requests = fakes.http.requests.borrow();
        let length = |n: usize| requests[n].body().len();
        assert!(length(1) <= length(0), "{} and {}", length(0), length(1));
    }
}
