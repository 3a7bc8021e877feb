import pandas as pd
import plotly.express as px
import streamlit as st

st.set_page_config(page_title="Sales", layout="wide")


@st.cache_data
def load():
    return pd.read_csv("sales.csv", parse_dates=["Date"])


sales = load()
st.title("Sales")
with st.sidebar:
    regions = st.multiselect("Region", sorted(sales["Region"].unique()), default=["North", "South"])
    least = st.slider("Least units", 1, 20, 1)
chosen = sales[sales["Region"].isin(regions) & (sales["Units"] >= least)]
if chosen.empty:
    st.info("Nothing matches these filters.")
    st.stop()
for column, (name, value) in zip(
    st.columns(3),
    {
        "Orders": len(chosen),
        "Units": int(chosen["Units"].sum()),
        "Revenue": f"{chosen['Revenue'].sum():,.0f}",
    }.items(),
):
    column.metric(name, value)
monthly = chosen.set_index("Date").resample("ME")["Revenue"].sum().reset_index()
st.plotly_chart(px.line(monthly, x="Date", y="Revenue", markers=True), width="stretch")
left, right = st.columns(2)
left.plotly_chart(px.bar(chosen, x="Category", y="Revenue", color="Region"))
right.plotly_chart(px.pie(chosen, names="Product", values="Revenue"))
st.dataframe(chosen, hide_index=True)
st.download_button("Download", chosen.to_csv(index=False), "sales.csv", "text/csv")
