//! Writes a dashboard for Gradio, with the plots that Gradio brings.
//!
//! Only what Gradio 5.45 and 6 have in common is used.

use super::{breakdown_bars, constants, source, trend_points};
use crate::plan::{DashboardPlan, Filter, Grain, Relation, Trend};
use crate::python::{Code, identifier, literal, wrap};
use crate::wording::{humanize, humanize_lower};

/// Gradio's tables get slow beyond.
const TABLE_ROWS: usize = 200;

pub(super) fn write(title: &str, dashboard: &DashboardPlan) -> String {
    let controls = controls(&dashboard.filters);
    let mut code = Code::default();
    code.line("\"\"\"A dashboard over one CSV file. Run it with: python app.py\"\"\"\n");
    code.line("import gradio as gr\nimport pandas as pd\n");
    constants(&mut code, title, dashboard);
    code.function("def load_data() -> pd.DataFrame:", |code| {
        code.line("\"\"\"Read the file.\"\"\"");
        source::load_data(code, &dashboard.source);
    });
    code.line("\n\nDATA = load_data()");
    if !controls.is_empty() {
        filter_data(&mut code, dashboard, &controls);
    }
    kpi_texts(&mut code);
    if let Some(trend) = &dashboard.trend {
        draw_trend(&mut code, dashboard, trend);
    }
    if !dashboard.breakdowns.is_empty() {
        draw_breakdown(&mut code);
    }
    if let Some(relation) = &dashboard.relation {
        relation_points(&mut code, relation);
    }
    if let Some(column) = &dashboard.distribution {
        distribution_bars(&mut code, column);
    }
    table_rows(&mut code, dashboard);
    update(&mut code, dashboard, &controls);
    page(&mut code, dashboard, &controls);
    code.line("\nif __name__ == \"__main__\":\n    demo.launch()");
    code.finish()
}

/// A control: the variable that it is, and how it is made.
struct Control {
    variable: String,
    constructor: String,
}

fn controls(filters: &[Filter]) -> Vec<Vec<Control>> {
    let mut taken = Vec::new();
    let mut variable = |column: &str, end: &str| identifier(&format!("{column}{end}"), &mut taken);
    let mut controls = Vec::new();
    for filter in filters {
        let label = |end: &str| format!("label={}", literal(&format!("{}{end}", filter.label())));
        controls.push(match filter {
            Filter::Period { column, .. } => [(" from", "min"), (" to", "max")]
                .map(|(end, edge)| {
                    let day = format!("DATA[{}].{edge}().strftime(\"%Y-%m-%d\")", literal(column));
                    let arguments = [
                        day,
                        "include_time=False".to_owned(),
                        "type=\"datetime\"".to_owned(),
                        label(end),
                    ];
                    Control {
                        variable: variable(column, end),
                        constructor: wrap("gr.DateTime(", &arguments, ")", 4),
                    }
                })
                .into(),
            Filter::Choice { column, .. } => {
                let options = format!(
                    "sorted(DATA[{}].dropna().unique().tolist())",
                    literal(column)
                );
                let arguments = [options, "multiselect=True".to_owned(), label("")];
                let constructor = wrap("gr.Dropdown(", &arguments, ")", 4);
                vec![Control {
                    variable: variable(column, ""),
                    constructor,
                }]
            }
            Filter::Range {
                column, integer, ..
            } => [(" from", "min"), (" to", "max")]
                .map(|(end, edge)| {
                    let number = if *integer { "int" } else { "float" };
                    let side = |edge: &str| format!("{number}(DATA[{}].{edge}())", literal(column));
                    let mut arguments = vec![side("min"), side("max"), side(edge)];
                    if *integer {
                        arguments.push("step=1".to_owned());
                    }
                    arguments.push(label(end));
                    Control {
                        variable: variable(column, end),
                        constructor: wrap("gr.Slider(", &arguments, ")", 4),
                    }
                })
                .into(),
        });
    }
    controls
}

fn variables(controls: &[Vec<Control>]) -> Vec<String> {
    controls
        .iter()
        .flatten()
        .map(|control| control.variable.clone())
        .collect()
}

fn filter_data(code: &mut Code, dashboard: &DashboardPlan, controls: &[Vec<Control>]) {
    let head = wrap(
        "def filter_data(",
        &variables(controls),
        ") -> pd.DataFrame:",
        0,
    );
    code.function(head, |code| {
        code.line(
            "\"\"\"Return the rows that pass the filters; an empty filter lets all pass.\"\"\"",
        );
        code.line("keep = pd.Series(True, index=DATA.index)");
        for (filter, controls) in dashboard.filters.iter().zip(controls) {
            write_filter(code, filter, controls);
        }
        code.line("return DATA[keep]");
    });
}

fn write_filter(code: &mut Code, filter: &Filter, controls: &[Control]) {
    let variables: Vec<&str> = controls
        .iter()
        .map(|control| control.variable.as_str())
        .collect();
    match (filter, &variables[..]) {
        (Filter::Period { column, .. }, [from, to]) => {
            let column = format!("DATA[{}]", literal(column));
            code.block(format!("if {from}:"), |code| {
                code.line(format!("keep &= ~({column} < {from})"))
            });
            code.block(format!("if {to}:"), |code| {
                code.line(format!(
                    "keep &= ~({column} >= {to} + pd.Timedelta(days=1))"
                ));
            });
        }
        (Filter::Choice { column, .. }, [chosen]) => {
            let test = format!("keep &= DATA[{}].isin({chosen})", literal(column));
            code.block(format!("if {chosen}:"), |code| code.line(test));
        }
        (Filter::Range { column, .. }, [from, to]) => {
            let column = format!("DATA[{}]", literal(column));
            code.line(format!(
                "keep &= ~({column} < {from})\nkeep &= ~({column} > {to})"
            ));
        }
        _ => {}
    }
}

fn kpi_texts(code: &mut Code) {
    code.function("def kpi_texts(data: pd.DataFrame) -> list[str]:", |code| {
        code.line("\"\"\"Write each measure over all rows that are left.\"\"\"\ntexts = []");
        code.block("for column, how, pattern in MEASURES.values():", |code| {
            code.line("value = data[column].agg(how)");
            code.line("texts.append(\"–\" if pd.isna(value) else pattern.format(value))");
        });
        code.line("return texts");
    });
}

fn draw_trend(code: &mut Code, dashboard: &DashboardPlan, trend: &Trend) {
    let (_, period) = super::frequency(trend.grain);
    code.function(
        "def draw_trend(data: pd.DataFrame, measure: str) -> gr.LinePlot:",
        |code| {
            code.line(format!(
                "\"\"\"Draw the measure over time, one point for each {period}.\"\"\""
            ));
            trend_points(code, dashboard);
            if trend.split_by.is_some() {
                code.line("points[\"group\"] = points[\"group\"].astype(str)");
            }
            code.line(
                "return gr.LinePlot(points, y_title=measure, label=f\"{measure} over time\")",
            );
        },
    );
}

fn draw_breakdown(code: &mut Code) {
    let parameters = "data: pd.DataFrame, label: str, category: str, measure: str";
    let head = super::head("draw_breakdown", parameters, "gr.BarPlot");
    code.function(head, |code| {
        code.line("\"\"\"Draw the measure for the largest categories.\"\"\"");
        breakdown_bars(code);
        code.line("bars[\"category\"] = bars[\"category\"].astype(str)");
        code.line("# A bar that does not begin at zero lies.");
        code.line("lowest = float(min([0, *bars[\"value\"].dropna()]))");
        let arguments = [
            "bars".to_owned(),
            "y_title=measure".to_owned(),
            "y_lim=[lowest, None]".to_owned(),
            "label=f\"{measure} by {label}\"".to_owned(),
        ];
        code.call("return gr.BarPlot(", &arguments, ")");
    });
}

fn relation_points(code: &mut Code, relation: &Relation) {
    code.function(
        "def relation_points(data: pd.DataFrame) -> pd.DataFrame:",
        |code| {
            code.line("\"\"\"Return two columns against each other, one point for each row.\"\"\"");
            let mut points = vec![
                format!("\"x\": data[{}]", literal(&relation.x)),
                format!("\"y\": data[{}]", literal(&relation.y)),
            ];
            if let Some(color) = &relation.color {
                points.push(format!("\"group\": data[{}].astype(str)", literal(color)));
            }
            code.call("points = {", &points, "}");
            code.line(
                "# More points hide each other.\nreturn pd.DataFrame(points).dropna().head(2000)",
            );
        },
    );
}

fn distribution_bars(code: &mut Code, column: &str) {
    code.function(
        "def distribution_bars(data: pd.DataFrame) -> pd.DataFrame:",
        |code| {
            code.line("\"\"\"Count the rows in ranges of the column.\"\"\"");
            code.block("if data.empty:", |code| {
                code.line("return pd.DataFrame({\"value\": [0.0], \"rows\": [0]})");
            });
            code.line(format!(
                "counts = data[{}].value_counts(bins=20, sort=False)",
                literal(column)
            ));
            code.line(
                "return pd.DataFrame({\"value\": counts.index.mid, \"rows\": counts.to_numpy()})",
            );
        },
    );
}

fn table_rows(code: &mut Code, dashboard: &DashboardPlan) {
    code.function(
        "def table_rows(data: pd.DataFrame) -> pd.DataFrame:",
        |code| {
            code.line("\"\"\"Return the first rows as they are shown.\"\"\"");
            let days: Vec<String> = dashboard.source.days().map(literal).collect();
            if days.is_empty() {
                code.line(format!("return data.head({TABLE_ROWS})"));
                return;
            }
            code.line(format!("rows = data.head({TABLE_ROWS}).copy()"));
            for day in days {
                code.call(
                    &format!("rows[{day}] = rows[{day}].dt.strftime("),
                    &["\"%Y-%m-%d\"".to_owned()],
                    ")",
                );
            }
            code.line("return rows");
        },
    );
}

fn has_measured_charts(dashboard: &DashboardPlan) -> bool {
    dashboard.trend.is_some() || !dashboard.breakdowns.is_empty()
}

fn update(code: &mut Code, dashboard: &DashboardPlan, controls: &[Vec<Control>]) {
    let filters = variables(controls);
    let mut parameters = filters.clone();
    if has_measured_charts(dashboard) {
        parameters.insert(0, "measure".to_owned());
    }
    code.function(wrap("def update(", &parameters, "):", 0), |code| {
        code.line("\"\"\"Work out all that the page shows; called when a control changes.\"\"\"");
        if filters.is_empty() {
            code.line("data = DATA");
        } else {
            code.call("data = filter_data(", &filters, ")");
        }
        let mut results = vec!["*kpi_texts(data)".to_owned()];
        if dashboard.trend.is_some() {
            results.push("draw_trend(data, measure)".to_owned());
        }
        if !dashboard.breakdowns.is_empty() {
            let each = "for label, category in CATEGORIES.items()";
            results.push(format!(
                "*[\n    draw_breakdown(data, label, category, measure)\n    {each}\n]"
            ));
        }
        if dashboard.relation.is_some() {
            results.push("relation_points(data)".to_owned());
        }
        if dashboard.distribution.is_some() {
            results.push("distribution_bars(data)".to_owned());
        }
        results.push("table_rows(data)".to_owned());
        code.call("return (", &results, ")");
    });
}

fn page(code: &mut Code, dashboard: &DashboardPlan, controls: &[Vec<Control>]) {
    code.line("\n\nwith gr.Blocks(title=TITLE) as demo:");
    code.block_body(|code| {
        code.line("gr.Markdown(f\"# {TITLE}\")");
        code.block("with gr.Row():", |code| {
            code.line("kpis = [gr.Textbox(label=label, interactive=False) for label in MEASURES]");
        });
        code.block("with gr.Row():", |code| {
            if !controls.is_empty() || has_measured_charts(dashboard) {
                code.block("with gr.Column(scale=1, min_width=240):", |code| {
                    if has_measured_charts(dashboard) {
                        code.line("measure = gr.Dropdown(list(MEASURES), label=\"Measure\")");
                    }
                    for control in controls.iter().flatten() {
                        code.line(format!("{} = {}", control.variable, control.constructor));
                    }
                });
            }
            code.block("with gr.Column(scale=3):", |code| plots(code, dashboard));
        });
        code.call(
            "table = gr.Dataframe(",
            &[
                format!("label=\"Data (the first {TABLE_ROWS} rows)\""),
                "interactive=False".to_owned(),
            ],
            ")",
        );
        wiring(code, dashboard, controls);
    });
}

fn plots(code: &mut Code, dashboard: &DashboardPlan) {
    if let Some(trend) = &dashboard.trend {
        let mut arguments = vec!["x=\"period\"".to_owned(), "y=\"value\"".to_owned()];
        if let Some(split_by) = &trend.split_by {
            arguments.push("color=\"group\"".to_owned());
            arguments.push(format!("color_title={}", literal(&humanize(split_by))));
        }
        arguments.push(format!("x_title={}", literal(&trend.label)));
        arguments.push("label=\"Trend\"".to_owned());
        if trend.grain == Grain::Value {
            arguments.push("x_axis_format=\"d\"".to_owned());
        }
        code.call("trend = gr.LinePlot(", &arguments, ")");
    }
    if !dashboard.breakdowns.is_empty() {
        code.line("breakdowns = [");
        let arguments = "x=\"category\", y=\"value\", x_title=label, sort=\"-y\", label=label";
        code.line(format!("    gr.BarPlot(\n        {arguments}\n    )"));
        code.line("    for label in CATEGORIES\n]");
    }
    if let Some(relation) = &dashboard.relation {
        let mut arguments = vec!["x=\"x\"".to_owned(), "y=\"y\"".to_owned()];
        if let Some(color) = &relation.color {
            arguments.push("color=\"group\"".to_owned());
            arguments.push(format!("color_title={}", literal(&humanize(color))));
        }
        arguments.push(format!("x_title={}", literal(&humanize(&relation.x))));
        arguments.push(format!("y_title={}", literal(&humanize(&relation.y))));
        let heading = format!(
            "{} and {}",
            humanize(&relation.x),
            humanize_lower(&relation.y)
        );
        arguments.push(format!("label={}", literal(&heading)));
        code.call("relation = gr.ScatterPlot(", &arguments, ")");
    }
    if let Some(column) = &dashboard.distribution {
        let heading = format!("Distribution of {}", humanize_lower(column));
        let arguments = [
            "x=\"value\"".to_owned(),
            "y=\"rows\"".to_owned(),
            format!("x_title={}", literal(&humanize(column))),
            format!("label={}", literal(&heading)),
        ];
        code.call("distribution = gr.BarPlot(", &arguments, ")");
    }
}

fn wiring(code: &mut Code, dashboard: &DashboardPlan, controls: &[Vec<Control>]) {
    let mut inputs = variables(controls);
    if has_measured_charts(dashboard) {
        inputs.insert(0, "measure".to_owned());
    }
    let outputs = [
        (true, "*kpis"),
        (dashboard.trend.is_some(), "trend"),
        (!dashboard.breakdowns.is_empty(), "*breakdowns"),
        (dashboard.relation.is_some(), "relation"),
        (dashboard.distribution.is_some(), "distribution"),
        (true, "table"),
    ];
    let outputs: Vec<String> = outputs
        .iter()
        .filter(|(drawn, _)| *drawn)
        .map(|(_, name)| (*name).to_owned())
        .collect();
    code.line("");
    code.call("controls = [", &inputs, "]");
    code.call("outputs = [", &outputs, "]");
    code.line("demo.load(update, controls, outputs)");
    if !inputs.is_empty() {
        code.block("for control in controls:", |code| {
            code.line("control.change(update, controls, outputs)");
        });
    }
}
