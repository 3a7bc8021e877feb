import time

import numpy as np
import streamlit as st

st.title("Live")
chart = st.empty()
values = [0.0]
while True:
    values.append(values[-1] + np.random.default_rng().normal())
    chart.line_chart(values[-50:])
    time.sleep(0.25)
