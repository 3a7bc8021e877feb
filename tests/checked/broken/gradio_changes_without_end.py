import gradio as gr


def to_fahrenheit(celsius):
    return celsius * 9 / 5 + 32


def to_celsius(fahrenheit):  #: circular_state
    return (fahrenheit - 30) * 5 / 9


with gr.Blocks() as demo:
    celsius = gr.Number(20, label="Celsius")
    fahrenheit = gr.Number(68, label="Fahrenheit")
    celsius.change(to_fahrenheit, celsius, fahrenheit)
    fahrenheit.change(to_celsius, fahrenheit, celsius)

demo.launch()
