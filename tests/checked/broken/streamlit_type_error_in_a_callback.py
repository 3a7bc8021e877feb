import streamlit as st

st.session_state.setdefault("notes", [])


def add():
    st.session_state.notes += 1  #: exception


st.text_input("Note", key="note")
st.button("Add", on_click=add)
st.write(st.session_state.notes)
