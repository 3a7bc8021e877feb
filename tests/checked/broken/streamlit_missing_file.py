import pandas as pd
import streamlit as st

st.title("Customers")
customers = pd.read_csv("customers.csv")  #: missing_file customers.csv
st.dataframe(customers)
