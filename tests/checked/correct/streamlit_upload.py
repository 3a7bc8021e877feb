import pandas as pd
import streamlit as st

st.title("Look at your data")
file = st.file_uploader("A CSV file", type="csv")
if file is None:
    st.info("Upload a file, or look at the example.")
    if not st.toggle("Show the example"):
        st.stop()
    data = pd.read_csv("sales.csv")
else:
    try:
        data = pd.read_csv(file)
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        st.error(f"This file cannot be read: {error}")
        st.stop()
st.write(data.describe())
numbers = data.select_dtypes("number").columns
column = st.selectbox("Column", numbers)
st.line_chart(data[column])
