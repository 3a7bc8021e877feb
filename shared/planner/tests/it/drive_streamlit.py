"""Runs the Streamlit apps in the folders given as arguments, and tells what they showed.

One line of JSON for each: what is drawn at first, and the metrics after each control was moved.
"""

import datetime
import json
import os
import sys

import streamlit as st
from streamlit.testing.v1 import AppTest


def state(app):
    return {
        "exceptions": [element.message for element in app.exception],
        "titles": [element.value for element in app.title],
        "metrics": {element.label: element.value for element in app.metric},
        "charts": len(app.get("vega_lite_chart")) + len(app.get("arrow_vega_lite_chart")),
        "rows": [len(element.value) for element in app.dataframe],
        "texts": [element.value for element in app.text],
    }


def moves(app):
    """Move each control by itself, from the state in which the app starts."""
    for index, control in enumerate(app.sidebar.multiselect):
        yield control.label, lambda app, index=index: app.sidebar.multiselect[index].set_value(
            [app.sidebar.multiselect[index].options[0]]
        )
    for index, control in enumerate(app.sidebar.slider):
        low, high = control.value
        middle = low + (high - low) / 2
        middle = int(middle) if isinstance(low, int) else middle
        yield control.label, lambda app, index=index, span=(middle, high): app.sidebar.slider[
            index
        ].set_value(span)
    for index, control in enumerate(app.sidebar.date_input):
        first, last = control.value
        half = first + datetime.timedelta(days=(last - first).days // 2)
        yield control.label, lambda app, index=index, span=(half, last): app.sidebar.date_input[
            index
        ].set_value(span)
    for index, control in enumerate(app.main.text_input):
        yield control.label, lambda app, index=index: app.main.text_input[index].set_value("Ada")
    for index, control in enumerate(app.main.number_input):
        yield control.label, lambda app, index=index: app.main.number_input[index].set_value(5.0)


def press(app):
    for button in app.button:
        button.click()
    return app.run(timeout=60)


def drive(folder):
    os.chdir(folder)
    # All apps share this process, and the same text of a function is the same key of the cache.
    st.cache_data.clear()
    app = AppTest.from_file(os.path.abspath("app.py"), default_timeout=60).run()
    report = {"start": state(app), "moved": {}}
    for label, move in list(moves(app)):
        fresh = AppTest.from_file(os.path.abspath("app.py"), default_timeout=60).run()
        move(fresh)
        report["moved"][label] = state(press(fresh))
    for select in app.main.selectbox:
        for option in select.options:
            select.set_value(option)
            report["start"]["exceptions"] += state(app.run())["exceptions"]
    return report


for folder in sys.argv[1:]:
    print(json.dumps(drive(folder), default=str), flush=True)
