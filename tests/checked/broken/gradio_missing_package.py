import gradio as gr
from transformers import pipeline  #: missing_package transformers

classify = pipeline("sentiment-analysis")
demo = gr.Interface(lambda text: classify(text)[0], "textbox", "json")
demo.launch()
