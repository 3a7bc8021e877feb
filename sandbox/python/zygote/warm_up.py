"""What nearly every dashboard does first, done once before all of them.

Libraries put off work until it is needed: they read their templates, find a font, look up a type,
and Python rewrites the functions that run often. Done here, it takes no time in the programs, and
its memory is shared. Nothing here may leave a thread, a counter or a random number behind.
"""

import io
import os
import sys


def use_all():
    for library, use in USES.items():
        if library in sys.modules:
            try:
                use()
            except Exception as error:
                # It is then done by the programs, as without us.
                print(f"zygote: cannot warm up {library}: {error!r}", file=sys.stderr, flush=True)
    # An allocator's own thread is made anew in whoever needs it.
    threads = [name for name in map(thread_name, os.listdir("/proc/self/task")) if "jemalloc" not in name]
    if len(threads) > 1:
        print(f"zygote: threads that no program will have: {threads}", file=sys.stderr, flush=True)


def thread_name(number):
    with open(f"/proc/self/task/{number}/comm") as file:
        return file.read().strip()


def frame():
    import pandas

    days = pandas.date_range("2024-01-01", periods=24, freq="D")
    return pandas.DataFrame(
        {"day": days, "kind": ["a", "b", "c"] * 8, "count": range(24), "share": [0.5, 1.5] * 12}
    )


def use_pandas():
    import pandas

    table = frame()
    table[table.kind == "a"].sort_values("count").head()
    table.groupby("kind")["count"].sum().reset_index()
    table.describe().reset_index()
    table.pivot_table(index="kind", values="count")
    table.resample("W", on="day")["count"].sum()
    sorted(table.kind.unique())
    table.to_dict("records")
    table.isna().sum()
    pandas.to_datetime(["2024-01-01", "2024-02-01"])
    pandas.read_csv(io.StringIO(table.to_csv(index=False)))
    repr(table)
    table._repr_html_()


def use_plotly():
    import plotly.express as express

    table = frame()
    for figure in (
        express.line(table, x="day", y="count", color="kind", title="a"),
        express.bar(table, x="kind", y="count"),
        express.scatter(table, x="count", y="share", color="kind"),
        express.area(table, x="day", y="count"),
        express.histogram(table, x="count"),
        express.box(table, x="kind", y="count"),
        express.pie(table, names="kind", values="count"),
        express.density_heatmap(table, x="kind", y="count"),
    ):
        figure.update_layout(title="a", xaxis_title="b", legend_title="c")
        figure.to_json()


def use_altair():
    import altair

    chart = altair.Chart(frame()).mark_bar().encode(x="kind", y="count", color="kind:N")
    chart.to_dict()


def use_matplotlib():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([1, 2], [1, 2], label="a")
    axes.bar([1, 2], [1, 2])
    axes.set_title("a")
    axes.legend()
    figure.savefig(io.BytesIO(), format="png")


USES = {
    "pandas": use_pandas,
    "plotly.express": use_plotly,
    "altair": use_altair,
    "matplotlib.figure": use_matplotlib,
}
