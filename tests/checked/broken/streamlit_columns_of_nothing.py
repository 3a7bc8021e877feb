import streamlit as st

figures = {}
for column, (name, value) in zip(st.columns(len(figures)), figures.items()):  #: bad_layout
    column.metric(name, value)
