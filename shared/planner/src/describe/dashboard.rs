//! A dashboard in words.

use model::Framework;

use super::{Words, framework, name, names};
use crate::plan::{DashboardPlan, Filter, Grain, Plan, Source};

pub(super) fn words(plan: &Plan, dashboard: &DashboardPlan) -> Words {
    let file = name(&dashboard.source.file_name);
    let figures = names(dashboard.kpis.iter().map(|measure| measure.label.as_str()));
    let mut purpose = format!(
        "{} is a {} dashboard over the file {file}. It shows {figures}",
        name(&plan.title),
        framework(plan)
    );
    let mut by = Vec::new();
    if let Some(trend) = &dashboard.trend {
        by.push(format!("over time ({})", name(&trend.label)));
    }
    if !dashboard.breakdowns.is_empty() {
        let labels = dashboard.breakdowns.iter();
        let labels = names(labels.map(|breakdown| breakdown.label.as_str()));
        by.push(format!("by {labels}"));
    }
    if !by.is_empty() {
        purpose.push_str(", ");
        purpose.push_str(&by.join(" and "));
    }
    purpose.push('.');
    Words {
        purpose,
        audience: "People who know what the columns mean. They need to know no Python.",
        inputs: inputs(dashboard),
        components: components(plan, dashboard),
        layout: match plan.framework {
            Framework::Streamlit => "The filters in the sidebar. Beside them, from top to bottom: the title, the figures in a row, the choice of the figure, the charts, the rows.",
            Framework::Gradio => "The title, and the figures in a row. Below them the choice of the figure and the filters on the left, the charts on the right. At the bottom the rows.",
        }
        .to_owned(),
        interactions: interactions(dashboard),
        states: vec![
            match plan.framework {
                Framework::Streamlit => "Where no row passes the filters, the page says so in place of the charts.".to_owned(),
                Framework::Gradio => "Where no row passes the filters, the charts and the table are empty.".to_owned(),
            },
            "A figure without a value is shown as a dash.".to_owned(),
            "The file is read once, before anything is shown.".to_owned(),
        ],
        edge_cases: edge_cases(&dashboard.source),
    }
}

fn inputs(dashboard: &DashboardPlan) -> Vec<String> {
    let source = &dashboard.source;
    let delimiter = match source.delimiter {
        '\t' => "tab".to_owned(),
        other => format!("`{other}`"),
    };
    let mut inputs = vec![format!(
        "the file {}: {} columns, separated by {delimiter}, with the decimal mark `{}`",
        name(&source.file_name),
        source.columns,
        source.decimal
    )];
    inputs.extend(dashboard.filters.iter().map(|filter| {
        let label = name(filter.label());
        match filter {
            Filter::Period { .. } => format!("{label}: from one day to another; at first all"),
            Filter::Choice { .. } => format!("{label}: any of its values; at first all"),
            Filter::Range { .. } => format!("{label}: from one number to another; at first all"),
        }
    }));
    inputs
}

fn components(plan: &Plan, dashboard: &DashboardPlan) -> Vec<String> {
    let mut components: Vec<String> = dashboard
        .kpis
        .iter()
        .map(|measure| format!("{} as a figure", name(&measure.label)))
        .collect();
    if let Some(trend) = &dashboard.trend {
        let mut line = format!(
            "a line chart of the chosen figure over {}, {}",
            name(&trend.label),
            grain(trend.grain)
        );
        if let Some(column) = &trend.split_by {
            line.push_str(&format!(", with a line for each {}", name(column)));
        }
        components.push(line);
    }
    components.extend(dashboard.breakdowns.iter().map(|breakdown| {
        format!(
            "a bar chart of the chosen figure by {}, the {} largest",
            name(&breakdown.label),
            breakdown.top
        )
    }));
    if let Some(relation) = &dashboard.relation {
        let color = relation.color.as_deref();
        let color = color.map(|column| format!(", coloured by {}", name(column)));
        components.push(format!(
            "a scatter plot of {} against {}{}",
            name(&relation.y),
            name(&relation.x),
            color.unwrap_or_default()
        ));
    }
    if let Some(column) = &dashboard.distribution {
        components.push(format!(
            "a histogram of how often the values of {} occur",
            name(column)
        ));
    }
    components.push(match (plan.framework, dashboard.table.first_rows) {
        (Framework::Gradio, _) => "a table of the first rows".to_owned(),
        (Framework::Streamlit, Some(rows)) => format!("a table of the first {rows} rows"),
        (Framework::Streamlit, None) => "a table of all rows".to_owned(),
    });
    components
}

fn grain(grain: Grain) -> &'static str {
    match grain {
        Grain::Hour => "a point for each hour",
        Grain::Day => "a point for each day",
        Grain::Week => "a point for each week",
        Grain::Month => "a point for each month",
        Grain::Quarter => "a point for each quarter",
        Grain::Year => "a point for each year",
        Grain::Value => "a point for each of its values",
    }
}

fn interactions(dashboard: &DashboardPlan) -> Vec<String> {
    let mut interactions = Vec::new();
    if !dashboard.filters.is_empty() {
        interactions.push("A change of a filter changes figures, charts and table at once.".into());
    }
    if dashboard.kpis.len() > 1 && (dashboard.trend.is_some() || !dashboard.breakdowns.is_empty()) {
        interactions.push("The choice of a figure decides which one the charts show.".into());
    }
    if interactions.is_empty() {
        interactions.push("None: the page shows the file as it is.".into());
    }
    interactions
}

fn edge_cases(source: &Source) -> Vec<String> {
    let mut cases = vec!["Cells without a value count in no sum and in no average.".to_owned()];
    if !source.has_header {
        cases.push("The file has no row of names, so the columns are numbered.".to_owned());
    } else if source.names.is_some() {
        cases.push("Names of columns that are empty or come twice are written anew.".to_owned());
    }
    if source.extra_fields.is_some() {
        cases.push("Some rows have more fields than there are names.".to_owned());
    }
    if !source.text.is_empty() {
        let columns = names(source.text.iter().map(String::as_str));
        cases.push(format!(
            "Read as text, although it looks like numbers: {columns}."
        ));
    }
    cases
}
