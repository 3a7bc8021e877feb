#: renders_nothing
import gradio as gr

with gr.Blocks() as demo:
    with gr.Row():
        with gr.Column():
            state = gr.State([])

demo.launch()
