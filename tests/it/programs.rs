//! Apps as people write them.

/// A slider and its square; everything about its start is somebody else's business here.
pub const GRADIO_SQUARE: &str = r#"
import gradio as gr

with gr.Blocks(title="Squares") as demo:
    side = gr.Slider(0, 100, value=10, step=1, label="Side")
    area = gr.Number(value=100, label="Area")
    side.change(lambda side: side * side, side, area)

demo.launch(share=True, server_name="0.0.0.0", server_port=8123)
"#;

/// It builds an app and ends without a launch.
pub const GRADIO_UNLAUNCHED: &str = r#"
import gradio as gr

with gr.Blocks(title="Quiet") as quiet:
    gr.Markdown("never launched")
"#;

/// A slider and its square, again.
pub const STREAMLIT_SQUARE: &str = r#"
import streamlit as st

st.title("Squares")
side = st.slider("Side", 0, 100, 10)
st.write(f"The area is {side * side}.")
"#;

/// It raises while it builds its app.
pub const GRADIO_BROKEN: &str = r#"import gradio as gr
print("brewing")
with gr.Blocks() as demo:
    raise RuntimeError("no coffee")
"#;

/// It prints something, in more than ASCII.
pub const STREAMLIT_TALKATIVE: &str = r#"
import streamlit as st

print("serving é", flush=True)
st.write("hello")
"#;

/// It dies a moment after it has begun to serve, at every start.
pub const GRADIO_MORTAL: &str = r#"
import os, threading
import gradio as gr

with gr.Blocks(title="Mortal") as demo:
    gr.Markdown("not for long")

print("I am <mortal>", flush=True)
demo.launch(prevent_thread_lock=True)
threading.Timer(2.0, lambda: os._exit(7)).start()
demo.block_thread()
"#;
