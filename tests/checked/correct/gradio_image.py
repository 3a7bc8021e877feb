import gradio as gr
import numpy as np


def edit(image, effect):
    if effect == "Negative":
        return 255 - image
    if effect == "Mirror":
        return np.fliplr(image)
    return np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2).astype("uint8")


with gr.Blocks() as demo:
    gr.Markdown("# Picture effects")
    with gr.Row():
        before = gr.Image(label="Before")
        after = gr.Image(label="After")
    effect = gr.Radio(["Negative", "Mirror", "Grey"], value="Negative", label="Effect")
    gr.Button("Apply", variant="primary").click(edit, [before, effect], after)

demo.launch()
