//! What code shows, and how it fails, as its caller gets it.

use serde_json::json;

use super::{Interpreter, of, result, stdout};

#[tokio::test]
async fn results_come_in_every_form_they_have() {
    let interpreter = Interpreter::start().await;

    let lines = interpreter
        .python(
            "import matplotlib.pyplot as plt\nplt.plot([1, 2], [3, 4]); plt.title('T')\nplt.show()",
        )
        .await;
    let plot = result(&lines);
    assert!(
        plot["png"]
            .as_str()
            .expect("a png")
            .starts_with("iVBORw0KGgo"),
        "{plot}"
    );
    assert_eq!(
        (
            &plot["is_main_result"],
            &plot["chart"]["type"],
            &plot["chart"]["title"]
        ),
        (&false.into(), &"line".into(), &"T".into())
    );

    let code = "import pandas as pd\npd.DataFrame({'n': [1.5, None], 'at': pd.to_datetime(['2020-01-02', None]), 's': ['a', 'b']})";
    let lines = interpreter.python(code).await;
    let table = result(&lines);
    assert!(
        table["html"].as_str().expect("html").contains("<table"),
        "{table}"
    );
    assert_eq!(
        table["data"],
        json!({ "n": [1.5, null], "at": ["2020-01-02T00:00:00", null], "s": ["a", "b"] })
    );

    let lines = interpreter
        .python("import plotly.express as px\npx.bar(x=['a'], y=[1])")
        .await;
    let plotly = result(&lines);
    assert_eq!(plotly["is_main_result"], true);
    assert_eq!(
        plotly["extra"]["application/vnd.plotly.v1+json"]["data"][0]["type"],
        "bar"
    );
    assert!(
        plotly["html"].as_str().expect("html").contains("plotly"),
        "{plotly}"
    );
    let lines = interpreter.python("px.bar(x=['a'], y=[1]).show()").await;
    assert_eq!(
        result(&lines)["extra"]["application/vnd.plotly.v1+json"]["data"][0]["type"],
        "bar"
    );

    let lines = interpreter
        .python("from PIL import Image\nImage.new('RGB', (2, 2))")
        .await;
    assert!(
        result(&lines)["png"]
            .as_str()
            .expect("a png")
            .starts_with("iVBORw0KGgo")
    );
    let lines = interpreter
        .python("Image.new('RGB', (2, 2)).save('/tmp/i.png')")
        .await;
    assert!(result(&lines)["png"].is_string());

    let lines = interpreter
        .python("{'a': [1, None], 'b': {'c': 'd'}}")
        .await;
    assert_eq!(
        result(&lines)["json"],
        json!({ "a": [1, null], "b": { "c": "d" } })
    );
    let lines = interpreter.python("[float('nan'), object]").await;
    assert!(result(&lines)["json"].is_null() && result(&lines)["text"].is_string());
    let lines = interpreter.python("from IPython.display import Markdown, SVG, Latex, HTML\ndisplay(Markdown('*m*'), Latex('$x$'), HTML('<b>'))").await;
    let forms: Vec<_> = of(&lines, "result");
    assert_eq!(
        (&forms[0]["markdown"], &forms[1]["latex"], &forms[2]["html"]),
        (&"*m*".into(), &"$x$".into(), &"<b>".into())
    );
}

#[tokio::test]
async fn an_error_has_name_value_and_a_traceback_without_colours() {
    let interpreter = Interpreter::start().await;
    let lines = interpreter.python("def f():\n    return 1 / 0\nf()").await;
    let errors = of(&lines, "error");
    assert_eq!(errors.len(), 1);
    assert_eq!(
        (&errors[0]["name"], &errors[0]["value"]),
        (&"ZeroDivisionError".into(), &"division by zero".into())
    );
    let traceback = errors[0]["traceback"].as_str().expect("text");
    assert!(
        traceback.contains("return 1 / 0") && !traceback.contains('\u{1b}'),
        "{traceback}"
    );
    assert_eq!(
        of(&interpreter.python("print(").await, "error")[0]["name"],
        "SyntaxError"
    );
    assert_eq!(
        of(&interpreter.python("input()").await, "error")[0]["name"],
        "StdinNotImplementedError"
    );
    assert_eq!(
        stdout(&interpreter.python("print('still here')").await),
        "still here\n"
    );
}

#[tokio::test]
async fn charts_of_all_kinds_are_told_as_data() {
    let interpreter = Interpreter::start().await;
    interpreter.python("import matplotlib.pyplot as plt").await;
    for (code, kind) in [
        ("plt.bar(['a', 'b'], [1, 2])", "bar"),
        ("plt.pie([1, 2], labels=['a', 'b'])", "pie"),
        ("plt.scatter([1, 2], [3, 4])", "scatter"),
        (
            "figure, axes = plt.subplots(1, 2); axes[0].plot([1]); axes[1].bar(['a'], [1])",
            "superchart",
        ),
    ] {
        let lines = interpreter.python(&format!("{code}; plt.show()")).await;
        assert_eq!(result(&lines)["chart"]["type"], kind, "{code}");
    }
    let lines = interpreter
        .python("import altair, pandas\naltair.Chart(pandas.DataFrame({'a': [1]})).mark_bar().encode(x='a')")
        .await;
    assert!(
        result(&lines)["html"]
            .as_str()
            .expect("html")
            .contains("vega"),
        "{lines:#?}"
    );
}

#[tokio::test]
async fn bytes_are_shown_as_far_as_they_are_text() {
    let interpreter = Interpreter::start().await;
    for code in [
        r"import sys; n = sys.stdout.buffer.write(b'a\xffb\n')",
        r"import os; n = os.write(1, b'a\xffb\n')",
        r"import subprocess; n = subprocess.run(['printf', r'a\377b\n'])",
    ] {
        let lines = interpreter.python(code).await;
        assert_eq!(stdout(&lines), "a\u{fffd}b\n", "{code}");
    }
}

#[tokio::test]
async fn what_programs_write_themselves_comes_whole_in_its_place_and_with_its_execution() {
    let interpreter = Interpreter::start().await;
    interpreter.python("import os, subprocess, sys").await;
    let order = "print(1)\nn = os.system('echo 2')\nprint(3)\nn = subprocess.run(['echo', '4'], stdout=sys.stdout)\nprint(5)\nn = os.system('echo 6')";
    for _ in 0..20 {
        let lines = interpreter.python(order).await;
        assert_eq!(stdout(&lines), "1\n2\n3\n4\n5\n6\n");
        let lines = interpreter.python("n = os.system('echo it >&2')").await;
        assert_eq!(of(&lines, "stderr")[0]["text"], "it\n", "{lines:#?}");
    }
    // Pieces of an odd length cut letters of two bytes.
    let lines = interpreter
        .python("for _ in range(101): n = os.write(1, ('é' * 1001).encode()[1:] + b'\\xc3')")
        .await;
    let text = stdout(&lines);
    assert_eq!(text.matches('é').count(), 101 * 1001 - 1, "{text}");
    // Copies of the kernel have no one to wait for, and what writes without end holds nobody up.
    let lines = interpreter
        .python("import multiprocessing as m\np = m.get_context('fork').Process(target=lambda: (os.system('echo a'), print('b')))\np.start(); p.join()\nn = os.system('yes > /dev/stderr &')\nprint('c')")
        .await;
    let text = stdout(&lines);
    assert_eq!(text.lines().count(), 3, "{text}");
    assert_eq!(
        stdout(
            &interpreter
                .python("n = os.system('pkill yes')\nprint('d')")
                .await
        ),
        "d\n"
    );
    // What is printed by a thread that passes output on, as by a destructor, does not wait for itself,
    // also where the program is held back: at 256 KiB, which are counted from the first of these lines.
    let lines = interpreter
        .python("import threading\nprint('x' * 262_144)\nprint('x' * 250_000)\ndone = threading.Event()\nsys.stdout.pub_thread.schedule(lambda: (os.write(1, b'y' * 20_000), print('z'), done.set()))\nprint(done.wait(20))")
        .await;
    assert!(stdout(&lines).contains("True\n"), "it waits for itself");
    assert_eq!(
        stdout(&interpreter.python("os.close(1); print('e')").await),
        "e\n"
    );
}
