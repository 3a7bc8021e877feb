import gradio as gr

with gr.Blocks(title="Gallery") as demo:
    gr.Markdown("# Pictures")
    gallery = gr.Gallery(label="Pictures").style(columns=3)  #: removed_name Gallery.style

demo.launch()
