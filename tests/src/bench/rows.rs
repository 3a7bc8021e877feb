//! What is measured: one file a row.

use clap::ValueEnum;

use super::{Effort, Report};

mod component;
mod csv;
mod density;
mod live_app;
mod new_sandbox;
mod sessions;
mod sizes;
mod streamed_token;
mod up;
mod warm_run;

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Row {
    /// `print(1)` in a live session
    WarmRun,
    /// A new sandbox with its first `print(1)`, alone and ten in a row
    NewSandbox,
    /// From code to a Gradio or Streamlit app that answers
    LiveApp,
    /// Memory of many live dashboards
    Density,
    /// `GET /session/{id}` over 16 connections
    Sessions,
    /// A trivial component on our host
    Component,
    /// The profile of a CSV file
    Csv,
    /// A token of a model's answer, passed on by a function
    StreamedToken,
    /// Components and the first load of the page
    Sizes,
    /// `cargo xtask up` with everything built
    Up,
}

impl Row {
    /// All of them, in the order of the table.
    pub const ALL: &'static [Self] = &[
        Self::WarmRun,
        Self::NewSandbox,
        Self::LiveApp,
        Self::Density,
        Self::Sessions,
        Self::Component,
        Self::Csv,
        Self::StreamedToken,
        Self::Sizes,
        Self::Up,
    ];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::WarmRun => "warm-run",
            Self::NewSandbox => "new-sandbox",
            Self::LiveApp => "live-app",
            Self::Density => "density",
            Self::Sessions => "sessions",
            Self::Component => "component",
            Self::Csv => "csv",
            Self::StreamedToken => "streamed-token",
            Self::Sizes => "sizes",
            Self::Up => "up",
        }
    }

    /// What it measures.
    pub fn about(self) -> &'static str {
        match self {
            Self::WarmRun => "`print(1)` in a live session",
            Self::NewSandbox => "a new sandbox with its first `print(1)`",
            Self::LiveApp => "from code to a dashboard that answers 200",
            Self::Density => "memory of live dashboards, each visited once",
            Self::Sessions => "`GET /session/{id}`, 16 connections",
            Self::Component => "a trivial component on our host, 16 connections",
            Self::Csv => "the profile of a CSV file of 48 MiB, and the whole upload",
            Self::StreamedToken => "a token of a model's answer, through `POST /generate-code/`",
            Self::Sizes => "what is downloaded",
            Self::Up => "`cargo xtask up` with everything built, until it serves",
        }
    }

    /// Measures it.
    pub async fn measure(self, effort: Effort) -> Report {
        match self {
            Self::WarmRun => warm_run::measure(effort).await,
            Self::NewSandbox => new_sandbox::measure(effort).await,
            Self::LiveApp => live_app::measure(effort).await,
            Self::Density => density::measure(effort).await,
            Self::Sessions => sessions::measure(effort).await,
            Self::Component => component::measure(effort).await,
            Self::Csv => csv::measure(effort).await,
            Self::StreamedToken => streamed_token::measure(effort).await,
            Self::Sizes => sizes::measure().await,
            Self::Up => up::measure(effort).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_command_line() {
        for row in Row::ALL {
            let value = row.to_possible_value().expect("every row can be asked for");
            assert_eq!(value.get_name(), row.name());
        }
        assert_eq!(Row::ALL.len(), Row::value_variants().len());
    }
}
