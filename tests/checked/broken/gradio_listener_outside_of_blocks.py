import gradio as gr

with gr.Blocks() as demo:
    text = gr.Textbox(label="Text")
    button = gr.Button("Go")

button.click(lambda value: value, text, text)  #: bad_layout
demo.launch()
