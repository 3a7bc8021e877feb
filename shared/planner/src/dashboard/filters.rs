//! Chooses what the rows can be narrowed by.

use model::Framework;
use profile::{ColumnType, Scalar};

use super::Context;
use crate::plan::Filter;
use crate::role::Role;
use crate::wording::humanize;

/// A list with more options is no fun to use.
const MOST_OPTIONS: u64 = 50;
const MOST_CHOICES: usize = 3;

/// The filters: the time, some categories, some numbers; what the prompt mentions comes first.
pub(super) fn choose(context: &Context<'_>, framework: Framework) -> Vec<Filter> {
    // Gradio has no slider with two ends, so that one range takes two sliders there.
    let most_ranges = if framework == Framework::Streamlit {
        2
    } else {
        1
    };
    let mut filters = Vec::new();
    let times = context.of_role(Role::Time);
    let (dates, years): (Vec<_>, Vec<_>) = times
        .iter()
        .partition(|(column, _)| column.kind.is_temporal());
    // Days are picked, so that there have to be two.
    let day = |end: &Option<Scalar>| {
        end.as_ref()
            .and_then(Scalar::as_str)
            .map(|end| end.get(..10).map(str::to_owned))
    };
    let dates: Vec<_> = dates
        .into_iter()
        .filter(|(column, _)| day(&column.min) != day(&column.max))
        .collect();
    if let Some((column, _)) = dates.first() {
        filters.push(Filter::Period {
            column: column.name.clone(),
            label: humanize(&column.name),
        });
    }
    for (column, _) in context.of_role(Role::Dimension) {
        let choices = filters
            .iter()
            .filter(|filter| matches!(filter, Filter::Choice { .. }))
            .count();
        if choices < MOST_CHOICES && column.distinct <= MOST_OPTIONS {
            filters.push(Filter::Choice {
                column: column.name.clone(),
                label: humanize(&column.name),
            });
        }
    }
    let years = years
        .iter()
        .filter(|_| dates.is_empty())
        .map(|(column, _)| *column);
    let measures = context.of_role(Role::Measure);
    let numbers = years.chain(measures.iter().map(|(column, _)| *column));
    for column in numbers.take(most_ranges) {
        let integer = column.kind == ColumnType::Integer;
        let (column, label) = (column.name.clone(), humanize(&column.name));
        filters.push(Filter::Range {
            column,
            label,
            integer,
        });
    }
    distinguish(&mut filters);
    filters
}

/// Two columns may read alike, but two controls must not.
fn distinguish(filters: &mut [Filter]) {
    for index in 1..filters.len() {
        let (before, rest) = filters.split_at_mut(index);
        let (Filter::Period { column, label }
        | Filter::Choice { column, label }
        | Filter::Range { column, label, .. }) = &mut rest[0];
        while before.iter().any(|filter| filter.label() == label) {
            *label = format!("{label} ({column})");
        }
    }
}
