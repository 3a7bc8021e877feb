use expect_test::{Expect, expect};
use profile::{ColumnProfile, Histogram, Options, Quantiles, profile};
use proptest::prelude::*;

/// The profile of a single column.
fn column(values: impl Iterator<Item = String>) -> ColumnProfile {
    let csv = values.fold("value,\n".to_owned(), |csv, value| csv + &value + ",x\n");
    let profile = profile(csv.as_bytes(), Options::default()).expect("it is good CSV");
    profile.columns.into_iter().next().expect("a column")
}

fn check(values: &[&str], expected: Expect) {
    let column = column(values.iter().map(|value| (*value).to_owned()));
    let json = |part: serde_json::Value| part.to_string();
    let quantiles = json(serde_json::json!(column.quantiles));
    let histogram = json(serde_json::json!(column.histogram));
    expected.assert_eq(&format!("{quantiles}\n{histogram}"));
}

fn distribution(column: &ColumnProfile) -> (&Quantiles, &Histogram) {
    let quantiles = column.quantiles.as_ref().expect("it is numeric");
    (quantiles, column.histogram.as_ref().expect("it is numeric"))
}

fn five(quantiles: &Quantiles) -> [f64; 5] {
    let Quantiles {
        p05,
        p25,
        p50,
        p75,
        p95,
        ..
    } = quantiles;
    [p05, p25, p50, p75, p95].map(|quantile| quantile.as_f64().expect("a number"))
}

#[test]
fn few_values_have_an_exact_distribution() {
    check(
        &["3", "1", "", "2", "2", "NA"],
        expect![[r#"
        {"exact":true,"p05":1,"p25":1,"p50":2,"p75":2,"p95":3}
        {"bin_edges":[1.0,2.0,3.0,4.0],"counts":[1,2,1],"exact":true}"#]],
    );
    check(
        &["0.5", "-1", "4.5"],
        expect![[r#"
            {"exact":true,"p05":-1.0,"p25":-1.0,"p50":0.5,"p75":4.5,"p95":4.5}
            {"bin_edges":[-1.0,-0.725,-0.44999999999999996,-0.17500000000000004,0.10000000000000009,0.375,0.6499999999999999,0.9249999999999998,1.2000000000000002,1.475,1.75,2.0250000000000004,2.3,2.575,2.8499999999999996,3.125,3.4000000000000004,3.675,3.95,4.225,4.5],"counts":[1,0,0,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,1],"exact":true}"#]],
    );
    check(
        &["7"],
        expect![[r#"
        {"exact":true,"p05":7,"p25":7,"p50":7,"p75":7,"p95":7}
        {"bin_edges":[7.0,8.0],"counts":[1],"exact":true}"#]],
    );
    check(
        &["7.5", "7.5"],
        expect![[r#"
        {"exact":true,"p05":7.5,"p25":7.5,"p50":7.5,"p75":7.5,"p95":7.5}
        {"bin_edges":[7.5,7.5],"counts":[2],"exact":true}"#]],
    );
    check(
        &["1e308", "-1e308", "0.5"],
        expect![[r#"
            {"exact":true,"p05":-1e+308,"p25":-1e+308,"p50":0.5,"p75":1e+308,"p95":1e+308}
            {"bin_edges":[-1e+308,-9e+307,-8e+307,-7e+307,-6e+307,-5e+307,-4.0000000000000004e+307,-3.000000000000001e+307,-1.9999999999999992e+307,-9.999999999999996e+306,0.0,1.0000000000000016e+307,1.9999999999999992e+307,3.000000000000001e+307,3.9999999999999984e+307,5e+307,6.000000000000002e+307,6.999999999999999e+307,8.000000000000001e+307,8.999999999999999e+307,1e+308],"counts":[1,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,1],"exact":true}"#]],
    );
    check(
        &["9223372036854775807", "-9223372036854775808"],
        expect![[r#"
            {"exact":true,"p05":-9223372036854775808,"p25":-9223372036854775808,"p50":-9223372036854775808,"p75":9223372036854775807,"p95":9223372036854775807}
            {"bin_edges":[-9.223372036854776e+18,-8.301034833169298e+18,-7.378697629483821e+18,-6.456360425798343e+18,-5.534023222112865e+18,-4.611686018427388e+18,-3.6893488147419095e+18,-2.767011611056432e+18,-1.8446744073709548e+18,-9.223372036854774e+17,0.0,9.223372036854784e+17,1.8446744073709568e+18,2.767011611056433e+18,3.6893488147419116e+18,4.611686018427388e+18,5.534023222112866e+18,6.456360425798345e+18,7.378697629483821e+18,8.301034833169299e+18,9.223372036854776e+18],"counts":[1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1],"exact":true}"#]],
    );
}

#[test]
fn columns_without_numbers_have_no_distribution() {
    for values in [["", "NaN"], ["a", "1"], ["007", "1"], ["inf", "1"]] {
        let column = column(values.iter().map(|value| (*value).to_owned()));
        assert_eq!(
            (column.quantiles, column.histogram),
            (None, None),
            "{values:?}"
        );
    }
}

#[test]
fn many_different_numbers_are_within_one_percent_and_all_are_counted() {
    // Whole numbers, of which none is twice, in an order without order; and some without a value.
    let rows = 150_000_u64;
    let mixed = (0..rows).map(|row| row * 982_451_653 % rows);
    let column = column(mixed.map(|number| match number % 10 {
        0 => String::new(),
        _ => number.to_string(),
    }));
    let (quantiles, histogram) = distribution(&column);
    assert!(!quantiles.exact && !histogram.exact);
    for (quantile, percent) in five(quantiles)
        .into_iter()
        .zip([5.0, 25.0, 50.0, 75.0, 95.0])
    {
        let rank = quantile / rows as f64 * 100.0;
        assert!((rank - percent).abs() < 1.0, "{percent}: {rank}");
    }
    assert_eq!(histogram.counts.iter().sum::<u64>(), rows / 10 * 9);
    for count in &histogram.counts {
        let share = *count as f64 / (rows as f64 * 0.9);
        assert!((share - 0.05).abs() < 0.02, "{:?}", histogram.counts);
    }
}

proptest! {
    #[test]
    fn the_distribution_of_few_values_is_that_of_all(
        numbers in prop::collection::vec(prop_oneof![
            (-30..30_i32).prop_map(f64::from),
            (-3.0..3.0).prop_map(|number: f64| (number * 4.0).round() / 4.0),
            any::<f64>().prop_filter("finite", |number| number.is_finite()),
        ], 1..200),
    ) {
        let column = column(numbers.iter().map(|number| format!("{number:e}")));
        let (quantiles, histogram) = distribution(&column);
        let mut sorted = numbers.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        for (quantile, percent) in five(quantiles).into_iter().zip([5, 25, 50, 75, 95]) {
            let rank = (sorted.len() * percent).div_ceil(100);
            prop_assert_eq!(quantile, sorted[rank - 1]);
        }
        let Histogram { exact, bin_edges, counts } = histogram;
        prop_assert!(*exact && quantiles.exact);
        prop_assert_eq!(counts.len() + 1, bin_edges.len());
        prop_assert!(bin_edges.is_sorted());
        for (index, count) in counts.iter().enumerate() {
            let (start, end) = (bin_edges[index], bin_edges[index + 1]);
            let last = index + 1 == counts.len();
            let inside = sorted.iter().filter(|&&number| {
                number >= start && (number < end || last)
            });
            prop_assert_eq!(*count, inside.count() as u64);
        }
        prop_assert_eq!(counts.iter().sum::<u64>(), numbers.len() as u64);
    }
}
