import gradio as gr


def greet(name, times):
    return "\n".join([f"Hello, {name or 'stranger'}!"] * int(times))


demo = gr.Interface(
    fn=greet,
    inputs=[gr.Textbox(label="Name"), gr.Slider(1, 5, value=2, step=1, label="Times")],
    outputs=gr.Textbox(label="Greeting", lines=5),
    examples=[["Ada", 3]],
    title="Greeting",
    flagging_mode="never",
)

if __name__ == "__main__":
    demo.launch()
