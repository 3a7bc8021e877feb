import gradio as gr


def greet(name):
    return f"Hello, {name}!"


with gr.Blocks() as demo:
    with gr.Box():  #: removed_name gradio.Box
        name = gr.Textbox(label="Your name")
        button = gr.Button("Greet")
    answer = gr.Textbox(label="Answer")
    button.click(greet, name, answer)

demo.launch()
