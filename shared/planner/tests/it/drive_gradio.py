"""Runs the Gradio apps in the folders given as arguments, and tells what they showed.

One line of JSON for each: what the app's function answers over HTTP, to the values that the
controls have at first and after each was moved.
"""

import importlib.util
import json
import os
import sys

import gradio as gr
from gradio_client import Client


def load(folder, number):
    os.chdir(folder)
    spec = importlib.util.spec_from_file_location(f"app_{number}", "app.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def moved(controls, values):
    for index, control in enumerate(controls):
        new = list(values)
        if isinstance(control, gr.Slider):
            middle = control.minimum + (control.maximum - control.minimum) / 2
            new[index] = int(middle) if isinstance(control.minimum, int) else middle
        elif isinstance(control, gr.Dropdown) and control.multiselect:
            new[index] = [control.choices[0][1]]
        elif isinstance(control, gr.DateTime) and control.value:
            new[index] = "2000-06-01" if control.label.endswith("to") else "2099-01-01"
        elif isinstance(control, gr.Textbox):
            new[index] = "Ada"
        elif isinstance(control, gr.Number):
            new[index] = 5
        else:
            continue
        yield control.label, new


def shorten(answer):
    """Keep texts, and the sizes of tables and plots."""
    if isinstance(answer, dict) and answer.get("__type__") == "update":
        answer = answer.get("value")
    if isinstance(answer, dict) and "data" in answer:
        return {"rows": len(answer["data"])}
    return answer


def drive(folder, number):
    module = load(folder, number)
    _, url, _ = module.demo.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
    try:
        client = Client(url, verbose=False)
        if isinstance(module.demo, gr.ChatInterface):
            return {"title": module.demo.title, "start": [client.predict("hello", api_name="/respond")], "moved": {}}
        name = next(name for name in ("update", "respond", "add_row") if hasattr(module, name))
        controls = getattr(module, "controls", None) or module.inputs
        controls = [control for control in controls if not isinstance(control, gr.State)]
        values = [control.value for control in controls]

        def ask(values):
            answers = client.predict(*values, api_name=f"/{name}")
            answers = answers if isinstance(answers, (list, tuple)) else [answers]
            return [shorten(answer) for answer in answers]

        return {
            "title": module.TITLE,
            "start": ask(values),
            "moved": {label: ask(new) for label, new in moved(controls, values)},
        }
    finally:
        module.demo.close()


for number, folder in enumerate(sys.argv[1:]):
    print(json.dumps(drive(folder, number), default=str), flush=True)
