import streamlit as st

with st.form("order"):
    tea = st.selectbox("Tea", ["Assam", "Sencha"])
    if st.button("Order"):  #: bad_layout
        st.success(f"{tea} is on its way")
    st.form_submit_button("Send")
