import gradio as gr

with gr.Blocks() as demo:
    number = gr.Number(label="Number", value=3)
    result = gr.Number(label="Square")
    gr.Button("Square").click(lambda n: n * n, number, result, _js="(n) => n")  #: unknown_parameter _js

demo.launch()
