import streamlit as st

st.title("Broken"  #: syntax_error
st.write("never")
