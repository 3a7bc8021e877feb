"""Results: what a cell shows, in the formats and chart types that E2B's SDK parses."""

import base64
import json

import pytest
from e2b_code_interpreter import Sandbox
from e2b_code_interpreter.charts import (
    BarChart,
    BoxAndWhiskerChart,
    ChartType,
    LineChart,
    PieChart,
    ScaleType,
    ScatterChart,
    SuperChart,
)


@pytest.fixture(scope="module")
def plots(sandbox: Sandbox):
    """A sandbox in which matplotlib has been imported."""
    assert sandbox.run_code("import matplotlib.pyplot as plt").error is None
    return sandbox


def only(execution):
    assert execution.error is None, execution.error.traceback
    assert len(execution.results) == 1, execution.results
    return execution.results[0]


def test_a_data_frame_comes_as_text_html_and_data(sandbox):
    result = only(
        sandbox.run_code(
            "import pandas as pd\npd.DataFrame({'city': ['Bonn', 'Köln'], 'n': [1, 2]})"
        )
    )
    assert result.is_main_result
    assert "Bonn" in result.text
    assert "<table" in result.html and "Köln" in result.html
    assert result.data == {"city": ["Bonn", "Köln"], "n": [1, 2]}
    assert {"text", "html", "data"} <= set(result.formats())


def test_a_data_frame_with_dates_and_gaps_has_data_too(sandbox):
    code = "pd.DataFrame({'day': pd.to_datetime(['2024-01-01', None]), 'v': [1.5, None]})"
    result = only(sandbox.run_code("import pandas as pd\n" + code))
    assert set(result.data) == {"day", "v"}
    assert result.data["v"][0] == 1.5


def test_lists_and_dicts_come_as_json_too(sandbox):
    result = only(sandbox.run_code("{'a': [1, 2, {'b': None}]}"))
    assert result.json == {"a": [1, 2, {"b": None}]}
    assert result.text == "{'a': [1, 2, {'b': None}]}"
    assert only(sandbox.run_code("[1, 2]")).json == [1, 2]


@pytest.mark.parametrize(
    ("call", "format", "expected"),
    [
        ("HTML('<b>bold</b>')", "html", "<b>bold</b>"),
        ("Markdown('# Title')", "markdown", "# Title"),
        ("Latex('$x^2$')", "latex", "$x^2$"),
        ("JSON({'a': 1})", "json", {"a": 1}),
        ("Javascript('1 + 1')", "javascript", "1 + 1"),
        (
            "SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')",
            "svg",
            '<svg xmlns="http://www.w3.org/2000/svg"/>',
        ),
    ],
)
def test_every_text_format_comes_through(sandbox, call, format, expected):
    result = only(sandbox.run_code(f"from IPython.display import *\n{call}"))
    assert result[format] == expected
    assert format in result.formats()


@pytest.mark.parametrize(("format", "magic"), [("png", b"\x89PNG"), ("jpeg", b"\xff\xd8\xff")])
def test_an_image_comes_as_base64(sandbox, format, magic):
    code = f"""
import io
from PIL import Image as Pillow
from IPython.display import Image
buffer = io.BytesIO()
Pillow.new("RGB", (4, 4), "red").save(buffer, "{format}")
Image(buffer.getvalue(), format="{format}")
"""
    assert base64.b64decode(only(sandbox.run_code(code))[format]).startswith(magic)


def test_a_picture_of_pillow_is_shown_when_it_is_the_result(sandbox):
    result = only(
        sandbox.run_code("from PIL import Image as Pillow\nPillow.new('RGB', (4, 4), 'red')")
    )
    assert base64.b64decode(result.png).startswith(b"\x89PNG")


def test_a_pdf_comes_as_base64(sandbox):
    code = "from IPython.display import display\ndisplay({'application/pdf': 'JVBERi0xLjQK'}, raw=True)"
    assert base64.b64decode(only(sandbox.run_code(code)).pdf).startswith(b"%PDF")


def test_a_format_of_its_own_comes_as_extra(sandbox):
    code = "from IPython.display import display\ndisplay({'application/vnd.mine+json': {'a': 1}, 'text/plain': 't'}, raw=True)"
    result = only(sandbox.run_code(code))
    assert result.extra == {"application/vnd.mine+json": {"a": 1}}
    assert result.text == "t"


def test_several_displays_come_in_order_before_the_main_result(sandbox):
    execution = sandbox.run_code("display('one'); display('two'); 'three'")
    assert [(result.text, result.is_main_result) for result in execution.results] == [
        ("one", False),
        ("two", False),
        ("three", True),
    ]
    assert execution.text == "three"


def test_an_execution_becomes_json(sandbox):
    execution = sandbox.run_code("print('out'); 1")
    document = json.loads(execution.to_json())
    assert document["results"][0]["text"] == "1"
    assert json.loads(document["logs"])["stdout"] == ["out\n"]


def chart_of(execution, kind, type):
    result = only(execution)
    assert base64.b64decode(result.png).startswith(b"\x89PNG")
    assert isinstance(result.chart, type) and result.chart.type == kind
    return result.chart


def test_a_line_chart_comes_as_data(plots):
    code = """
plt.plot([1, 2, 3], [4, 5, 7], label="speed")
plt.plot([1, 2, 3], [1, 1, 2], label="load")
plt.title("Trip"); plt.xlabel("Time (s)"); plt.ylabel("Speed (m/s)"); plt.legend()
plt.show()
"""
    chart = chart_of(plots.run_code(code), ChartType.LINE, LineChart)
    assert (chart.title, chart.x_label, chart.y_label) == ("Trip", "Time (s)", "Speed (m/s)")
    assert (chart.x_unit, chart.y_unit) == ("s", "m/s")
    assert chart.x_scale == ScaleType.LINEAR and chart.x_ticks
    assert [line.label for line in chart.elements] == ["speed", "load"]
    assert chart.elements[0].points == [(1, 4), (2, 5), (3, 7)]


def test_dates_make_a_datetime_axis(plots):
    code = """
import datetime
plt.plot([datetime.date(2024, 1, day) for day in (1, 2, 3)], [1, 2, 3])
plt.show()
"""
    chart = chart_of(plots.run_code(code), ChartType.LINE, LineChart)
    assert chart.x_scale == ScaleType.DATETIME
    assert chart.elements[0].points[0][0].startswith("2024-01-01")


def test_a_scatter_chart_comes_as_data(plots):
    chart = chart_of(
        plots.run_code("plt.scatter([1, 2], [3, 4], label='dots'); plt.show()"),
        ChartType.SCATTER,
        ScatterChart,
    )
    assert chart.elements[0].points == [(1, 3), (2, 4)]


def test_a_bar_chart_comes_as_data(plots):
    chart = chart_of(
        plots.run_code("plt.bar(['Ada', 'Bob'], [3, 5], label='marks'); plt.show()"),
        ChartType.BAR,
        BarChart,
    )
    assert [(bar.label, float(bar.value)) for bar in chart.elements] == [("Ada", 3.0), ("Bob", 5.0)]


def test_a_pie_chart_comes_as_data(plots):
    chart = chart_of(
        plots.run_code("plt.pie([1, 3], labels=['A', 'B']); plt.title('Cake'); plt.show()"),
        ChartType.PIE,
        PieChart,
    )
    assert chart.title == "Cake"
    assert [(slice.label, round(slice.angle)) for slice in chart.elements] == [
        ("A", 90),
        ("B", 270),
    ]


def test_a_box_and_whisker_chart_comes_as_data(plots):
    data = "[[85, 92, 78, 95, 88], [65, 72, 68, 90, 55, 40]]"
    code = f"plt.boxplot({data}, tick_labels=['x', 'y'], patch_artist=True); plt.show()"
    chart = chart_of(plots.run_code(code), ChartType.BOX_AND_WHISKER, BoxAndWhiskerChart)
    x, y = chart.elements
    assert (x.label, x.min, x.first_quartile, x.median, x.third_quartile, x.max) == (
        "x",
        78,
        85,
        88,
        92,
        95,
    )
    assert (y.label, y.median, y.outliers) == ("y", 66.5, [])


def test_ticks_that_numpy_made_are_no_obstacle(plots):
    chart = chart_of(
        plots.run_code("plt.plot([1, 2]); plt.xticks([0, 1]); plt.show()"),
        ChartType.LINE,
        LineChart,
    )
    assert chart.x_ticks == [0, 1]


def test_several_axes_make_a_superchart(plots):
    code = """
figure, (left, right) = plt.subplots(1, 2)
left.bar(["a"], [1]); left.set_title("left")
right.plot([1, 2], [3, 4]); right.set_title("right")
plt.show()
"""
    chart = chart_of(plots.run_code(code), ChartType.SUPERCHART, SuperChart)
    assert [(inner.type, inner.title) for inner in chart.elements] == [
        (ChartType.BAR, "left"),
        (ChartType.LINE, "right"),
    ]
    assert chart.to_dict()["type"] == "superchart"


def test_figures_are_shown_without_a_call_and_each_once(plots):
    execution = plots.run_code("for n in range(2):\n    plt.figure()\n    plt.plot([n, n])")
    assert execution.error is None
    assert [bool(result.png) for result in execution.results] == [True, True]


def test_plotly_and_altair_charts_come_with_something_to_show(sandbox):
    execution = sandbox.run_code("import plotly.express as px\npx.bar(x=['a'], y=[1])")
    result = only(execution)
    assert result.html or "application/vnd.plotly.v1+json" in (result.extra or {})
    code = "import altair, pandas\naltair.Chart(pandas.DataFrame({'a': [1]})).mark_point().encode(x='a')"
    result = only(sandbox.run_code(code))
    assert result.html or any("vega" in key for key in (result.extra or {}))
