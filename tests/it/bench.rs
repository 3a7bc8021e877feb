//! The bench still measures; what it measures is judged by people, on a quiet machine.

use e2e::bench::{Effort, Row};

#[tokio::test]
async fn a_short_bench_measures_both_sides() {
    let effort = Effort { runs: 1 };
    for row in [Row::WarmRun, Row::Sessions, Row::StreamedToken] {
        let report = row.measure(effort).await;
        let text = report.render(row);
        for line in &report.comparisons {
            let theirs = line.theirs.iter().map(|(_, samples)| samples);
            for samples in theirs.chain([&line.ours]) {
                assert!(samples.median() > 0.0, "{text}");
            }
            assert_eq!(line.bar.is_some(), line.is_reached().is_some(), "{text}");
        }
    }
}
