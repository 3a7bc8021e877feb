use model::Framework;
use serde_json::Value;

use crate::python::{App, app, check_format, drive, lint};

const PROMPTS: [&str; 18] = [
    "greet a user by name",
    "a calculator that adds two numbers",
    "convert celsius to fahrenheit",
    "A slider x from 0 to 10 that shows x squared",
    "an app with a name textbox, an age slider from 1 to 120 and a submit button",
    "reverse a text",
    "count the words in a text",
    "build a simple calculator",
    "a form with name, email, a dropdown for colour with red, green and blue, and a checkbox for news",
    "plot a sine wave",
    "a bar chart of numbers",
    "upload an image and turn it grayscale",
    "upload a csv file and show it",
    "a chatbot",
    "a todo list with task and due date",
    "a date picker, a multiselect of apples, pears and plums, a color picker and a text area",
    "an app called \"It's \\ a {test}\" with a text box labelled \"'''{x}\\\" and a radio of a{b}, c\"d or e",
    "something quite different",
];

fn apps(framework: Framework) -> Vec<App> {
    let apps: Vec<App> = PROMPTS
        .iter()
        .map(|prompt| app(prompt, framework, None))
        .collect();
    lint(&apps);
    check_format(&apps);
    apps
}

/// What the app says after one control was moved (texts to `Ada`, numbers to 5, sliders to their middle).
const ANSWERS: [(usize, &str, &str); 6] = [
    (0, "Name", "Hello, Ada!"),
    (1, "Number 1", "5"),
    (2, "Celsius", "5 celsius = 41 fahrenheit"),
    (4, "Name", "Name: Ada\nAge: 60"),
    (5, "Text", "adA"),
    (6, "Text", "1 words, 3 characters, 1 lines"),
];

#[test]
fn streamlit_forms_run_and_answer() {
    let apps = apps(Framework::Streamlit);
    let reports = drive(&apps, Framework::Streamlit);
    for (app, report) in apps.iter().zip(&reports) {
        assert_eq!(
            report["start"]["exceptions"],
            serde_json::json!([]),
            "{}",
            app.code
        );
        assert_eq!(
            report["start"]["titles"],
            serde_json::json!([app.plan.title])
        );
        for (control, moved) in report["moved"].as_object().expect("controls are named") {
            assert_eq!(
                moved["exceptions"],
                serde_json::json!([]),
                "{control}: {}",
                app.code
            );
        }
    }
    for (index, control, answer) in ANSWERS {
        assert_eq!(
            reports[index]["moved"][control]["texts"][0],
            Value::from(answer),
            "{}",
            PROMPTS[index]
        );
    }
    assert_eq!(reports[3]["start"]["texts"][0], "25");
    assert_eq!(reports[14]["moved"]["Task"]["rows"], serde_json::json!([1]));
}

#[test]
fn gradio_forms_run_and_answer() {
    let apps = apps(Framework::Gradio);
    let reports = drive(&apps, Framework::Gradio);
    for (app, report) in apps.iter().zip(&reports) {
        assert_eq!(
            report["title"],
            Value::from(app.plan.title.as_str()),
            "{}",
            app.code
        );
    }
    for (index, control, answer) in ANSWERS {
        assert_eq!(
            reports[index]["moved"][control][0],
            Value::from(answer),
            "{}",
            PROMPTS[index]
        );
    }
    assert_eq!(reports[3]["start"][0], "25");
    assert_eq!(reports[13]["start"][0], "You said: hello");
}
