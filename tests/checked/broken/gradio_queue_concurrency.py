import gradio as gr

demo = gr.Interface(lambda text: text[::-1], "textbox", "textbox", title="Backwards")
demo.queue(concurrency_count=4).launch()  #: unknown_parameter concurrency_count
