import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import streamlit as st

st.header("Distributions")
kind = st.radio("Distribution", ["Normal", "Uniform", "Exponential"], horizontal=True)
size = st.select_slider("Size", [100, 1_000, 10_000], value=1_000)
generator = np.random.default_rng(7)
values = {
    "Normal": generator.normal,
    "Uniform": generator.uniform,
    "Exponential": generator.exponential,
}[kind](size=size)
histogram, box, table = st.tabs(["Histogram", "Box", "Figures"])
with histogram:
    figure, axes = plt.subplots()
    sns.histplot(values, ax=axes, kde=True)
    st.pyplot(figure)
with box:
    figure, axes = plt.subplots()
    axes.boxplot(values)
    st.pyplot(figure)
table.table({"mean": [values.mean()], "deviation": [values.std()]})
