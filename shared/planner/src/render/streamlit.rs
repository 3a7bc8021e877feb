//! Writes a dashboard for Streamlit, with charts by Altair.

use super::{breakdown_bars, constants, source, trend_points};
use crate::plan::{DashboardPlan, Filter, Grain, Relation, Trend};
use crate::python::{Code, literal, wrap};

pub(super) fn write(title: &str, dashboard: &DashboardPlan) -> String {
    let mut code = Code::default();
    code.line("\"\"\"A dashboard over one CSV file. Run it with: streamlit run app.py\"\"\"\n");
    if draws_charts(dashboard) {
        code.line("import altair as alt");
    }
    code.line("import pandas as pd\nimport streamlit as st\n");
    constants(&mut code, title, dashboard);
    code.function("@st.cache_data\ndef load_data() -> pd.DataFrame:", |code| {
        code.line("\"\"\"Read the file once; Streamlit keeps the result between reruns.\"\"\"");
        source::load_data(code, &dashboard.source);
    });
    filter_data(&mut code, dashboard);
    show_kpis(&mut code);
    if let Some(trend) = &dashboard.trend {
        draw_trend(&mut code, dashboard, trend);
    }
    if !dashboard.breakdowns.is_empty() {
        draw_breakdown(&mut code);
    }
    if let Some(relation) = &dashboard.relation {
        draw_relation(&mut code, relation);
    }
    if let Some(column) = &dashboard.distribution {
        draw_distribution(&mut code, column);
    }
    main(&mut code, dashboard);
    code.line("\n\nmain()");
    code.finish()
}

fn draws_charts(dashboard: &DashboardPlan) -> bool {
    dashboard.trend.is_some()
        || !dashboard.breakdowns.is_empty()
        || dashboard.relation.is_some()
        || dashboard.distribution.is_some()
}

fn filter_data(code: &mut Code, dashboard: &DashboardPlan) {
    if dashboard.filters.is_empty() {
        return;
    }
    code.function(
        "def filter_data(data: pd.DataFrame) -> pd.DataFrame:",
        |code| {
            code.line(
                "\"\"\"Draw the filters in the sidebar and return the rows that pass them.\"\"\"",
            );
            code.line("st.sidebar.header(\"Filters\")\nkeep = pd.Series(True, index=data.index)");
            for filter in &dashboard.filters {
                code.line("");
                write_filter(code, filter);
            }
            code.line("\nreturn data[keep]");
        },
    );
}

/// A filter that stands where it was put first lets everything pass, gaps included.
fn write_filter(code: &mut Code, filter: &Filter) {
    let text = literal(filter.label());
    match filter {
        Filter::Period { column, .. } => {
            let column = literal(column);
            let ends = ["min", "max"].map(|end| format!("data[{column}].{end}().date()"));
            code.call("whole_period = (", &ends, ")");
            let arguments = [text, "whole_period".to_owned(), "*whole_period".to_owned()];
            code.call("period = st.sidebar.date_input(", &arguments, ")");
            code.line("# While a period is being picked there is only its first day.");
            code.block("if len(period) == 2 and period != whole_period:", |code| {
                code.line(format!("keep &= data[{column}].dt.date.between(*period)"));
            });
        }
        Filter::Choice { column, .. } => {
            let column = literal(column);
            let options = format!("sorted(data[{column}].dropna().unique())");
            code.call("chosen = st.sidebar.multiselect(", &[text, options], ")");
            code.block("if chosen:", |code| {
                code.line(format!("keep &= data[{column}].isin(chosen)"));
            });
        }
        Filter::Range {
            column, integer, ..
        } => {
            let column = literal(column);
            let number = if *integer { "int" } else { "float" };
            let ends = ["min", "max"].map(|end| format!("{number}(data[{column}].{end}())"));
            code.call("whole_range = (", &ends, ")");
            let arguments = [text, "*whole_range".to_owned(), "whole_range".to_owned()];
            code.call("span = st.sidebar.slider(", &arguments, ")");
            code.block("if span != whole_range:", |code| {
                code.line(format!("keep &= data[{column}].between(*span)"));
            });
        }
    }
}

fn show_kpis(code: &mut Code) {
    code.function("def show_kpis(data: pd.DataFrame) -> None:", |code| {
        code.line("\"\"\"Show each measure over all rows that are left.\"\"\"");
        code.line("slots = st.columns(len(MEASURES))");
        code.block(
            "for slot, (label, (column, how, pattern)) in zip(slots, MEASURES.items()):",
            |code| {
                code.line("value = data[column].agg(how)");
                code.line("slot.metric(label, \"–\" if pd.isna(value) else pattern.format(value))");
            },
        );
    });
}

fn draw_trend(code: &mut Code, dashboard: &DashboardPlan, trend: &Trend) {
    let by_value = trend.grain == Grain::Value;
    let (_, period) = super::frequency(trend.grain);
    code.function(
        "def draw_trend(data: pd.DataFrame, measure: str) -> None:",
        |code| {
            code.line(format!(
                "\"\"\"Draw the measure over time, one point for each {period}.\"\"\""
            ));
            trend_points(code, dashboard);
            let label = literal(&trend.label);
            let kind = if by_value { "period:Q" } else { "period:T" };
            let mut x = vec![format!("\"{kind}\""), format!("title={label}")];
            if by_value {
                x.push("axis=alt.Axis(format=\"d\")".to_owned());
                x.push("scale=alt.Scale(zero=False)".to_owned());
            }
            let mut tooltip = vec!["\"period\"".to_owned(), "\"value\"".to_owned()];
            let mut channels = vec![
                wrap("x=alt.X(", &x, ")", 2),
                "y=alt.Y(\"value:Q\", title=measure)".to_owned(),
            ];
            if let Some(split_by) = &trend.split_by {
                let title = literal(&crate::wording::humanize(split_by));
                channels.push(format!("color=alt.Color(\"group:N\", title={title})"));
                tooltip.insert(0, "\"group\"".to_owned());
            }
            channels.push(format!("tooltip=[{}]", tooltip.join(", ")));
            code.line("chart = alt.Chart(points).mark_line()");
            code.call("chart = chart.encode(", &channels, ")");
            code.line("st.subheader(f\"{measure} over time\")\nst.altair_chart(chart)");
        },
    );
}

fn draw_breakdown(code: &mut Code) {
    let parameters = "data: pd.DataFrame, label: str, category: str, measure: str";
    let head = super::head("draw_breakdown", parameters, "None");
    code.function(head, |code| {
        code.line("\"\"\"Draw the measure for the largest categories.\"\"\"");
        breakdown_bars(code);
        code.line("chart = alt.Chart(bars).mark_bar()");
        let channels = [
            "x=alt.X(\"value:Q\", title=measure)".to_owned(),
            "y=alt.Y(\"category:N\", title=label, sort=\"-x\")".to_owned(),
            "tooltip=[\"category\", \"value\"]".to_owned(),
        ];
        code.call("chart = chart.encode(", &channels, ")");
        code.line("st.subheader(f\"{measure} by {label}\")\nst.altair_chart(chart)");
    });
}

fn draw_relation(code: &mut Code, relation: &Relation) {
    let title = |column: &str| literal(&crate::wording::humanize(column));
    code.function("def draw_relation(data: pd.DataFrame) -> None:", |code| {
        code.line("\"\"\"Draw two columns against each other, one point for each row.\"\"\"");
        let mut points = vec![
            format!("\"x\": data[{}]", literal(&relation.x)),
            format!("\"y\": data[{}]", literal(&relation.y)),
        ];
        let scale = "scale=alt.Scale(zero=False)";
        let mut channels = vec![
            wrap(
                "x=alt.X(",
                &[
                    "\"x:Q\"".to_owned(),
                    format!("title={}", title(&relation.x)),
                    scale.to_owned(),
                ],
                ")",
                2,
            ),
            wrap(
                "y=alt.Y(",
                &[
                    "\"y:Q\"".to_owned(),
                    format!("title={}", title(&relation.y)),
                    scale.to_owned(),
                ],
                ")",
                2,
            ),
        ];
        if let Some(color) = &relation.color {
            points.push(format!("\"group\": data[{}]", literal(color)));
            channels.push(format!(
                "color=alt.Color(\"group:N\", title={})",
                title(color)
            ));
        }
        code.call("points = {", &points, "}");
        code.line("# More points hide each other.");
        code.line("points = pd.DataFrame(points).dropna().head(5000)");
        code.line("chart = alt.Chart(points).mark_circle(opacity=0.6)");
        code.call("chart = chart.encode(", &channels, ")");
        let heading = format!(
            "{} and {}",
            crate::wording::humanize(&relation.x),
            crate::wording::humanize_lower(&relation.y)
        );
        code.call("st.subheader(", &[literal(&heading)], ")");
        code.line("st.altair_chart(chart)");
    });
}

fn draw_distribution(code: &mut Code, column: &str) {
    let label = crate::wording::humanize(column);
    code.function(
        "def draw_distribution(data: pd.DataFrame) -> None:",
        |code| {
            code.line("\"\"\"Count the rows in ranges of the column.\"\"\"");
            let name = literal(column);
            code.line(format!(
                "counts = data[{name}].value_counts(bins=20, sort=False)"
            ));
            code.line(
                "bars = pd.DataFrame({\"value\": counts.index.mid, \"rows\": counts.to_numpy()})",
            );
            let channels = [
                format!("x=alt.X(\"value:Q\", title={})", literal(&label)),
                "y=alt.Y(\"rows:Q\", title=\"Rows\")".to_owned(),
            ];
            code.line("chart = alt.Chart(bars).mark_bar()");
            code.call("chart = chart.encode(", &channels, ")");
            code.call(
                "st.subheader(",
                &[literal(&format!(
                    "Distribution of {}",
                    crate::wording::humanize_lower(column)
                ))],
                ")",
            );
            code.line("st.altair_chart(chart)");
        },
    );
}

fn main(code: &mut Code, dashboard: &DashboardPlan) {
    code.function("def main() -> None:", |code| {
        code.line("\"\"\"Draw the page from top to bottom.\"\"\"");
        code.line("st.set_page_config(page_title=TITLE, layout=\"wide\")\nst.title(TITLE)");
        let data = if dashboard.filters.is_empty() {
            "load_data()"
        } else {
            "filter_data(load_data())"
        };
        code.line(format!("data = {data}"));
        code.line("show_kpis(data)");
        code.block("if data.empty:", |code| {
            code.line("st.info(\"No rows pass the filters.\")\nreturn");
        });
        code.line("");
        let has_measured_charts = dashboard.trend.is_some() || !dashboard.breakdowns.is_empty();
        if has_measured_charts {
            code.line("measure = st.selectbox(\"Measure\", list(MEASURES))");
        }
        if dashboard.trend.is_some() {
            code.line("draw_trend(data, measure)");
        }
        breakdowns(code, dashboard.breakdowns.len());
        if dashboard.relation.is_some() {
            code.line("draw_relation(data)");
        }
        if dashboard.distribution.is_some() {
            code.line("draw_distribution(data)");
        }
        table(code, dashboard);
    });
}

fn breakdowns(code: &mut Code, count: usize) {
    match count {
        0 => {}
        1 => code.block("for label, category in CATEGORIES.items():", |code| {
            code.line("draw_breakdown(data, label, category, measure)");
        }),
        _ => {
            code.line("slots = st.columns(2)");
            code.block(
                "for number, (label, category) in enumerate(CATEGORIES.items()):",
                |code| {
                    code.block("with slots[number % 2]:", |code| {
                        code.line("draw_breakdown(data, label, category, measure)");
                    });
                },
            );
        }
    }
}

fn table(code: &mut Code, dashboard: &DashboardPlan) {
    let (heading, rows) = match dashboard.table.first_rows {
        None => ("Data".to_owned(), "data".to_owned()),
        Some(rows) => (
            format!("Data (the first {rows} rows)"),
            format!("data.head({rows})"),
        ),
    };
    code.line(format!("\nst.subheader(\"{heading}\")"));
    let days: Vec<String> = dashboard
        .source
        .days()
        .map(|column| format!("{}: st.column_config.DateColumn()", literal(column)))
        .collect();
    let mut arguments = vec![rows, "hide_index=True".to_owned()];
    if !days.is_empty() {
        arguments.push(wrap("column_config={", &days, "}", 2));
    }
    code.call("st.dataframe(", &arguments, ")");
}
