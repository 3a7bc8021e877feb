//! How the broken programs of `tests/checked/broken` are mended.

/// A broken program: its file, a part of what the check says of it, and the lines that change.
pub struct Mend {
    pub name: &'static str,
    pub message: &'static str,
    before: &'static str,
    after: &'static str,
}

const fn mend(
    name: &'static str,
    message: &'static str,
    before: &'static str,
    after: &'static str,
) -> Mend {
    Mend {
        name,
        message,
        before,
        after,
    }
}

impl Mend {
    /// The whole mended program.
    pub fn program(&self, broken: &str) -> String {
        let lines = format!("\n{}\n", self.before);
        let broken = format!("\n{broken}");
        assert_eq!(broken.matches(&lines).count(), 1, "{}", self.name);
        let mended = broken.replacen(&lines, &format!("\n{}\n", self.after), 1);
        mended.trim_start().to_owned()
    }

    /// The same as a patch.
    pub fn patch(&self) -> String {
        let (before, after) = (self.before, self.after);
        format!(
            "It is a small change:\n\n<<<<<<< SEARCH\n{before}\n=======\n{after}\n>>>>>>> REPLACE\n"
        )
    }
}

/// The rest of each program stays as it is, comments about mistakes too.
pub const MENDS: [Mend; 46] = [
    mend(
        "gradio_box",
        "use gr.Group()",
        "    with gr.Box():  #: removed_name gradio.Box",
        "    with gr.Group():",
    ),
    mend(
        "gradio_changes_without_end",
        "changes set off one another without end",
        "    celsius.change(to_fahrenheit, celsius, fahrenheit)\n    fahrenheit.change(to_celsius, fahrenheit, celsius)",
        "    celsius.input(to_fahrenheit, celsius, fahrenheit)\n    fahrenheit.input(to_celsius, fahrenheit, celsius)",
    ),
    mend(
        "gradio_chatbot_type",
        "takes no parameter `type`",
        "    chat = gr.Chatbot(type=\"messages\", label=\"Echo\")  #: unknown_parameter type",
        "    chat = gr.Chatbot(label=\"Echo\")",
    ),
    mend(
        "gradio_column_in_a_callback",
        "the data has no column 'Sales'; it has 'Order ID', 'Date'",
        "    totals = chosen.groupby(\"Category\", as_index=False)[\"Sales\"].sum()  #: unknown_column Sales\n    return px.bar(totals, x=\"Category\", y=\"Sales\")",
        "    totals = chosen.groupby(\"Category\", as_index=False)[\"Revenue\"].sum()\n    return px.bar(totals, x=\"Category\", y=\"Revenue\")",
    ),
    mend(
        "gradio_copy_button",
        "use buttons=['copy']",
        "    gr.Textbox(label=\"Louder\", show_copy_button=True),  #: unknown_parameter show_copy_button",
        "    gr.Textbox(label=\"Louder\", buttons=[\"copy\"]),",
    ),
    mend(
        "gradio_endless_callback",
        "was still busy in line",
        "    while answer != \"42\":\n        answer = answer.strip()  #: endless_run",
        "    answer = answer.strip()",
    ),
    mend(
        "gradio_endless_loop_at_import",
        "was still busy in line",
        "        if all(candidate % prime for prime in found):  #: endless_run\n            found.append(candidate)",
        "        if all(candidate % prime for prime in found):\n            found.append(candidate)\n        candidate += 1",
    ),
    mend(
        "gradio_input",
        "nobody can answer input()",
        "title = input(\"What shall the title be? \")  #: input_call input",
        "title = \"A title\"",
    ),
    mend(
        "gradio_inputs_module",
        "use the components themselves",
        "    inputs=gr.inputs.Slider(0, 100, label=\"Number\"),  #: removed_name gradio.inputs",
        "    inputs=gr.Slider(0, 100, label=\"Number\"),",
    ),
    mend(
        "gradio_js_of_an_event",
        "unexpected keyword argument '_js': use js",
        "    gr.Button(\"Square\").click(lambda n: n * n, number, result, _js=\"(n) => n\")  #: unknown_parameter _js",
        "    gr.Button(\"Square\").click(lambda n: n * n, number, result, js=\"(n) => n\")",
    ),
    mend(
        "gradio_listener_outside_of_blocks",
        "outside of a gradio.Blocks",
        "button.click(lambda value: value, text, text)  #: bad_layout",
        "    button.click(lambda value: value, text, text)",
    ),
    mend(
        "gradio_missing_package",
        "the package `transformers` (`import transformers`) is not installed",
        "from transformers import pipeline  #: missing_package transformers\n\nclassify = pipeline(\"sentiment-analysis\")\ndemo = gr.Interface(lambda text: classify(text)[0], \"textbox\", \"json\")",
        "\nGOOD = {\"good\", \"great\", \"love\"}\ndemo = gr.Interface(lambda text: {\"good\": len(GOOD & set(text.split()))}, \"textbox\", \"json\")",
    ),
    mend(
        "gradio_no_app",
        "ended without a Gradio app",
        "    return demo",
        "    return demo\n\n\ndemo = build()\ndemo.launch()",
    ),
    mend(
        "gradio_nothing_on_the_page",
        "the page is empty",
        "            state = gr.State([])",
        "            state = gr.State([])\n            gr.Markdown(\"# Nothing yet\")",
    ),
    mend(
        "gradio_queue_concurrency",
        "use default_concurrency_limit",
        "demo.queue(concurrency_count=4).launch()  #: unknown_parameter concurrency_count",
        "demo.queue(default_concurrency_limit=4).launch()",
    ),
    mend(
        "gradio_style_of_a_component",
        "use the parameters of its constructor",
        "    gallery = gr.Gallery(label=\"Pictures\").style(columns=3)  #: removed_name Gallery.style",
        "    gallery = gr.Gallery(label=\"Pictures\", columns=3)",
    ),
    mend(
        "gradio_too_few_outputs",
        "needed: 2, returned: 1",
        "    return text[: len(text) // 2]",
        "    return text[: len(text) // 2], text[len(text) // 2 :]",
    ),
    mend(
        "gradio_type_error_in_a_callback",
        "can only concatenate str",
        "    return \"Tip: \" + share  #: exception",
        "    return f\"Tip: {share:.2f}\"",
    ),
    mend(
        "gradio_undefined_name",
        "name 'np' is not defined",
        "import gradio as gr",
        "import gradio as gr\nimport numpy as np",
    ),
    mend(
        "gradio_update_of_a_class",
        "use gr.update(...)",
        "    return gr.Dropdown.update(choices=CITIES[country])  #: removed_name gradio.Dropdown.update",
        "    return gr.update(choices=CITIES[country], value=CITIES[country][0])",
    ),
    mend(
        "streamlit_beta_columns",
        "use st.columns()",
        "left, right = st.beta_columns(2)  #: removed_name streamlit.beta_columns",
        "left, right = st.columns(2)",
    ),
    mend(
        "streamlit_broken_page",
        "the data has no column 'Profit'",
        "    st.dataframe(sales[[\"Region\", \"Profit\"]])  #: unknown_column Profit",
        "    st.dataframe(sales[[\"Region\", \"Revenue\"]])",
    ),
    mend(
        "streamlit_button_in_a_form",
        "can't be used in an `st.form()`",
        "    if st.button(\"Order\"):  #: bad_layout\n        st.success(f\"{tea} is on its way\")\n    st.form_submit_button(\"Send\")",
        "    if st.form_submit_button(\"Order\"):\n        st.success(f\"{tea} is on its way\")",
    ),
    mend(
        "streamlit_cache",
        "use st.cache_data",
        "@st.cache  #: removed_name streamlit.cache",
        "@st.cache_data",
    ),
    mend(
        "streamlit_columns_of_nothing",
        "StreamlitInvalidColumnSpecError",
        "figures = {}",
        "figures = {\"Orders\": 12, \"Items\": 30}",
    ),
    mend(
        "streamlit_dates_as_text",
        "Can only use .dt accessor",
        "sales = pd.read_csv(\"sales.csv\")",
        "sales = pd.read_csv(\"sales.csv\", parse_dates=[\"Date\"])",
    ),
    mend(
        "streamlit_duplicate_element",
        "multiple `button` elements",
        "    st.button(\"Show details\")  #: duplicate_element",
        "    st.button(\"Show details\", key=region)",
    ),
    mend(
        "streamlit_endless_loop",
        "was still busy in line",
        "    steps += 1  #: endless_run",
        "    number = 3 * number + 1 if number % 2 else number // 2\n    steps += 1",
    ),
    mend(
        "streamlit_experimental_rerun",
        "use st.rerun()",
        "    st.experimental_rerun()  #: removed_name streamlit.experimental_rerun",
        "    st.rerun()",
    ),
    mend(
        "streamlit_mean_of_text",
        "does not support operation 'mean'",
        "st.dataframe(sales.groupby(\"Category\")[\"Product\"].mean())  #: wrong_dtype",
        "st.dataframe(sales.groupby(\"Category\")[\"Revenue\"].mean())",
    ),
    mend(
        "streamlit_missing_file",
        "No such file or directory: 'customers.csv'",
        "customers = pd.read_csv(\"customers.csv\")  #: missing_file customers.csv",
        "customers = pd.read_csv(\"sales.csv\")",
    ),
    mend(
        "streamlit_missing_import",
        "name 'pd' is not defined",
        "import streamlit as st",
        "import pandas as pd\nimport streamlit as st",
    ),
    mend(
        "streamlit_missing_package",
        "the package `prophet` (`import prophet`) is not installed",
        "from prophet import Prophet  #: missing_package prophet\n\nsales = pd.read_csv(\"sales.csv\", parse_dates=[\"Date\"])\nmodel = Prophet().fit(sales.rename(columns={\"Date\": \"ds\", \"Revenue\": \"y\"}))\nst.line_chart(model.predict(sales))",
        "\nsales = pd.read_csv(\"sales.csv\", parse_dates=[\"Date\"])\nst.line_chart(sales.set_index(\"Date\")[\"Revenue\"].rolling(7).mean())",
    ),
    mend(
        "streamlit_nothing_on_the_page",
        "the page is empty",
        "    st.dataframe(sales)",
        "    st.dataframe(sales)\n\n\nmain()",
    ),
    mend(
        "streamlit_pandas_append",
        "use pd.concat",
        "st.dataframe(sales.append(total))  #: removed_name DataFrame.append",
        "st.dataframe(pd.concat([sales, total]))",
    ),
    mend(
        "streamlit_query_params",
        "use st.query_params",
        "params = st.experimental_get_query_params()  #: removed_name streamlit.experimental_get_query_params\npage = params.get(\"page\", [\"home\"])[0]",
        "page = st.query_params.get(\"page\", \"home\")",
    ),
    mend(
        "streamlit_rerun_loop",
        "the page runs again and again",
        "st.rerun()  #: circular_state",
        "st.button(\"Tick\")",
    ),
    mend(
        "streamlit_state_after_its_widget",
        "cannot be modified after the widget",
        "    st.session_state.name = \"nobody\"  #: circular_state",
        "    name = \"nobody\"",
    ),
    mend(
        "streamlit_syntax_error",
        "'(' was never closed",
        "st.title(\"Broken\"  #: syntax_error",
        "st.title(\"Broken\")",
    ),
    mend(
        "streamlit_sys_exit",
        "sys.exit() ends the program for everybody",
        "    sys.exit(1)  #: exit_call sys.exit",
        "    st.stop()",
    ),
    mend(
        "streamlit_type_error_in_a_callback",
        "'int' object is not iterable",
        "    st.session_state.notes += 1  #: exception",
        "    st.session_state.notes = [*st.session_state.notes, st.session_state.note]",
    ),
    mend(
        "streamlit_unknown_parameter",
        "takes no parameter `default`",
        "    name = st.text_input(\"Name\", default=\"nobody\")  #: unknown_parameter default",
        "    name = st.text_input(\"Name\", value=\"nobody\")",
    ),
    mend(
        "streamlit_wrong_column",
        "the data has no column 'revenue'; it has 'Order ID', 'Date'",
        "st.metric(\"Total\", f\"{sales['revenue'].sum():,.0f}\")  #: unknown_column revenue",
        "st.metric(\"Total\", f\"{sales['Revenue'].sum():,.0f}\")",
    ),
    mend(
        "streamlit_wrong_column_as_attribute",
        "the data has no column 'Discount'",
        "st.write(sales.Discount.mean())  #: unknown_column Discount",
        "st.write(sales.Revenue.mean())",
    ),
    mend(
        "streamlit_wrong_column_behind_a_selection",
        "the data has no column 'Country'",
        "by = st.selectbox(\"By\", [\"Region\", \"Category\", \"Country\"])",
        "by = st.selectbox(\"By\", [\"Region\", \"Category\"])",
    ),
    mend(
        "streamlit_wrong_column_in_plotly",
        "the data has no column 'Amount'",
        "    y=\"Amount\",",
        "    y=\"Revenue\",",
    ),
];
