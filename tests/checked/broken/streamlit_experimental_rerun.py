import streamlit as st

st.title("Counter")
if "count" not in st.session_state:
    st.session_state.count = 0
st.metric("Count", st.session_state.count)
if st.button("Add one"):
    st.session_state.count += 1
    st.experimental_rerun()  #: removed_name streamlit.experimental_rerun
