//! The built-in planner: a prompt and the profile of a dataset become a plan, and the plan becomes
//! the code of a Streamlit or Gradio app.
//!
//! [`plan`] decides (which numbers, over what time, by which category), [`render`] writes, and
//! [`describe`] says it in words. All are deterministic: the same prompt and profile give the same
//! program. With a dataset the plan is a
//! dashboard; without, a small app with the inputs that the prompt names.
//!
//! It is not a language model and does not pretend to be one: it reads the words it knows and the
//! names of the columns, and each plan lists what was assumed. It reads no data beyond the profile,
//! and knows no clock, file or network.
//!
//! Whatever comes from a person or a file (titles, names of columns) reaches the program only
//! through [`python::literal`]: the header of a CSV file is data, never code.
//!
//! Begin with `plan.rs` (what a plan is), then `dashboard.rs` and `form.rs` (how it is made) and
//! `render.rs` (how it is written).

mod dashboard;
mod describe;
mod form;
mod order;
mod plan;
pub mod python;
mod render;
mod role;
mod title;
mod wording;

use model::Framework;
use profile::Profile;

pub use describe::{describe, explain};
pub use plan::{
    Action, Aggregate, Body, Breakdown, DashboardPlan, DateColumn, Field, FieldKind, Filter,
    FormPlan, Grain, Measure, Plan, Relation, Source, Table, TextChange, Trend,
};
pub use render::render;
pub use role::Role;

/// Plans an app.
///
/// `framework` is what the request asks for in so many words; else the prompt decides, else a
/// dataset becomes a Streamlit app and a prompt alone a Gradio app. `dataset` is a profile and the
/// name under which the file lies beside the program.
pub fn plan(prompt: &str, framework: Option<Framework>, dataset: Option<(&Profile, &str)>) -> Plan {
    let prompt = wording::Prompt::read(prompt);
    let default = if dataset.is_some() {
        Framework::Streamlit
    } else {
        Framework::Gradio
    };
    let framework = framework.or_else(|| prompt.framework()).unwrap_or(default);
    match dataset {
        Some((profile, file_name)) => dashboard::plan(&prompt, framework, profile, file_name),
        None => form::plan(&prompt, framework),
    }
}
