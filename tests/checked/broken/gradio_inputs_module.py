import gradio as gr


def double(number):
    return number * 2


demo = gr.Interface(
    fn=double,
    inputs=gr.inputs.Slider(0, 100, label="Number"),  #: removed_name gradio.inputs
    outputs="number",
)
demo.launch()
