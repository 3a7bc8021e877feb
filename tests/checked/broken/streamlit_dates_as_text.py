import pandas as pd
import streamlit as st

sales = pd.read_csv("sales.csv")
sales["Month"] = sales["Date"].dt.to_period("M").astype(str)  #: wrong_dtype
st.line_chart(sales.groupby("Month")["Revenue"].sum())
