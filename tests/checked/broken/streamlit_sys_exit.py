import sys

import pandas as pd
import streamlit as st

sales = pd.read_csv("sales.csv")
if len(sales) < 1000:
    st.error("There is too little data")
    sys.exit(1)  #: exit_call sys.exit
st.dataframe(sales)
