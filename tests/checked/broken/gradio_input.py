import gradio as gr

title = input("What shall the title be? ")  #: input_call input

with gr.Blocks(title=title) as demo:
    gr.Markdown(f"# {title}")

demo.launch()
