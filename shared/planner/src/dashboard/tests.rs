use expect_test::{Expect, expect};
use profile::Options;

use crate::plan::{Body, DashboardPlan, Filter};

fn check(prompt: &str, csv: &str, expected: Expect) {
    let profile = profile::profile(csv.as_bytes(), Options::default()).expect("good CSV");
    let plan = crate::plan(prompt, None, Some((&profile, "shop-sales.csv")));
    let Body::Dashboard(dashboard) = &plan.body else {
        panic!("a dataset becomes a dashboard")
    };
    expected.assert_eq(&format!(
        "{} ({})\n{}",
        plan.title,
        plan.framework.name(),
        describe(dashboard)
    ));
}

fn describe(dashboard: &DashboardPlan) -> String {
    let mut lines = Vec::new();
    for kpi in &dashboard.kpis {
        lines.push(format!(
            "figure: {} = {:?} of {}",
            kpi.label, kpi.aggregate, kpi.column
        ));
    }
    if let Some(trend) = &dashboard.trend {
        lines.push(format!(
            "trend: {} by {:?}, lines: {:?}",
            trend.column, trend.grain, trend.split_by
        ));
    }
    for breakdown in &dashboard.breakdowns {
        lines.push(format!(
            "bars: top {} of {}",
            breakdown.top, breakdown.column
        ));
    }
    if let Some(relation) = &dashboard.relation {
        lines.push(format!(
            "points: {} and {} by {:?}",
            relation.x, relation.y, relation.color
        ));
    }
    for filter in &dashboard.filters {
        let (kind, column) = match filter {
            Filter::Period { column, .. } => ("period", column),
            Filter::Choice { column, .. } => ("choice", column),
            Filter::Range { column, .. } => ("range", column),
        };
        lines.push(format!("filter: {kind} of {column}"));
    }
    lines.join("\n")
}

/// Two years of orders.
fn orders() -> String {
    let mut csv =
        "order_id,customer_id,order_date,region,product,quantity,unit_price,revenue\n".to_owned();
    for row in 0..480 {
        let (month, day) = (row / 20 % 12 + 1, row % 20 + 1);
        let year = 2022 + row / 240;
        csv += &format!(
            "{row},{},{year}-{month:02}-{day:02},{},{},{},{}.5,{}.25\n",
            row % 37,
            ["North", "South", "East"][row % 3],
            ["Tea", "Coffee"][row % 2],
            row % 7 + 1,
            row % 11,
            row * 3 % 100,
        );
    }
    csv
}

#[test]
fn without_wishes_shows_what_the_columns_suggest() {
    check(
        "",
        &orders(),
        expect![[r#"
        Shop sales (streamlit)
        figure: Total quantity = Sum of quantity
        figure: Average unit price = Mean of unit_price
        figure: Total revenue = Sum of revenue
        figure: Rows = Rows of order_id
        trend: order_date by Week, lines: None
        bars: top 10 of region
        bars: top 10 of product
        filter: period of order_date
        filter: choice of region
        filter: choice of product
        filter: range of quantity
        filter: range of unit_price"#]],
    );
}

#[test]
fn the_prompt_picks_figures_categories_and_grain() {
    check(
        "Gradio dashboard called \"Tea time\": average revenue and quantity per month, top 5 products",
        &orders(),
        expect![[r#"
            Tea time (gradio)
            figure: Average revenue = Mean of revenue
            figure: Total quantity = Sum of quantity
            figure: Rows = Rows of order_id
            trend: order_date by Month, lines: None
            bars: top 5 of product
            filter: period of order_date
            filter: choice of product
            filter: choice of region
            filter: range of revenue"#]],
    );
}

#[test]
fn identifiers_are_counted_and_never_added_up() {
    check(
        "number of customers and total of order ids by region",
        &orders(),
        expect![[r#"
            Shop sales (streamlit)
            figure: Total quantity = Sum of quantity
            figure: Average unit price = Mean of unit_price
            figure: Total revenue = Sum of revenue
            figure: Different customer id = Distinct of customer_id
            figure: Rows = Rows of order_id
            trend: order_date by Week, lines: None
            bars: top 10 of region
            filter: period of order_date
            filter: choice of region
            filter: choice of product
            filter: range of quantity
            filter: range of unit_price"#]],
    );
}

#[test]
fn without_a_date_two_figures_meet() {
    let csv: String = "name,height,weight\n".to_owned()
        + &(0..60)
            .map(|row| {
                format!(
                    "person {row},1{}.5,{}.5\n",
                    row % 50 + 40,
                    row * 7 % 50 + 40
                )
            })
            .collect::<String>();
    check(
        "",
        &csv,
        expect![[r#"
        Shop sales (streamlit)
        figure: Average height = Mean of height
        figure: Average weight = Mean of weight
        figure: Rows = Rows of name
        points: height and weight by None
        filter: range of height
        filter: range of weight"#]],
    );
}

#[test]
fn the_same_prompt_and_profile_give_the_same_program() {
    let profile = profile::profile(orders().as_bytes(), Options::default()).expect("good CSV");
    let render = || {
        crate::render(&crate::plan(
            "revenue by region",
            None,
            Some((&profile, "x.csv")),
        ))
    };
    assert_eq!(render(), render());
}
