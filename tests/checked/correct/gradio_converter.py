import gradio as gr


def to_fahrenheit(celsius):
    return round(celsius * 9 / 5 + 32, 1)


def to_celsius(fahrenheit):
    return round((fahrenheit - 32) * 5 / 9, 1)


with gr.Blocks(title="Temperatures") as demo:
    celsius = gr.Number(20, label="Celsius")
    fahrenheit = gr.Number(68, label="Fahrenheit")
    celsius.change(to_fahrenheit, celsius, fahrenheit)
    fahrenheit.change(to_celsius, fahrenheit, celsius)

demo.launch()
