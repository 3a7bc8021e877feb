import gradio as gr
import pandas as pd
import plotly.express as px

sales = pd.read_csv("sales.csv", parse_dates=["Date"])
regions = ["All", *sorted(sales["Region"].unique())]


def show(region, category):
    chosen = sales if region == "All" else sales[sales["Region"] == region]
    if category:
        chosen = chosen[chosen["Category"].isin(category)]
    monthly = chosen.groupby(chosen["Date"].dt.to_period("M").astype(str))["Revenue"].sum()
    line = px.line(x=monthly.index, y=monthly.values, labels={"x": "Month", "y": "Revenue"})
    bar = px.bar(chosen, x="Category", y="Revenue")
    return f"## {chosen['Revenue'].sum():,.0f}", line, bar, chosen.head(20)


with gr.Blocks(title="Sales") as demo:
    gr.Markdown("# Sales")
    with gr.Row():
        region = gr.Dropdown(regions, value="All", label="Region")
        category = gr.CheckboxGroup(sorted(sales["Category"].unique()), label="Category")
    total = gr.Markdown()
    with gr.Tabs():
        with gr.Tab("Charts"):
            with gr.Row():
                line, bar = gr.Plot(), gr.Plot()
        with gr.Tab("Data"):
            table = gr.Dataframe(interactive=False)
    outputs = [total, line, bar, table]
    gr.on([demo.load, region.change, category.change], show, [region, category], outputs)

demo.launch()
