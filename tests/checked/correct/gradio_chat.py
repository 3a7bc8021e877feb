import time

import gradio as gr


def answer(message, history):
    said = ""
    for letter in f"You said: {message}"[:20]:
        said += letter
        time.sleep(0.005)
        yield said


demo = gr.ChatInterface(answer, title="Echo", examples=["Hello", "How are you?"])
demo.launch(theme=gr.themes.Soft())
