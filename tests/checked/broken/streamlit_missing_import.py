import streamlit as st

st.title("Sales")
sales = pd.read_csv("sales.csv")  #: undefined_name pd
st.bar_chart(sales, x="Region", y="Revenue")
