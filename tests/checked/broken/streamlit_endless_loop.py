import streamlit as st

st.title("Collatz")
number, steps = 27, 0
while number != 1:
    steps += 1  #: endless_run
st.metric("Steps", steps)
