import gradio as gr
import pandas as pd
import plotly.express as px

sales = pd.DataFrame(
    {
        "month": pd.date_range("2025-01-01", periods=24, freq="MS").repeat(3),
        "city": ["Bonn", "Kyoto", "Lima"] * 24,
        "revenue": [(7 * row) % 90 + row for row in range(72)],
    }
)


def show(city):
    chosen = sales[sales.city == city]
    return px.line(chosen, x="month", y="revenue", title=city), chosen[["revenue"]].describe().reset_index()


with gr.Blocks(title="Sales") as demo:
    gr.Markdown("# Sales")
    city = gr.Dropdown(sorted(sales.city.unique()), value="Bonn", label="City")
    chart = gr.Plot()
    table = gr.Dataframe()
    gr.Button("Show").click(show, city, [chart, table], api_name="show")

demo.launch()
