import gradio as gr


def answer(message, history):
    history.append({"role": "user", "content": message})
    history.append({"role": "assistant", "content": message[::-1]})
    return "", history


with gr.Blocks() as demo:
    chat = gr.Chatbot(type="messages", label="Echo")  #: unknown_parameter type
    message = gr.Textbox(label="Message")
    message.submit(answer, [message, chat], [message, chat])

demo.launch()
