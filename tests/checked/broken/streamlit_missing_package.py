import pandas as pd
import streamlit as st
from prophet import Prophet  #: missing_package prophet

sales = pd.read_csv("sales.csv", parse_dates=["Date"])
model = Prophet().fit(sales.rename(columns={"Date": "ds", "Revenue": "y"}))
st.line_chart(model.predict(sales))
