//! Two medians, their ratio, and whether it is what was promised.

use std::fmt;

use super::{Samples, Unit};

/// What was promised.
#[derive(Clone, Copy, Debug)]
pub enum Bar {
    /// Ours is at most so many times theirs.
    AtMostTimes(f64),
    /// Theirs is at least so many times ours: a duration, or memory.
    TimesLess(f64),
    /// Ours is at least so many times theirs: a rate.
    TimesMore(f64),
    /// Ours is at most this, whatever others do.
    AtMost(f64),
    /// Ours is at least this.
    AtLeast(f64),
}

impl fmt::Display for Bar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::AtMostTimes(times) => format!("≤ {times}×"),
            Self::TimesLess(times) | Self::TimesMore(times) => format!("≥ {times}×"),
            Self::AtMost(value) => format!("≤ {value}"),
            Self::AtLeast(value) => format!("≥ {value}"),
        };
        formatter.pad(&text)
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What was measured, in words.
    pub what: String,
    /// Conductor's.
    pub ours: Samples,
    /// Who else, and theirs.
    pub theirs: Option<(String, Samples)>,
    /// What was promised; without it the line is there to be known.
    pub bar: Option<Bar>,
}

impl Comparison {
    /// Ours alone.
    pub fn of(what: impl Into<String>, ours: &Samples) -> Self {
        Self {
            what: what.into(),
            ours: ours.clone(),
            theirs: None,
            bar: None,
        }
    }

    /// Beside what others give.
    pub fn beside(mut self, who: impl Into<String>, theirs: &Samples) -> Self {
        self.theirs = Some((who.into(), theirs.clone()));
        self
    }

    /// With what was promised.
    pub fn must(mut self, bar: Bar) -> Self {
        self.bar = Some(bar);
        self
    }

    /// The ratio that the bar speaks of; without one, how many times better ours is.
    pub fn ratio(&self) -> Option<f64> {
        let (ours, theirs) = (self.ours.median(), self.theirs.as_ref()?.1.median());
        let is_more_better = matches!(self.ours.unit(), Unit::PerSecond | Unit::Number);
        Some(match self.bar {
            Some(Bar::AtMostTimes(_)) => ours / theirs,
            _ if is_more_better => ours / theirs,
            _ => theirs / ours,
        })
    }

    /// Whether it is as promised; `None` if nothing was.
    pub fn is_reached(&self) -> Option<bool> {
        let ratio = self.ratio();
        let ours = self.ours.median();
        Some(match self.bar? {
            Bar::AtMostTimes(bar) => ratio? <= bar,
            Bar::TimesLess(bar) | Bar::TimesMore(bar) => ratio? >= bar,
            Bar::AtMost(bar) => ours <= bar,
            Bar::AtLeast(bar) => ours >= bar,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(ours: f64, theirs: f64, bar: Bar) -> Option<bool> {
        let unit = match bar {
            Bar::TimesMore(_) => Unit::PerSecond,
            _ => Unit::Milliseconds,
        };
        let samples = |value| Samples::one(unit, value);
        let comparison = Comparison::of("a thing", &samples(ours));
        let comparison = comparison.beside("another", &samples(theirs));
        comparison.must(bar).is_reached()
    }

    #[test]
    fn each_kind_of_bar_looks_at_its_own_side() {
        assert_eq!(reached(9.0, 5.0, Bar::AtMostTimes(2.0)), Some(true));
        assert_eq!(reached(11.0, 5.0, Bar::AtMostTimes(2.0)), Some(false));
        assert_eq!(reached(10.0, 50.0, Bar::TimesLess(5.0)), Some(true));
        assert_eq!(reached(10.0, 49.0, Bar::TimesLess(5.0)), Some(false));
        assert_eq!(reached(300.0, 100.0, Bar::TimesMore(3.0)), Some(true));
        assert_eq!(reached(299.0, 100.0, Bar::TimesMore(3.0)), Some(false));
        assert_eq!(reached(3.0, 0.0, Bar::AtMost(3.0)), Some(true));
        assert_eq!(reached(6999.0, 0.0, Bar::AtLeast(7000.0)), Some(false));
    }

    #[test]
    fn without_a_bar_nothing_is_missed() {
        let line = Comparison::of("a size", &Samples::one(Unit::Kilobytes, 1.0));
        assert_eq!((line.is_reached(), line.ratio()), (None, None));
    }
}
