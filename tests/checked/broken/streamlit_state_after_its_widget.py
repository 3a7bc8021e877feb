import streamlit as st

name = st.text_input("Name", key="name")
if not name:
    st.session_state.name = "nobody"  #: circular_state
st.write(f"Hello, {name}")
