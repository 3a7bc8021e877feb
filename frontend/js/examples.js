// What to try first.

/** Prompts; one with `sample` comes with data of its own. */
export const PROMPTS = [
  {
    label: "Sales by region, with sample data",
    prompt: "A dashboard of revenue over time and by region and product, with filters",
    sample: true,
  },
  { label: "Unit converter", prompt: "Convert kilometers to miles with a slider from 0 to 500" },
  { label: "To-do list", prompt: "A todo list with task and due date", framework: "streamlit" },
  {
    label: "Sign-up form",
    prompt:
      "A sign-up form with name, email, a dropdown for topic with news, events and jobs, and a checkbox for updates",
  },
];

/** Two years of made-up sales, the same each time. */
export function sampleFile() {
  const regions = { North: 1.2, South: 0.8, East: 1, West: 1.5 };
  const products = { Tea: 4.5, Coffee: 7.9, Cocoa: 6.2 };
  const lines = ["date,region,product,units,revenue"];
  for (let month = 0; month < 24; month += 1) {
    const date = `${2024 + Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, "0")}-01`;
    const season = 1 + 0.35 * Math.cos((month / 6) * Math.PI) + month * 0.015;
    Object.entries(regions).forEach(([region, strength], r) =>
      Object.entries(products).forEach(([product, price], p) => {
        const wobble = 1 + 0.12 * Math.sin(month * 1.7 + r * 2.3 + p * 4.1);
        const units = Math.round(120 * strength * season * wobble);
        lines.push(`${date},${region},${product},${units},${(units * price).toFixed(2)}`);
      }),
    );
  }
  return new File([lines.join("\n")], "sales.csv", { type: "text/csv" });
}

export const PROGRAMS = [
  {
    label: "Computation",
    code: `import statistics

values = [12, 15, 11, 19, 14]
print("mean", statistics.mean(values))
print("spread", round(statistics.stdev(values), 2))`,
  },
  {
    label: "Plot and table",
    code: `import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

x = np.linspace(0, 4 * np.pi, 300)
plt.figure(figsize=(8, 3.2))
plt.plot(x, np.sin(x), label="sine")
plt.plot(x, np.sin(x) * np.exp(-x / 6), label="damped")
plt.title("Two waves")
plt.legend()
plt.show()

waves = pd.DataFrame({"x": x, "sine": np.sin(x)})
waves.describe().round(2)`,
  },
  {
    label: "Gradio app",
    code: `import gradio as gr


def greet(name, times):
    return "\\n".join([f"Hello {name}!"] * int(times))


demo = gr.Interface(
    greet,
    [gr.Textbox(label="Name", value="Ada"), gr.Slider(1, 5, value=2, step=1, label="Times")],
    gr.Textbox(label="Greeting"),
)
demo.launch()`,
  },
  {
    label: "Streamlit app",
    code: `import numpy as np
import pandas as pd
import streamlit as st

st.title("Random walks")
walks = st.slider("Walks", 1, 10, 4)
steps = st.slider("Steps", 50, 500, 200)
random = np.random.default_rng(7)
data = pd.DataFrame(random.normal(size=(steps, walks)).cumsum(axis=0))
st.line_chart(data)
st.dataframe(data.tail(5))`,
  },
];
