import gradio as gr

QUESTIONS = [("The capital of France?", "Paris"), ("Two times three?", "6")]


def check(answer, number):
    question, right = QUESTIONS[number]
    said = "Right!" if answer.strip().lower() == right.lower() else f"No, it is {right}."
    number = (number + 1) % len(QUESTIONS)
    return said, number, f"### {QUESTIONS[number][0]}", gr.update(value="")


def chosen(event: gr.SelectData):
    return f"You picked {event.value}"


with gr.Blocks() as demo:
    number = gr.State(0)
    question = gr.Markdown(f"### {QUESTIONS[0][0]}")
    answer = gr.Textbox(label="Answer", buttons=["copy"])
    result = gr.Label(label="Result")
    gr.Button("Check").click(check, [answer, number], [result, number, question, answer])
    table = gr.Dataframe([["Paris"], ["6"]], headers=["Hints"])
    hint = gr.Textbox(label="Hint")
    table.select(chosen, None, hint)
    gr.Timer(60).tick(lambda: "Time is up", None, hint)

demo.launch(auth=[("ada", "lovelace")])
