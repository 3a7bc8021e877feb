import gradio as gr


def summary(text):
    words = text.split()
    return f"{len(words)} words, {np.mean([len(word) for word in words]):.1f} letters each"  #: undefined_name np


demo = gr.Interface(summary, gr.Textbox("some words here"), "textbox")
demo.launch()
