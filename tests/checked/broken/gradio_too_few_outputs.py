import gradio as gr


def split(text):  #: exception
    return text[: len(text) // 2]


with gr.Blocks() as demo:
    text = gr.Textbox("Gradio", label="Text")
    first = gr.Textbox(label="First half")
    second = gr.Textbox(label="Second half")
    text.submit(split, text, [first, second])

demo.launch()
