import pandas as pd
import plotly.express as px
import streamlit as st

sales = pd.DataFrame(
    {
        "month": pd.date_range("2025-01-01", periods=24, freq="MS").repeat(3),
        "city": ["Bonn", "Kyoto", "Lima"] * 24,
        "revenue": [(7 * row) % 90 + row for row in range(72)],
    }
)

st.title("Sales")
city = st.selectbox("City", sorted(sales.city.unique()))
chosen = sales[sales.city == city]
st.metric("Revenue", int(chosen.revenue.sum()))
st.plotly_chart(px.line(chosen, x="month", y="revenue", title=city))
st.dataframe(chosen[["revenue"]].describe())
