import streamlit as st

st.title("Clock ticks")
if "ticks" not in st.session_state:
    st.session_state.ticks = 0
st.session_state.ticks += 1
st.metric("Ticks", st.session_state.ticks)
st.rerun()  #: circular_state
