//! What came out, for people and for programs.

use serde_json::{Value, json};

use super::{Comparison, Row, Samples, machine};

/// What one row gave.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The lines of the table.
    pub comparisons: Vec<Comparison>,
    /// Parts of what was measured, or what stands beside it: each measured by itself.
    pub stages: Vec<(String, Samples)>,
    /// What a reader must know beside the numbers.
    pub notes: Vec<String>,
}

impl Report {
    /// Adds a line.
    pub fn line(&mut self, comparison: Comparison) {
        self.comparisons.push(comparison);
    }

    /// Adds a part of what was measured.
    pub fn stage(&mut self, what: impl Into<String>, samples: &Samples) {
        self.stages.push((what.into(), samples.clone()));
    }

    /// The row as text: its lines, then its stages and notes.
    pub fn render(&self, row: Row) -> String {
        let mut text = format!("\n{}: {}\n", row.name(), row.about());
        for line in &self.comparisons {
            let theirs = line.theirs.as_ref();
            let theirs = theirs.map_or(String::new(), |(who, theirs)| format!("{theirs}  {who}"));
            let ratio = line
                .ratio()
                .map_or(String::new(), |ratio| format!("{ratio:.1}×"));
            let bar = line.bar.map_or(String::new(), |bar| bar.to_string());
            let verdict = match line.is_reached() {
                Some(true) => "reached",
                Some(false) => "MISSED",
                None => "",
            };
            let what = &line.what;
            let ours = &line.ours;
            text.push_str(
                format!("  {what:<46}{ours:>10}  {theirs:<48}{ratio:>8}  {bar:<9}{verdict}")
                    .trim_end(),
            );
            text.push('\n');
        }
        if !self.stages.is_empty() {
            text.push_str("  of which, or beside it\n");
        }
        for (what, samples) in &self.stages {
            text.push_str(&format!("    {what:<44}{samples:>10}\n"));
        }
        for note in &self.notes {
            text.push_str(&format!("  note: {note}\n"));
        }
        text
    }

    fn document(&self, row: Row) -> Value {
        let samples = |samples: &Samples| json!({"unit": format!("{:?}", samples.unit()), "median": samples.median(), "values": samples.values()});
        let line = |line: &Comparison| {
            json!({
                "what": line.what,
                "ours": samples(&line.ours),
                "theirs": line.theirs.as_ref().map(|(who, theirs)| json!({"who": who, "samples": samples(theirs)})),
                "ratio": line.ratio(),
                "bar": line.bar.map(|bar| bar.to_string()),
                "reached": line.is_reached(),
            })
        };
        let stage =
            |(what, taken): &(String, Samples)| json!({"what": what, "samples": samples(taken)});
        json!({
            "row": row.name(),
            "lines": self.comparisons.iter().map(line).collect::<Vec<_>>(),
            "stages": self.stages.iter().map(stage).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }
}

/// The machine, in a line above the table.
pub fn heading() -> String {
    machine::describe()
}

/// Everything as one JSON document.
pub fn document(runs: usize, reports: &[(Row, Report)]) -> Value {
    let rows: Vec<_> = reports
        .iter()
        .map(|(row, report)| report.document(*row))
        .collect();
    json!({"machine": machine::describe(), "runs": runs, "rows": rows})
}

/// One line that says how many bars are reached, and names those that are not.
pub fn summary(reports: &[(Row, Report)]) -> String {
    let lines = reports
        .iter()
        .flat_map(|(row, report)| report.comparisons.iter().map(move |line| (row, line)));
    let judged: Vec<_> = lines.filter(|(_, line)| line.bar.is_some()).collect();
    let missed: Vec<_> = judged
        .iter()
        .filter(|(_, line)| line.is_reached() == Some(false))
        .map(|(row, line)| format!("{}: {}", row.name(), line.what))
        .collect();
    let reached = judged.len() - missed.len();
    let all = format!("{reached} of {} bars reached", judged.len());
    match missed.is_empty() {
        true => all,
        false => format!("{all}; missed: {}", missed.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Bar, Unit};
    use super::*;

    #[test]
    fn a_missed_bar_is_said_plainly() {
        let mut report = Report::default();
        let samples = |value| Samples::one(Unit::Milliseconds, value);
        let fast = Comparison::of("fast", &samples(1.0)).must(Bar::AtMost(2.0));
        let slow = Comparison::of("slow", &samples(3.0)).beside("others", &samples(3.0));
        report.line(fast);
        report.line(slow.must(Bar::TimesLess(2.0)));
        let text = report.render(Row::WarmRun);
        assert!(
            text.contains("reached") && text.contains("MISSED"),
            "{text}"
        );
        let reports = [(Row::WarmRun, report)];
        assert_eq!(
            summary(&reports),
            "1 of 2 bars reached; missed: warm-run: slow"
        );
        assert_eq!(
            document(1, &reports)["rows"][0]["lines"][1]["reached"],
            false
        );
    }
}
