import pandas as pd
import streamlit as st

sales = pd.read_csv("sales.csv")
by = st.selectbox("By", ["Region", "Category", "Country"])
st.bar_chart(sales.groupby(by)["Revenue"].sum())  #: unknown_column Country
