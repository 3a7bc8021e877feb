import streamlit as st

left, right = st.beta_columns(2)  #: removed_name streamlit.beta_columns
left.metric("Orders", 12)
right.metric("Revenue", "1,200")
