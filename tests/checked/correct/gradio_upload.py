from __future__ import annotations

import gradio as gr
import pandas as pd


def load(file: str | None, progress=gr.Progress()):
    progress(0.5, desc="Reading")
    df = pd.read_csv(file)
    return df, gr.Dropdown(choices=list(df.columns)), df.describe().reset_index()


def plot(df, col):
    if df is None or col is None:
        raise gr.Error("Upload first")
    return df[col].value_counts().reset_index()


with gr.Blocks(theme=gr.themes.Soft(), css="footer {display: none}") as demo:
    state = gr.State()
    f = gr.File(label="CSV", file_types=[".csv"])
    col = gr.Dropdown([], label="Column")
    table = gr.Dataframe()
    chart = gr.BarPlot(x="c", y="count")
    f.upload(load, f, [state, col, table])
    col.change(plot, [state, col], chart)

    @gr.render(inputs=col)
    def show(c):
        if not c:
            gr.Markdown("nothing")
        else:
            gr.Textbox(c)


if __name__ == "__main__":
    demo.queue(max_size=5).launch(share=True, server_port=7860, show_error=True)
