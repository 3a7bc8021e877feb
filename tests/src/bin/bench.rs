//! `bench [ROW…] [--runs 10] [--json FILE]`: measures what Conductor promises, beside the alternatives.
//!
//! `cargo xtask bench` builds all that it needs and starts it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use e2e::bench::{Effort, Row, report};

/// Measures what Conductor promises, beside what people would use instead.
#[derive(Parser)]
struct Arguments {
    /// What to measure; everything, if nothing is named
    #[arg(value_enum)]
    rows: Vec<Row>,
    /// Counted rounds; one more comes before them
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
    runs: u16,
    /// Every number, as a document
    #[arg(long)]
    json: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let effort = Effort {
        runs: usize::from(arguments.runs),
    };
    let rows = match arguments.rows.is_empty() {
        true => Row::ALL,
        false => &arguments.rows,
    };
    println!("{}; medians of {} runs", report::heading(), effort.runs);
    let mut reports = Vec::new();
    for &row in rows {
        let report = row.measure(effort).await;
        print!("{}", report.render(row));
        reports.push((row, report));
    }
    println!("\n{}", report::summary(&reports));
    if let Some(file) = arguments.json {
        let document = report::document(effort.runs, &reports);
        if let Err(error) = std::fs::write(&file, format!("{document:#}\n")) {
            eprintln!("cannot write {}: {error}", file.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
