import streamlit as st

for region in ("North", "South"):
    st.header(region)
    st.button("Show details")  #: duplicate_element
