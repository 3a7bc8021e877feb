import pandas as pd
import streamlit as st

sales = pd.read_csv("sales.csv")
st.dataframe(sales.groupby("Category")["Product"].mean())  #: wrong_dtype
