import altair as alt
import pandas as pd
import streamlit as st

sales = pd.read_csv("sales.csv", parse_dates=["Date"])


def overview():
    st.title("Overview")
    st.bar_chart(sales, x="Category", y="Revenue", color="Region")


def products():
    st.title("Products")
    top = sales.groupby("Product", as_index=False)["Revenue"].sum()
    chart = alt.Chart(top).mark_bar().encode(x="Revenue:Q", y=alt.Y("Product:N", sort="-x"))
    st.altair_chart(chart)


def data():
    st.title("Data")
    st.data_editor(sales, num_rows="dynamic")


st.navigation(
    {"Charts": [st.Page(overview), st.Page(products)], "Raw": [st.Page(data, title="Data")]}
).run()
