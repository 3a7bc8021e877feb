import pandas as pd
import streamlit as st

sales = pd.read_csv("sales.csv")
total = pd.DataFrame([{"Region": "All", "Revenue": sales["Revenue"].sum()}])
st.dataframe(sales.append(total))  #: removed_name DataFrame.append
