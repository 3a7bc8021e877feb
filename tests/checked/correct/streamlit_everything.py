import datetime as dt

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

st.set_page_config("X", "📈", "wide")


@st.cache_resource
def conn():
    import sqlite3

    c = sqlite3.connect(":memory:", check_same_thread=False)
    pd.read_csv("sales.csv", parse_dates=["Date"]).to_sql("sales", c, index=False)
    return c


df = pd.read_sql("select * from sales", conn(), parse_dates=["Date"])
lo, hi = df["Date"].min().date(), df["Date"].max().date()
rng = st.sidebar.date_input("Range", (lo, hi))
if isinstance(rng, tuple) and len(rng) == 2:
    df = df[df["Date"].dt.date.between(*rng)]
metric = st.segmented_control("Metric", ["Units", "Revenue"], default="Units")
pick = st.pills("Tags", ["a", "b"], selection_mode="multi")
q = st.text_input("Search")
if q:
    df = df[df["Product"].str.contains(q, case=False)]
metric = metric or "Units"
fig = make_subplots(specs=[[{"secondary_y": True}]])
g = df.groupby("Date")[metric].sum()
fig.add_trace(go.Scatter(x=g.index, y=g.values, name=metric))
ev = st.plotly_chart(fig, use_container_width=True, on_select="rerun")


@st.fragment
def part():
    n = st.number_input("n", 1, 10)
    st.write("x" * n)
    if st.button("rerun fragment"):
        st.rerun(scope="fragment")


part()


@st.dialog("Confirm")
def ask():
    if st.button("Yes"):
        st.session_state.ok = True
        st.rerun()


if st.button("Delete"):
    ask()
with st.status("Working") as s:
    st.write("a")
    s.update(label="Done", state="complete")
edited = st.data_editor(
    df.head(), column_config={"Revenue": st.column_config.NumberColumn(format="$%.2f")}
)
st.map(pd.DataFrame({"lat": [52.5], "lon": [13.4]}))
with st.popover("More"):
    st.toggle("t")
    st.color_picker("c")
    st.time_input("t2", dt.time(8))
    st.file_uploader("f", accept_multiple_files=True)
    st.camera_input("c2")
st.graphviz_chart("digraph{a->b}")
st.latex("x^2")
st.json({"a": 1})
st.code("x")
tot = df.pivot_table(index="Region", columns="Category", values="Revenue", aggfunc="sum")
st.dataframe(
    tot.style.background_gradient() if st.checkbox("style") else tot.style.format("{:.1f}")
)
for i in range(3):
    if st.button(f"b{i}", key=i):
        st.toast(str(i))
if st.sidebar.button("Reset"):
    for k in list(st.session_state):
        del st.session_state[k]
    st.rerun()
st.write_stream(x for x in ["a", "b"])
