//! Judges what a column is good for, from its name and its profile.

use profile::{ColumnProfile, ColumnType, Profile, Scalar};
use serde::{Deserialize, Serialize};

use crate::plan::Aggregate;
use crate::wording::stems;

/// What a column is good for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A number to add up or average.
    Measure,
    /// A category to group by.
    Dimension,
    /// A date, or a year written as a number.
    Time,
    /// Tells rows or things apart (keys, codes, names, coordinates); never calculated with.
    Identifier,
    /// Nothing to show: one value, none, or running text.
    Other,
}

/// Names of numbers that only tell things apart, wherever they stand in the name.
const IDENTIFIERS: [&str; 24] = [
    "id",
    "ids",
    "uuid",
    "guid",
    "key",
    "code",
    "zip",
    "zipcode",
    "postcode",
    "postal",
    "phone",
    "fax",
    "isbn",
    "ean",
    "sku",
    "fips",
    "iban",
    "index",
    "latitude",
    "longitude",
    "lat",
    "lon",
    "lng",
    "serial",
];

/// As a last word these make an identifier of a number: `order_no`.
const NUMBERINGS: [&str; 4] = ["no", "nr", "number", "num"];

/// Parts of time that are categories although they are numbers.
const CALENDAR: [&str; 8] = [
    "month", "weekday", "day", "quarter", "hour", "week", "semester", "term",
];

/// Words that make an average of anything: `sales_rate`.
const ALWAYS_MEAN: [&str; 25] = [
    "preis",
    "rate",
    "ratio",
    "pct",
    "percent",
    "percentage",
    "avg",
    "average",
    "mean",
    "median",
    "per",
    "share",
    "index",
    "score",
    "rating",
    "probability",
    "density",
    "price",
    "temperature",
    "temp",
    "max",
    "min",
    "norm",
    "anomaly",
    "mpg",
];

/// Words of quantities that are compared and not added up.
const MEAN: [&str; 51] = [
    "age",
    "speed",
    "wind",
    "humidity",
    "pressure",
    "level",
    "height",
    "weight",
    "length",
    "width",
    "depth",
    "size",
    "mile",
    "efficiency",
    "horsepower",
    "acceleration",
    "displacement",
    "cylinder",
    "open",
    "close",
    "adjclose",
    "high",
    "low",
    "concentration",
    "co2",
    "ph",
    "salary",
    "wage",
    "duration",
    "minute",
    "second",
    "magnitude",
    "intensity",
    "voltage",
    "frequency",
    "body",
    "flipper",
    "culmen",
    "bill",
    "petal",
    "sepal",
    "health",
    "expectancy",
    "gdp",
    "inflation",
    "fertility",
    "latency",
    "income",
    "grade",
    "visibility",
    "year",
];

/// Words of quantities that are added up.
const SUM: [&str; 54] = [
    "menge",
    "anzahl",
    "betrag",
    "cost",
    "sale",
    "revenue",
    "amount",
    "total",
    "count",
    "quantity",
    "qty",
    "unit",
    "volume",
    "precipitation",
    "precip",
    "rain",
    "rainfall",
    "snow",
    "snowfall",
    "profit",
    "order",
    "visit",
    "visitor",
    "click",
    "view",
    "impression",
    "population",
    "death",
    "case",
    "birth",
    "passenger",
    "budget",
    "expense",
    "spending",
    "spend",
    "fee",
    "tax",
    "discount",
    "gross",
    "download",
    "user",
    "signup",
    "session",
    "goal",
    "point",
    "win",
    "injury",
    "hour",
    "distance",
    "generation",
    "umsatz",
    "turnover",
    "casualty",
    "item",
];

/// What the column is good for.
pub fn role(column: &ColumnProfile, profile: &Profile) -> Role {
    let words = stems(&column.name);
    if column.distinct <= 1 {
        return Role::Other;
    }
    if column.kind.is_temporal() || is_year(column, &words) {
        return Role::Time;
    }
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let numbering = words
        .last()
        .is_some_and(|word| NUMBERINGS.contains(&word.as_str()));
    match column.kind {
        ColumnType::Boolean => Role::Dimension,
        ColumnType::Text => text_role(column, profile, has(&IDENTIFIERS)),
        ColumnType::Integer if has(&IDENTIFIERS) || (numbering && words.len() > 1) => {
            Role::Identifier
        }
        ColumnType::Integer => integer_role(column, profile, &words),
        _ if has(&IDENTIFIERS[4..]) => Role::Identifier,
        _ => Role::Measure,
    }
}

fn text_role(column: &ColumnProfile, profile: &Profile, is_key: bool) -> Role {
    let present = profile.rows - column.missing;
    // Names that hardly ever repeat make no groups.
    let repeats = column.distinct * 2 <= present || column.distinct <= 12;
    match (repeats, is_key) {
        (true, false) => Role::Dimension,
        (true, true) if column.distinct <= 50 => Role::Dimension,
        _ => Role::Identifier,
    }
}

fn integer_role(column: &ColumnProfile, profile: &Profile, words: &[String]) -> Role {
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let speaks_of_quantity = has(&ALWAYS_MEAN) || has(&SUM);
    if has(&CALENDAR) && column.distinct <= 53 && !speaks_of_quantity {
        return Role::Dimension;
    }
    if numbers_the_rows(column, profile) && !speaks_of_quantity && !has(&MEAN) {
        return Role::Identifier;
    }
    let few = column.distinct <= 12 && profile.rows >= column.distinct * 10;
    let names_quantity = speaks_of_quantity || (has(&MEAN) && column.distinct > 8);
    if few && !names_quantity {
        Role::Dimension
    } else {
        Role::Measure
    }
}

/// 1, 2, 3 … to the number of rows, in any order.
fn numbers_the_rows(column: &ColumnProfile, profile: &Profile) -> bool {
    let (Some(Scalar::Integer(min)), Some(Scalar::Integer(max))) = (&column.min, &column.max)
    else {
        return false;
    };
    let span = max.abs_diff(*min);
    profile.rows >= 10 && column.distinct == profile.rows && span == profile.rows - 1
}

fn is_year(column: &ColumnProfile, words: &[String]) -> bool {
    let within = |end: &Option<Scalar>| matches!(end, Some(Scalar::Integer(1000..=2999)));
    column.kind == ColumnType::Integer
        && words
            .iter()
            .any(|word| matches!(word.as_str(), "year" | "jahr" | "yr"))
        && within(&column.min)
        && within(&column.max)
}

/// How the values of a measure are put together when nobody says how. In doubt they are averaged: an
/// average of amounts is dull, a sum of temperatures is nonsense.
pub(crate) fn aggregate(column: &ColumnProfile) -> Aggregate {
    let words = stems(&column.name);
    let has = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    if has(&ALWAYS_MEAN) && !has(&["total"]) {
        return Aggregate::Mean;
    }
    // The last word says what it is: `population_age` is an age.
    for word in words.iter().rev() {
        if SUM.contains(&word.as_str()) {
            return Aggregate::Sum;
        }
        if MEAN.contains(&word.as_str()) {
            return Aggregate::Mean;
        }
    }
    Aggregate::Mean
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use profile::Options;

    use super::*;

    fn check(csv: &str, expected: Expect) {
        let profile = profile::profile(csv.as_bytes(), Options::default()).expect("good CSV");
        let lines = profile
            .columns
            .iter()
            .map(|column| match role(column, &profile) {
                Role::Measure => format!("{}: Measure, {:?}\n", column.name, aggregate(column)),
                role => format!("{}: {role:?}\n", column.name),
            });
        expected.assert_eq(&lines.collect::<String>());
    }

    #[test]
    fn tells_measures_from_keys_and_categories() {
        let mut csv = "order_id,customer_no,zip,year,month,amount,unit_price,rating,region,name,note,lat,paid\n".to_owned();
        for row in 0..120 {
            csv += &format!(
                "{row},{},{:05},{},{},{},{}.5,{},r{},name {row},same,4{row}.25,{}\n",
                row % 30,
                row % 40,
                1990 + row % 30,
                row % 12 + 1,
                row * 7 % 90,
                row % 50,
                row % 5 + 1,
                row % 4,
                row % 3 == 0,
            );
        }
        check(
            &csv,
            expect![[r#"
            order_id: Identifier
            customer_no: Identifier
            zip: Dimension
            year: Time
            month: Dimension
            amount: Measure, Sum
            unit_price: Measure, Mean
            rating: Measure, Mean
            region: Dimension
            name: Identifier
            note: Other
            lat: Identifier
            paid: Dimension
        "#]],
        );
    }
}
