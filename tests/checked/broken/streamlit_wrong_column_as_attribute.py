import pandas as pd
import streamlit as st

sales = pd.read_csv("sales.csv")
st.title("Discounts")
st.write(sales.Discount.mean())  #: unknown_column Discount
