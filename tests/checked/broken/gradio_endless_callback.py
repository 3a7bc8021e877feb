import gradio as gr


def wait_for(answer):
    while answer != "42":
        answer = answer.strip()  #: endless_run
    return answer


demo = gr.Interface(wait_for, gr.Textbox("41", label="Answer"), "textbox")
demo.launch()
