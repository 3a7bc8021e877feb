import pandas as pd
import streamlit as st


@st.cache  #: removed_name streamlit.cache
def load():
    return pd.read_csv("sales.csv")


st.dataframe(load())
