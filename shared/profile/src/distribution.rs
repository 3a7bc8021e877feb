//! Quantiles and a histogram of numbers that stand for some rows each.

use crate::types::{Histogram, Quantiles, Scalar};

/// The most bins of a histogram.
const BINS: usize = 20;

/// Numbers in order, each with the number of its rows.
pub(crate) struct Distribution {
    weighted: Vec<(f64, u64)>,
    rows: u64,
    /// Whether these are all numbers.
    exact: bool,
}

impl Distribution {
    pub(crate) fn of(mut weighted: Vec<(f64, u64)>, exact: bool) -> Self {
        weighted.sort_unstable_by(|one, other| one.0.total_cmp(&other.0));
        Self {
            rows: weighted.iter().map(|(_, rows)| rows).sum(),
            weighted,
            exact,
        }
    }

    /// Of a column with this range, at least one of whose rows holds a number.
    pub(crate) fn quantiles(&self, min: &Scalar, max: &Scalar) -> Quantiles {
        // Large integers are not exact as numbers: rounded, one could be outside the range.
        let scalar = |number: f64| match (min, max) {
            (Scalar::Integer(min), Scalar::Integer(max)) => {
                Scalar::Integer((number as i64).clamp(*min, *max))
            }
            _ => Scalar::Number(number),
        };
        let [p05, p25, p50, p75, p95] = self.at([5, 25, 50, 75, 95]).map(scalar);
        Quantiles {
            exact: self.exact,
            p05,
            p25,
            p50,
            p75,
            p95,
        }
    }

    /// The smallest numbers that at least so many percent of the rows do not exceed; in ascending order.
    fn at<const N: usize>(&self, percents: [u64; N]) -> [f64; N] {
        let mut rest = self.weighted.iter();
        let (mut number, mut rank) = (0.0, 0);
        percents.map(|percent| {
            let wanted = (u128::from(self.rows) * u128::from(percent)).div_ceil(100);
            while u128::from(rank) < wanted
                && let Some(next) = rest.next()
            {
                (number, rank) = (next.0, rank + next.1);
            }
            number
        })
    }

    /// Bins of one width from the smallest to the largest number.
    pub(crate) fn histogram(&self, min: &Scalar, max: &Scalar) -> Histogram {
        let bin_edges = match (min, max) {
            (Scalar::Integer(min), Scalar::Integer(max)) => integer_edges(*min, *max),
            _ => edges(min.as_f64().unwrap_or(0.0), max.as_f64().unwrap_or(0.0)),
        };
        let mut counts = vec![0; bin_edges.len() - 1];
        let inner = &bin_edges[1..counts.len()];
        for (number, rows) in &self.weighted {
            counts[inner.partition_point(|edge| edge <= number)] += rows;
        }
        Histogram {
            exact: self.exact,
            bin_edges,
            counts,
        }
    }
}

/// Bins that all hold as many whole numbers, so that none is higher only because it holds one more.
fn integer_edges(min: i64, max: i64) -> Vec<f64> {
    let numbers = max.abs_diff(min).saturating_add(1);
    let width = numbers.div_ceil(BINS as u64);
    let bins = numbers.div_ceil(width);
    (0..=bins)
        .map(|bin| min as f64 + bin as f64 * width as f64)
        .collect()
}

fn edges(min: f64, max: f64) -> Vec<f64> {
    let bins = if min < max { BINS } else { 1 };
    // Halved, because the difference of two numbers may be more than a number can hold.
    let (start, width) = (min / 2.0, max / 2.0 - min / 2.0);
    let edge = |bin| 2.0 * (start + width * (bin as f64 / bins as f64));
    let inner = (1..bins).map(|bin| edge(bin).clamp(min, max));
    [min].into_iter().chain(inner).chain([max]).collect()
}
