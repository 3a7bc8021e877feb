//! Writes a plan as a program.

mod gradio;
mod gradio_form;
mod respond;
mod source;
mod streamlit;
mod streamlit_form;

use model::Framework;

use crate::plan::{Aggregate, Body, Breakdown, DashboardPlan, Grain, Measure, Plan};
use crate::python::{Code, literal, wrap};

/// The program of a plan: one file that runs as it is, beside its data.
pub fn render(plan: &Plan) -> String {
    match (&plan.body, plan.framework) {
        (Body::Dashboard(dashboard), Framework::Streamlit) => {
            streamlit::write(&plan.title, dashboard)
        }
        (Body::Dashboard(dashboard), Framework::Gradio) => gradio::write(&plan.title, dashboard),
        (Body::Form(form), Framework::Streamlit) => streamlit_form::write(&plan.title, form),
        (Body::Form(form), Framework::Gradio) => gradio_form::write(&plan.title, form),
    }
}

/// The constants that say what a dashboard shows; a person changes the dashboard here.
fn constants(code: &mut Code, title: &str, dashboard: &DashboardPlan) {
    code.line(format!("TITLE = {}", literal(title)));
    code.line(format!(
        "DATA_FILE = {}",
        literal(&dashboard.source.file_name)
    ));
    code.line("\n# Label: the column, how its values are combined, how the result is written.");
    code.line("MEASURES = {");
    for measure in &dashboard.kpis {
        code.line(format!(
            "    {}: {},",
            literal(&measure.label),
            definition(measure)
        ));
    }
    code.line("}");
    if !dashboard.breakdowns.is_empty() {
        let entry = |breakdown: &Breakdown| {
            format!(
                "{}: {}",
                literal(&breakdown.label),
                literal(&breakdown.column)
            )
        };
        let entries: Vec<String> = dashboard.breakdowns.iter().map(entry).collect();
        code.line("# Label: the column whose values become bars, and how many bars at most.");
        code.call("CATEGORIES = {", &entries, "}");
        code.line(format!("TOP = {}", dashboard.breakdowns[0].top));
    }
}

fn definition(measure: &Measure) -> String {
    let how = literal(aggregate(measure.aggregate));
    let pattern = format!("\"{{:,.{}f}}\"", measure.decimals);
    let parts = [literal(&measure.column), how, pattern];
    // One level deeper, with room for the comma.
    wrap("(", &parts, ")", 1).replace('\n', "\n    ")
}

/// The name that `pandas` has for it.
fn aggregate(aggregate: Aggregate) -> &'static str {
    match aggregate {
        Aggregate::Sum => "sum",
        Aggregate::Mean => "mean",
        Aggregate::Median => "median",
        Aggregate::Min => "min",
        Aggregate::Max => "max",
        Aggregate::Distinct => "nunique",
        Aggregate::Rows => "size",
    }
}

/// The frequency that `pandas` knows, and what a person calls it.
fn frequency(grain: Grain) -> (&'static str, &'static str) {
    match grain {
        Grain::Hour => ("h", "hour"),
        Grain::Day => ("D", "day"),
        Grain::Week => ("W", "week"),
        Grain::Month => ("MS", "month"),
        Grain::Quarter => ("QS", "quarter"),
        Grain::Year | Grain::Value => ("YS", "year"),
    }
}

/// The head of a function, on one line if it fits.
fn head(name: &str, parameters: &str, result: &str) -> String {
    wrap(
        &format!("def {name}("),
        &[parameters.to_owned()],
        &format!(") -> {result}:"),
        0,
    )
    // Parameters stay on one line, and then take no comma at its end.
    .replace(",\n)", "\n)")
}

/// The points of the trend: a table with `period`, `value` and, with several lines, `group`.
fn trend_points(code: &mut Code, dashboard: &DashboardPlan) {
    let Some(trend) = &dashboard.trend else {
        return;
    };
    let period = match trend.grain {
        Grain::Value => literal(&trend.column),
        grain => {
            let (frequency, _) = frequency(grain);
            format!(
                "pd.Grouper(key={}, freq=\"{frequency}\")",
                literal(&trend.column)
            )
        }
    };
    code.line("column, how, _ = MEASURES[measure]");
    match &trend.split_by {
        None => {
            code.line(format!("periods = data.groupby({period})[column].agg(how)"));
            code.line("points = periods.rename(\"value\").rename_axis(\"period\").reset_index()");
        }
        Some(split_by) => {
            code.call("keys = [", &[period, literal(split_by)], "]");
            code.line("lines = data.groupby(keys)[column].agg(how)");
            code.line("points = lines.rename(\"value\").rename_axis([\"period\", \"group\"]).reset_index()");
        }
    }
}

/// The bars of one breakdown: a table with `category` and `value`.
fn breakdown_bars(code: &mut Code) {
    code.line("column, how, _ = MEASURES[measure]");
    code.line("groups = data.groupby(category)[column].agg(how).nlargest(TOP)");
    code.line("bars = groups.rename(\"value\").rename_axis(\"category\").reset_index()");
}
