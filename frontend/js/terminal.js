// The same by curl, with this page's own address filled in.

import { byId, copyOnClick, element } from "./dom.js";

const origin = location.origin;

const run = (...lines) => `curl -s ${origin}/run_code/ -d '${JSON.stringify({ code: lines.join("\n") })}'`;

const LINES = [
  ["A computation", run("print(6 * 7)")],
  ["A plot: a PNG in `results`", run("import matplotlib.pyplot as plt", "plt.plot([1, 4, 9, 16])", "plt.show()")],
  [
    "Variables stay for the next run of a session",
    `ID=$(curl -s ${origin}/run_code/ -d '{"code":"x = 41"}' | python3 -c 'import json,sys; print(json.load(sys.stdin)["session_id"])')
curl -s ${origin}/run_code/ -d "{\\"code\\":\\"print(x + 1)\\",\\"session_id\\":\\"$ID\\"}"`,
  ],
  [
    "A Gradio app: its address is in `url`",
    run("import gradio as gr", 'gr.Interface(lambda name: "Hello " + name, "text", "text").launch()'),
  ],
  ["A Streamlit app", run("import streamlit as st", 'x = st.slider("x", 0, 100, 7)', "st.write(x * x)")],
  [
    "A CSV file becomes a dashboard",
    `DATA=$(curl -s "${origin}/data/?name=sales.csv" --data-binary @sales.csv | python3 -c 'import json,sys; print(json.load(sys.stdin)["dataset_id"])')
curl -s ${origin}/generate_ui/ -d "{\\"prompt\\":\\"a sales dashboard\\",\\"dataset_id\\":\\"$DATA\\"}"`,
  ],
  ["See it happen: the same, as a stream of events", `curl -sN -H 'accept: text/event-stream' ${origin}/run_code/ -d '{"code":"for n in range(3): print(n)"}'`],
];

export function showTerminal() {
  byId("terminal").append(
    ...LINES.map(([title, line]) => {
      const copy = element("button", { type: "button", className: "quiet", textContent: "Copy", attributes: { "aria-label": `Copy: ${title}` } });
      copyOnClick(copy, () => line);
      const head = element("div", { className: "row" }, element("h3", { textContent: title }), copy);
      return element("div", { className: "line" }, head, element("pre", { tabIndex: 0, textContent: line }));
    }),
  );
}
