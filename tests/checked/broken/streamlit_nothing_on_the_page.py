#: renders_nothing
import pandas as pd
import streamlit as st

st.set_page_config(page_title="Sales", layout="wide")


def main():
    sales = pd.read_csv("sales.csv")
    st.dataframe(sales)
