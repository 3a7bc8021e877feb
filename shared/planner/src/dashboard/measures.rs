//! Chooses the figures on top.

use profile::{ColumnProfile, Scalar};

use super::Context;
use crate::plan::{Aggregate, Measure};
use crate::role::{self, Role};
use crate::wording::humanize_lower;

/// How many columns become figures; the number of rows is one more.
const MOST: usize = 4;
/// How many when the prompt names none.
const UNASKED: usize = 3;

/// The figures, the most wanted first, the number of rows last.
pub(super) fn choose(context: &mut Context<'_>) -> Vec<Measure> {
    let measures = context.of_role(Role::Measure);
    let named = measures.iter().filter(|(_, mentioned)| *mentioned).count();
    let most = if named == 0 { UNASKED } else { named.min(MOST) };
    let mut chosen = Vec::new();
    for (column, _) in measures.into_iter().take(most) {
        let aggregate = asked_aggregate(context, column).unwrap_or_else(|| role::aggregate(column));
        add(&mut chosen, column, aggregate, context.profile.rows);
    }
    if named == 0 && !chosen.is_empty() {
        let labels: Vec<&str> = chosen
            .iter()
            .map(|measure| measure.label.as_str())
            .collect();
        let sentence = format!(
            "the prompt names no figures, so these were taken: {}",
            labels.join(", ")
        );
        context.assume(sentence);
    }
    identifiers(context, &mut chosen);
    let whole = context
        .profile
        .columns
        .iter()
        .min_by_key(|column| column.missing);
    if let Some(column) = whole {
        let label = unique("Rows".to_owned(), &chosen, &column.name);
        let column = column.name.clone();
        chosen.push(Measure {
            label,
            column,
            aggregate: Aggregate::Rows,
            decimals: 0,
        });
    }
    chosen
}

/// Identifiers that the prompt names are counted: "number of customers" is no sum of their numbers.
fn identifiers(context: &mut Context<'_>, chosen: &mut Vec<Measure>) {
    for (column, mentioned) in context.of_role(Role::Identifier) {
        if !mentioned || chosen.len() >= MOST {
            continue;
        }
        add(chosen, column, Aggregate::Distinct, context.profile.rows);
        context.assume(format!(
            "{:?} tells things apart, so its different values are counted and never added up",
            column.name
        ));
    }
}

fn add(chosen: &mut Vec<Measure>, column: &ColumnProfile, aggregate: Aggregate, rows: u64) {
    let name = humanize_lower(&column.name);
    let label = match aggregate {
        Aggregate::Sum if name.starts_with("total") => capitalize(&name),
        Aggregate::Sum => format!("Total {name}"),
        Aggregate::Mean if name.starts_with("average") || name.starts_with("avg") => {
            capitalize(&name)
        }
        Aggregate::Mean => format!("Average {name}"),
        Aggregate::Median => format!("Median {name}"),
        Aggregate::Min => format!("Lowest {name}"),
        Aggregate::Max => format!("Highest {name}"),
        Aggregate::Distinct => format!("Different {name}"),
        Aggregate::Rows => "Rows".to_owned(),
    };
    let label = unique(label, chosen, &column.name);
    let decimals = decimals(column, aggregate, rows);
    chosen.push(Measure {
        label,
        column: column.name.clone(),
        aggregate,
        decimals,
    });
}

/// The label, or where another figure has it, with the column's own name.
fn unique(label: String, chosen: &[Measure], column: &str) -> String {
    let taken = |label: &str| chosen.iter().any(|measure| measure.label == label);
    let mut label = if taken(&label) {
        format!("{label} ({column})")
    } else {
        label
    };
    while taken(&label) {
        label.push('\'');
    }
    label
}

fn capitalize(name: &str) -> String {
    crate::wording::humanize(name)
}

/// As many decimals as leave three or so digits that matter.
fn decimals(column: &ColumnProfile, aggregate: Aggregate, rows: u64) -> u8 {
    let size = |end: &Option<Scalar>| end.as_ref().and_then(Scalar::as_f64).map_or(0.0, f64::abs);
    let extreme = size(&column.min).max(size(&column.max));
    let mean = column.mean.map_or(extreme, f64::abs);
    let whole = column.kind == profile::ColumnType::Integer;
    let size = match aggregate {
        Aggregate::Distinct | Aggregate::Rows => return 0,
        Aggregate::Sum | Aggregate::Min | Aggregate::Max if whole => return 0,
        Aggregate::Sum => mean * rows as f64,
        Aggregate::Mean | Aggregate::Median | Aggregate::Min | Aggregate::Max => extreme,
    };
    match size {
        1000.0.. => 0,
        10.0.. => 1,
        0.1.. => 2,
        _ => 4,
    }
}

/// What the prompt says about how to put this column together, up to two words before its name.
fn asked_aggregate(context: &Context<'_>, column: &ColumnProfile) -> Option<Aggregate> {
    let stems = &context.prompt.stems;
    let mentions = context.prompt.mentions(&[&column.name]);
    let mention = mentions.first()?;
    let first = *mention.at.first()?;
    let before = (first.saturating_sub(2)..first)
        .rev()
        .map(|at| stems[at].as_str());
    let mut asked = None;
    for word in before {
        asked = asked.or(match word {
            "average" | "avg" | "mean" => Some(Aggregate::Mean),
            "total" | "sum" | "overall" => Some(Aggregate::Sum),
            "median" => Some(Aggregate::Median),
            "max" | "maximum" | "highest" | "peak" | "largest" => Some(Aggregate::Max),
            "min" | "minimum" | "lowest" | "smallest" => Some(Aggregate::Min),
            _ => None,
        });
    }
    asked
}
