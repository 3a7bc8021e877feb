//! Numbers of one kind, and their median.

use std::fmt;

use super::Round;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Of wall-clock time.
    Milliseconds,
    /// Answers, or what else there is many of.
    PerSecond,
    /// 1024² bytes.
    Mebibytes,
    /// 1000 bytes, as people give the size of a download.
    Kilobytes,
    /// Of one processor.
    Percent,
    /// Things.
    Number,
}

/// What the counted rounds gave.
#[derive(Clone, Debug)]
pub struct Samples {
    unit: Unit,
    values: Vec<f64>,
}

impl Samples {
    /// Nothing yet.
    pub fn new(unit: Unit) -> Self {
        Self {
            unit,
            values: Vec::new(),
        }
    }

    /// A number that is the same every time.
    pub fn one(unit: Unit, value: f64) -> Self {
        Self {
            unit,
            values: vec![value],
        }
    }

    /// Takes what a round gave, if the round counts.
    pub fn note(&mut self, round: Round, value: f64) {
        if round.is_counted {
            self.values.push(value);
        }
    }

    /// The middle one; of an even number the mean of the two in the middle.
    pub fn median(&self) -> f64 {
        median(&self.values)
    }

    /// The unit.
    pub fn unit(&self) -> Unit {
        self.unit
    }

    /// All of them, in the order of the rounds.
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// The middle of some numbers.
pub(super) fn median(values: &[f64]) -> f64 {
    assert!(!values.is_empty(), "nothing was measured");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() % 2 {
        0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
        _ => sorted[middle],
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.median();
        let text = match self.unit {
            Unit::Milliseconds if value >= 10_000.0 => format!("{:.1} s", value / 1000.0),
            Unit::Milliseconds if value >= 100.0 => format!("{value:.0} ms"),
            Unit::Milliseconds => format!("{value:.2} ms"),
            Unit::PerSecond => format!("{value:.0} /s"),
            Unit::Mebibytes => format!("{value:.0} MiB"),
            Unit::Kilobytes => format!("{value:.0} KB"),
            Unit::Percent => format!("{value:.1} %"),
            Unit::Number => format!("{value:.1}"),
        };
        formatter.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
    }

    #[test]
    fn the_round_that_warms_up_is_not_counted() {
        let mut samples = Samples::new(Unit::Milliseconds);
        for round in (super::super::Effort { runs: 2 }).rounds() {
            samples.note(round, 7.0);
        }
        assert_eq!(samples.values(), [7.0, 7.0]);
    }
}
