import pandas as pd
import streamlit as st

sales = pd.read_csv("sales.csv")


def overview():
    st.title("Overview")
    st.metric("Orders", len(sales))


def details():
    st.title("Details")
    st.dataframe(sales[["Region", "Profit"]])  #: unknown_column Profit


st.navigation([st.Page(overview, title="Overview"), st.Page(details, title="Details")]).run()
