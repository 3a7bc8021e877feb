//! Plans a dashboard: figures first, then time, then categories, then the rows.

mod filters;
mod measures;
mod source;
mod trend;

use model::Framework;
use profile::{ColumnProfile, Profile};

use crate::plan::{Body, Breakdown, DashboardPlan, Measure, Plan, Relation, Table};
use crate::role::{Role, role};
use crate::title;
use crate::wording::{Prompt, humanize, humanize_lower};

/// How many breakdowns are drawn when the prompt names none, and when it does.
const BREAKDOWNS: (usize, usize) = (3, 4);
/// A category with more values is not offered unless it is asked for.
const FEW_VALUES: u64 = 50;
/// A longer table is only shown in part.
const TABLE_ROWS: u64 = 1000;

/// What the steps of the planning share.
struct Context<'a> {
    prompt: &'a Prompt,
    profile: &'a Profile,
    roles: Vec<Role>,
    /// The columns that the prompt mentions, in its order.
    mentioned: Vec<usize>,
    assumptions: Vec<String>,
}

impl<'a> Context<'a> {
    fn new(prompt: &'a Prompt, profile: &'a Profile) -> Self {
        let names: Vec<&str> = profile
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        Self {
            prompt,
            profile,
            roles: profile
                .columns
                .iter()
                .map(|column| role(column, profile))
                .collect(),
            mentioned: prompt
                .mentions(&names)
                .iter()
                .map(|mention| mention.column)
                .collect(),
            assumptions: Vec::new(),
        }
    }

    /// The columns of a role, those that the prompt mentions first, with whether it does.
    fn of_role(&self, wanted: Role) -> Vec<(&'a ColumnProfile, bool)> {
        let mentioned = self.mentioned.iter().map(|index| (*index, true));
        let others = (0..self.roles.len()).filter(|index| !self.mentioned.contains(index));
        mentioned
            .chain(others.map(|index| (index, false)))
            .filter(|(index, _)| self.roles[*index] == wanted)
            .map(|(index, mentioned)| (&self.profile.columns[index], mentioned))
            .collect()
    }

    fn assume(&mut self, sentence: impl Into<String>) {
        self.assumptions.push(sentence.into());
    }
}

pub(crate) fn plan(
    prompt: &Prompt,
    framework: Framework,
    profile: &Profile,
    file_name: &str,
) -> Plan {
    let mut context = Context::new(prompt, profile);
    context.assume(
        "no language model was used: the built-in planner chose from the names and types of the columns",
    );
    let kpis = measures::choose(&mut context);
    let trend = trend::choose(&mut context);
    let split_by = trend.as_ref().and_then(|trend| trend.split_by.clone());
    let breakdowns = breakdowns(&context);
    let relation = relation(&context, trend.is_some(), &kpis);
    let distribution = (trend.is_none() && breakdowns.is_empty())
        .then(|| {
            context
                .of_role(Role::Measure)
                .first()
                .map(|(column, _)| column.name.clone())
        })
        .flatten();
    let filters = filters::choose(&context, framework);
    if let Some(column) = split_by {
        context.assume(format!(
            "there are several rows for a point in time, so the trend has one line for each {}",
            humanize_lower(&column)
        ));
    }
    let table = Table {
        first_rows: (profile.rows > TABLE_ROWS).then_some(TABLE_ROWS as usize),
    };
    let source = source::describe(&context, file_name);
    let body = DashboardPlan {
        source,
        kpis,
        trend,
        breakdowns,
        relation,
        distribution,
        filters,
        table,
    };
    Plan {
        title: title::given(prompt).unwrap_or_else(|| title::of_file(file_name)),
        framework,
        assumptions: context.assumptions,
        body: Body::Dashboard(Box::new(body)),
    }
}

fn breakdowns(context: &Context<'_>) -> Vec<Breakdown> {
    let top = context.prompt.top().unwrap_or(10);
    let dimensions = context.of_role(Role::Dimension);
    let named = dimensions
        .iter()
        .filter(|(_, mentioned)| *mentioned)
        .count();
    let wanted = |(column, mentioned): &&(&ColumnProfile, bool)| match named {
        0 => column.distinct <= FEW_VALUES,
        _ => *mentioned,
    };
    let most = if named == 0 {
        BREAKDOWNS.0
    } else {
        BREAKDOWNS.1
    };
    let chosen: Vec<_> = dimensions.iter().filter(wanted).take(most).collect();
    // Rather one long list, cut to its top, than none.
    let chosen = if chosen.is_empty() {
        dimensions.iter().take(1).collect()
    } else {
        chosen
    };
    chosen
        .into_iter()
        .map(|(column, _)| Breakdown {
            column: column.name.clone(),
            label: humanize(&column.name),
            top,
        })
        .collect()
}

/// Two measures against each other: where there is no time to show, or where the prompt asks.
fn relation(context: &Context<'_>, has_trend: bool, kpis: &[Measure]) -> Option<Relation> {
    let asked = context.prompt.has(&[
        "scatter",
        "scatterplot",
        "correlation",
        "relationship",
        "versus",
        "v",
        "against",
    ]);
    let measures = context.of_role(Role::Measure);
    if has_trend && !asked {
        return None;
    }
    let of_kpi = |kpi: &Measure| {
        measures
            .iter()
            .find(|(column, _)| column.name == kpi.column)
    };
    let mut chosen: Vec<&ColumnProfile> = kpis
        .iter()
        .filter_map(of_kpi)
        .map(|(column, _)| *column)
        .collect();
    for (column, _) in &measures {
        if !chosen.iter().any(|other| other.name == column.name) {
            chosen.push(column);
        }
    }
    let [x, y, ..] = chosen[..] else { return None };
    let color = context
        .of_role(Role::Dimension)
        .into_iter()
        .find(|(column, _)| column.distinct <= 10);
    Some(Relation {
        x: x.name.clone(),
        y: y.name.clone(),
        color: color.map(|(column, _)| column.name.clone()),
    })
}

#[cfg(test)]
mod tests;
