import streamlit as st

st.title("To do")
tasks = st.session_state.setdefault("tasks", ["Water the plants", "Write to Ada"])


def add():
    if st.session_state.new.strip():
        tasks.append(st.session_state.new)
    st.session_state.new = ""


st.text_input("New task", key="new", on_change=add)
for number, task in enumerate(list(tasks)):
    text, button = st.columns([5, 1])
    text.checkbox(task, key=f"done {number} {task}")
    if button.button("Remove", key=f"remove {number} {task}"):
        tasks.remove(task)
        st.rerun()
st.progress(0 if not tasks else 1 / (1 + len(tasks)))
