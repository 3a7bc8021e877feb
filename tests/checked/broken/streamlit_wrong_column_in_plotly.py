import pandas as pd
import plotly.express as px
import streamlit as st

sales = pd.read_csv("sales.csv")
figure = px.bar(  #: unknown_column Amount
    sales,
    x="Region",
    y="Amount",
)
st.plotly_chart(figure)
