import gradio as gr


def shout(text):
    return text.upper()


demo = gr.Interface(
    shout,
    gr.Textbox(label="Text"),
    gr.Textbox(label="Louder", show_copy_button=True),  #: unknown_parameter show_copy_button
)

if __name__ == "__main__":
    demo.launch()
