import pandas as pd
import streamlit as st

sales = pd.read_csv("sales.csv")
st.title("Revenue by region")
st.metric("Total", f"{sales['revenue'].sum():,.0f}")  #: unknown_column revenue
