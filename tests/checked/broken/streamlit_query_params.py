import streamlit as st

params = st.experimental_get_query_params()  #: removed_name streamlit.experimental_get_query_params
page = params.get("page", ["home"])[0]
st.title(page)
