import streamlit as st

st.title("Settings")
with st.expander("More"):
    name = st.text_input("Name", default="nobody")  #: unknown_parameter default
    st.write(name)
