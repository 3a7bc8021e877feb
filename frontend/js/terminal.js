// The README's lines, with this page's own address filled in.

import { byId, copyOnClick, element } from "./dom.js";

const origin = location.origin;

const LINES = [
  ["Run Python", `curl -s ${origin}/run_code/ -d '{"code": "print(6 * 7)"}'`],
  [
    "Draw: a plot is a base64 PNG in the results",
    `curl -s ${origin}/run_code/ \\
  -d '{"code": "import matplotlib.pyplot as plt\\nplt.plot([1, 4, 9, 16])\\nplt.show()"}' \\
  | python3 -c 'import json, sys, base64; open("plot.png", "wb").write(base64.b64decode(json.load(sys.stdin)["results"][0]["png"]))'`,
  ],
  [
    "Go on: variables live in the session",
    `SESSION=$(curl -s ${origin}/run_code/ -d '{"code": "x = 41"}' \\
  | python3 -c 'import json, sys; print(json.load(sys.stdin)["session_id"])')
curl -s ${origin}/run_code/ -d "{\\"code\\": \\"x + 1\\", \\"session_id\\": \\"$SESSION\\"}"`,
  ],
  [
    "Start a Gradio app: its address is the reply’s url",
    `curl -s ${origin}/run_code/ \\
  -d '{"code": "import gradio as gr\\ngr.Interface(lambda x: x * x, gr.Slider(0, 100), \\"number\\").launch(share=True)"}'`,
  ],
  [
    "Start a Streamlit app",
    `curl -s ${origin}/run_code/ \\
  -d '{"code": "import streamlit as st\\nx = st.slider(\\"x\\", 0, 100, 7)\\nst.write(x, \\"squared is\\", x * x)"}'`,
  ],
  [
    "From a CSV and a sentence to a dashboard",
    `npm pack --silent vega-datasets@3.2.1 && tar xzf vega-datasets-3.2.1.tgz package/data/seattle-weather.csv
DATA=$(curl -s '${origin}/data/?name=seattle-weather.csv' \\
  -H 'content-type: text/csv' --data-binary @package/data/seattle-weather.csv \\
  | python3 -c 'import json, sys; print(json.load(sys.stdin)["dataset_id"])')
curl -s ${origin}/generate_ui/ \\
  -d "{\\"prompt\\": \\"rain and temperature over time by weather\\", \\"dataset_id\\": \\"$DATA\\"}" \\
  | python3 -c 'import json, sys; print(json.load(sys.stdin)["url"])'`,
  ],
  [
    "Watch a run as it happens",
    `curl -sN -H 'accept: text/event-stream' ${origin}/run_code/ \\
  -d '{"code": "import time\\nfor n in range(5):\\n    print(n)\\n    time.sleep(0.5)"}'`,
  ],
];

export function showTerminal() {
  byId("terminal").append(
    ...LINES.map(([title, line]) => {
      const copy = element("button", {
        type: "button",
        className: "quiet",
        textContent: "Copy",
        attributes: { "aria-label": `Copy: ${title}` },
      });
      copyOnClick(copy, () => line);
      const head = element("div", { className: "row" }, element("h3", { textContent: title }), copy);
      return element("div", { className: "line" }, head, element("pre", { tabIndex: 0, textContent: line }));
    }),
  );
}
