import gradio as gr
import uvicorn
from fastapi import FastAPI

app = FastAPI()
demo = gr.TabbedInterface(
    [
        gr.Interface(lambda text: len(text.split()), gr.Textbox(label="Text"), "number"),
        gr.Interface(lambda text: text.title(), "textbox", "textbox"),
    ],
    ["Count", "Capitals"],
)
app = gr.mount_gradio_app(app, demo, path="/words")

if __name__ == "__main__":
    uvicorn.run(app, port=7860)
