import gradio as gr


def bill(amount, tip):
    share = amount * tip / 100
    return "Tip: " + share  #: exception


with gr.Blocks() as demo:
    gr.Markdown("# Tip calculator")
    amount = gr.Number(label="Bill", value=40)
    tip = gr.Slider(0, 30, value=10, label="Tip in percent")
    result = gr.Textbox(label="Result")
    gr.Button("Calculate").click(bill, [amount, tip], result)

demo.launch()
