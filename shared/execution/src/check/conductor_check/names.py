"""Names that libraries have lost, and what stands in their place."""

import functools
import importlib.metadata
import importlib.util

# Where a name that is not there can be told without running anything.
LIBRARIES = ("gradio", "streamlit", "pandas", "numpy", "plotly", "altair", "matplotlib", "seaborn")

# The package of a module, where it has another name.
PACKAGES = {
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dotenv": "python-dotenv",
    "PIL": "pillow",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}

REPLACEMENTS = {
    "gradio.Box": "gr.Group()",
    "gradio.Carousel": "gr.Gallery()",
    "gradio.Interface.load": "gr.load()",
    "gradio.LogoutButton": "gr.LoginButton()",
    "gradio.StatusTracker": "gr.Progress()",
    "gradio.TimeSeries": "gr.LinePlot()",
    "gradio.Timeseries": "gr.LinePlot()",
    "gradio.Variable": "gr.State()",
    "gradio.inputs": "the components themselves, such as gr.Textbox()",
    "gradio.outputs": "the components themselves, such as gr.Textbox()",
    "gradio.mix": "chained events: event.then(...)",
    "gradio.Parallel": "one gr.Blocks() with several outputs",
    "gradio.Series": "chained events: event.then(...)",
    "gradio.make_waveform": "gr.Audio(waveform_options=...)",
    "gradio.components.Variable": "gr.State()",
    "streamlit.beta_columns": "st.columns()",
    "streamlit.beta_container": "st.container()",
    "streamlit.beta_expander": "st.expander()",
    "streamlit.beta_secrets": "st.secrets",
    "streamlit.beta_set_page_config": "st.set_page_config()",
    "streamlit.bokeh_chart": "st.plotly_chart() or st.altair_chart()",
    "streamlit.cache": "st.cache_data for data, st.cache_resource for connections and models",
    "streamlit.caching": "st.cache_data.clear()",
    "streamlit.experimental_audio_input": "st.audio_input()",
    "streamlit.experimental_connection": "st.connection()",
    "streamlit.experimental_data_editor": "st.data_editor()",
    "streamlit.experimental_dialog": "st.dialog()",
    "streamlit.experimental_fragment": "st.fragment()",
    "streamlit.experimental_get_query_params": "st.query_params",
    "streamlit.experimental_memo": "st.cache_data",
    "streamlit.experimental_rerun": "st.rerun()",
    "streamlit.experimental_set_query_params": "st.query_params",
    "streamlit.experimental_singleton": "st.cache_resource",
    "streamlit.experimental_user": "st.user",
    "streamlit.report_thread": "st.session_state",
    "numpy.alltrue": "np.all()",
    "numpy.bool8": "np.bool_",
    "numpy.complex_": "np.complex128",
    "numpy.cumproduct": "np.cumprod()",
    "numpy.float": "float",
    "numpy.float_": "np.float64",
    "numpy.in1d": "np.isin()",
    "numpy.Inf": "np.inf",
    "numpy.int": "int",
    "numpy.NaN": "np.nan",
    "numpy.object": "object",
    "numpy.product": "np.prod()",
    "numpy.row_stack": "np.vstack()",
    "numpy.sometrue": "np.any()",
    "numpy.str": "str",
    "numpy.trapz": "np.trapezoid()",
    "pandas.datetime": "datetime.datetime",
    "pandas.np": "numpy itself: import numpy as np",
    "pandas.Panel": "a DataFrame with a MultiIndex",
    "pandas.Float64Index": "pd.Index()",
    "pandas.Int64Index": "pd.Index()",
    "pandas.util.testing": "pandas.testing",
    "matplotlib.cm.get_cmap": "matplotlib.colormaps[name]",
    "plotly.express.choropleth_mapbox": "px.choropleth_map()",
    "plotly.express.density_mapbox": "px.density_map()",
    "plotly.express.line_mapbox": "px.line_map()",
    "plotly.express.scatter_mapbox": "px.scatter_map()",
    "plotly.graph_objects.Scattermapbox": "go.Scattermap()",
    "seaborn.tsplot": "sns.lineplot()",
    "seaborn.factorplot": "sns.catplot()",
}

# Of classes; `Component` stands for all components of Gradio.
MEMBERS = {
    "Component.style": "the parameters of its constructor",
    "Component.update": "gr.update(...), or a new component, as the value that the callback returns",
    "DataFrame.append": "pd.concat([...])",
    "DataFrame.applymap": "DataFrame.map()",
    "DataFrame.iteritems": "DataFrame.items()",
    "DataFrame.ix": "DataFrame.loc or DataFrame.iloc",
    "DataFrame.lookup": "DataFrame.loc",
    "DataFrame.mad": "(df - df.mean()).abs().mean()",
    "DataFrame.swapaxes": "DataFrame.transpose()",
    "Series.append": "pd.concat([...])",
    "Series.iteritems": "Series.items()",
    "Series.mad": "(s - s.mean()).abs().mean()",
    "Styler.applymap": "Styler.map()",
    "Styler.set_precision": "Styler.format(precision=...)",
    "Styler.hide_index": "Styler.hide(axis='index')",
    "Styler.render": "Styler.to_html()",
}

# By the function or class, or `*` for any.
PARAMETERS = {
    "Audio.source": "use sources=['upload'] or sources=['microphone']",
    "Chatbot.bubble_full_width": "leave it out",
    "Chatbot.likeable": "leave it out: a .like() listener is enough",
    "Chatbot.type": "leave it out: messages are dictionaries with `role` and `content`",
    "ChatInterface.clear_btn": "leave it out",
    "ChatInterface.css": "give it to launch()",
    "ChatInterface.retry_btn": "leave it out",
    "ChatInterface.theme": "give it to launch()",
    "ChatInterface.type": "leave it out: messages are dictionaries with `role` and `content`",
    "ChatInterface.undo_btn": "leave it out",
    "Dataframe.height": "use max_height",
    "Dataframe.max_rows": "use max_height",
    "Dataframe.overflow_row_behaviour": "use max_height",
    "Image.shape": "use height and width",
    "Image.source": "use sources=['upload'] or sources=['webcam']",
    "Image.tool": "use gr.ImageEditor()",
    "Interface.allow_flagging": "use flagging_mode='never', 'auto' or 'manual'",
    "Interface.interpretation": "leave it out",
    "Interface.layout": "leave it out",
    "Tabs.children": "write the tabs below `with gr.Tabs():`",
    "Video.source": "use sources=['upload'] or sources=['webcam']",
    "launch.enable_queue": "leave it out: there is always a queue",
    "launch.show_api": "use footer_links",
    "launch.show_tips": "leave it out",
    "queue.concurrency_count": "use default_concurrency_limit",
    "read_csv.delim_whitespace": "use sep=r'\\s+'",
    "read_csv.error_bad_lines": "use on_bad_lines='skip'",
    "read_csv.infer_datetime_format": "leave it out",
    "fillna.method": "use .ffill() or .bfill()",
    "*.optional": "leave it out",
    "*._js": "use js",
    "*.show_api": "use api_visibility='private'",
    "*.show_copy_button": "use buttons=['copy']",
    "*.show_download_button": "use buttons=['download']",
    "*.show_fullscreen_button": "use buttons=['fullscreen']",
    "*.show_share_button": "use buttons=['share']",
    "*.status_tracker": "leave it out",
}


def replacement(name):
    """What stands in for a full name such as `gradio.Box`; None where nothing is known."""
    parts = name.split(".")
    member = MEMBERS.get(".".join(parts[-2:]))
    if parts[0] == "gradio" and parts[-1] in ("style", "update") and len(parts) > 2:
        member = MEMBERS[f"Component.{parts[-1]}"]
    return REPLACEMENTS.get(name) or member or REPLACEMENTS.get(f"{parts[0]}.{parts[-1]}")


@functools.cache
def version(library):
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return ""


@functools.cache
def is_installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False
