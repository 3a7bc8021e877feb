import datetime

import streamlit as st

st.title("Loan calculator")
with st.form("loan"):
    amount = st.number_input("Amount", 1_000, 1_000_000, 200_000, step=1_000)
    rate = st.number_input("Interest in percent", 0.0, 20.0, 3.5)
    years = st.slider("Years", 1, 40, 25)
    start = st.date_input("Start", datetime.date(2026, 1, 1))
    sent = st.form_submit_button("Calculate")
if sent:
    monthly_rate = rate / 1_200
    months = years * 12
    if monthly_rate:
        payment = amount * monthly_rate / (1 - (1 + monthly_rate) ** -months)
    else:
        payment = amount / months
    st.metric("Monthly payment", f"{payment:,.2f}")
    st.caption(f"From {start:%B %Y} for {months} months")
else:
    st.info("Fill in the form and press Calculate.")
