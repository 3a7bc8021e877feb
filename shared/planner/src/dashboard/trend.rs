//! Chooses the time axis: which column, and how much time makes one point.

use profile::{ColumnProfile, ColumnType, Scalar};

use super::Context;
use crate::plan::{Grain, Trend};
use crate::role::Role;
use crate::wording::humanize;

/// More lines than these cannot be told apart.
const MOST_LINES: u64 = 8;

/// The trend, where there is a time.
pub(super) fn choose(context: &mut Context<'_>) -> Option<Trend> {
    let times = context.of_role(Role::Time);
    // A date says more than a year; what is mentioned comes first in either case.
    let dates = times.iter().find(|(column, _)| column.kind.is_temporal());
    let (column, _) = *dates.or_else(|| times.first())?;
    let grain = match column.kind {
        ColumnType::Integer => Grain::Value,
        _ => asked_grain(context).unwrap_or_else(|| fitting_grain(column)),
    };
    if times.len() > 1 {
        context.assume(format!("{:?} is taken as the time axis", column.name));
    }
    Some(Trend {
        column: column.name.clone(),
        label: humanize(&column.name),
        grain,
        split_by: split_by(context, column),
    })
}

fn asked_grain(context: &Context<'_>) -> Option<Grain> {
    let stems = &context.prompt.stems;
    stems.iter().enumerate().find_map(|(at, word)| {
        let after = |words: &[&str]| at > 0 && words.contains(&stems[at - 1].as_str());
        let each = after(&["per", "by", "each", "every"]);
        match word.as_str() {
            "hourly" => Some(Grain::Hour),
            "daily" => Some(Grain::Day),
            "weekly" => Some(Grain::Week),
            "monthly" => Some(Grain::Month),
            "quarterly" => Some(Grain::Quarter),
            "yearly" | "annual" | "annually" => Some(Grain::Year),
            "hour" if each => Some(Grain::Hour),
            "day" if each => Some(Grain::Day),
            "week" if each => Some(Grain::Week),
            "month" if each => Some(Grain::Month),
            "quarter" if each => Some(Grain::Quarter),
            "year" if each => Some(Grain::Year),
            _ => None,
        }
    })
}

/// Some dozens of points: enough to see a course, and none empty because the data is sparser.
fn fitting_grain(column: &ColumnProfile) -> Grain {
    let day = |end: &Option<Scalar>| end.as_ref().and_then(Scalar::as_str).and_then(day_number);
    let (Some(first), Some(last)) = (day(&column.min), day(&column.max)) else {
        return Grain::Month;
    };
    let span = (last - first) as f64;
    let by_span = match last - first {
        ..=3 if column.kind == ColumnType::Datetime => Grain::Hour,
        i64::MIN..=92 => Grain::Day,
        93..=730 => Grain::Week,
        731..=7300 => Grain::Month,
        7301.. => Grain::Year,
    };
    let spacing = span / (column.distinct.max(2) - 1) as f64;
    let by_spacing = match spacing {
        180.0.. => Grain::Year,
        60.0.. => Grain::Quarter,
        20.0.. => Grain::Month,
        3.0.. => Grain::Week,
        0.9.. => Grain::Day,
        _ => Grain::Hour,
    };
    by_span.max(by_spacing)
}

/// Days since some day long ago; `2012-01-31` and what may follow.
fn day_number(iso: &str) -> Option<i64> {
    let part = |range: std::ops::Range<usize>| iso.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (part(0..4)?, part(5..7)?, part(8..10)?);
    // Years begin in March here, so that the leap day comes last.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year / 4 - year / 100 + year / 400;
    Some(year * 365 + leap_days + (month * 153 + 2) / 5 + day)
}

/// A line for each value of a category: where the prompt names one, or where the rows of one point
/// in time would otherwise be mixed up, as with the prices of several shares.
fn split_by(context: &Context<'_>, time: &ColumnProfile) -> Option<String> {
    let fits = |column: &ColumnProfile| (2..=MOST_LINES).contains(&column.distinct);
    let dimensions = context.of_role(Role::Dimension);
    let crowded = time.distinct_exact && context.profile.rows * 2 > time.distinct * 3;
    let (column, _) = dimensions.iter().find(|(column, mentioned)| {
        // As many rows for a point in time as the category has values.
        let panel = time.distinct * column.distinct;
        let is_panel =
            crowded && context.profile.rows * 10 >= panel * 6 && context.profile.rows <= panel;
        fits(column) && (is_panel || (*mentioned && crowded))
    })?;
    Some(column.name.clone())
}

#[cfg(test)]
mod tests {
    use super::day_number;

    #[test]
    fn numbers_the_days() {
        let span = |first, last| {
            day_number(last)
                .zip(day_number(first))
                .map(|(last, first)| last - first)
        };
        assert_eq!(span("2012-01-01", "2015-12-31"), Some(1460));
        assert_eq!(span("2000-02-28", "2000-03-01T10:00:00"), Some(2));
        assert_eq!(span("1900-02-28", "1900-03-01"), Some(1));
        assert_eq!(day_number("x"), None);
    }
}
