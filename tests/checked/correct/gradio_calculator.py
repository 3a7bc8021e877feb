import gradio as gr


def calculate(first, operation, second):
    if operation == "divide" and second == 0:
        raise gr.Error("Nothing can be divided by zero")
    return {
        "add": lambda: first + second,
        "subtract": lambda: first - second,
        "multiply": lambda: first * second,
        "divide": lambda: first / second,
    }[operation]()


demo = gr.Interface(
    calculate,
    ["number", gr.Radio(["add", "subtract", "multiply", "divide"]), gr.Number(0)],
    "number",
)
demo.launch()
