import gradio as gr

CITIES = {"France": ["Paris", "Lyon"], "Japan": ["Tokyo", "Osaka"]}


def cities_of(country):
    return gr.Dropdown.update(choices=CITIES[country])  #: removed_name gradio.Dropdown.update


with gr.Blocks() as demo:
    country = gr.Dropdown(list(CITIES), value="France", label="Country")
    city = gr.Dropdown(CITIES["France"], label="City")
    country.change(cities_of, country, city)

demo.launch()
