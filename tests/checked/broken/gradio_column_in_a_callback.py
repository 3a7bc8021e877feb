import gradio as gr
import pandas as pd
import plotly.express as px

sales = pd.read_csv("sales.csv")


def chart(region):
    chosen = sales[sales["Region"] == region]
    totals = chosen.groupby("Category", as_index=False)["Sales"].sum()  #: unknown_column Sales
    return px.bar(totals, x="Category", y="Sales")


with gr.Blocks(title="Sales") as demo:
    region = gr.Dropdown(sorted(sales["Region"].unique()), value="North", label="Region")
    plot = gr.Plot()
    region.change(chart, region, plot)
    demo.load(chart, region, plot)

demo.launch()
