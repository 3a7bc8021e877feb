//! Small files in the shape of well-known ones, made by formula.

use std::fmt::Write;

/// Four years of daily weather, as `seattle-weather.csv` of vega-datasets.
pub fn weather() -> String {
    let mut csv = "date,precipitation,temp_max,temp_min,wind,weather\n".to_owned();
    for (number, day) in days(2012).take(1461).enumerate() {
        let kind = ["rain", "sun", "fog", "drizzle", "snow"][number % 5];
        let rain = if kind == "rain" { number % 17 } else { 0 };
        let warm = 5 + number % 365 / 20;
        writeln!(
            csv,
            "{day},{rain}.5,{warm}.1,{}.3,{}.2,{kind}",
            warm / 2,
            number % 9
        )
        .expect("it is a string");
    }
    csv
}

/// Five shares by month, as `stocks.csv`: dates in words, several rows for each.
pub fn stocks() -> String {
    let mut csv = "symbol,date,price\n".to_owned();
    for (number, symbol) in ["MSFT", "AMZN", "IBM", "GOOG", "AAPL"].iter().enumerate() {
        for month in 0..60 {
            let name = [
                "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
            ];
            let (year, price) = (2000 + month / 12, 20 + month * (number + 1));
            writeln!(csv, "{symbol},{} 1 {year},{price}.5", name[month % 12])
                .expect("it is a string");
        }
    }
    csv
}

/// No dates, gaps, and a number for each row, as `cars.json`.
pub fn cars() -> String {
    let mut csv = "id,Name,Miles_per_Gallon,Cylinders,Horsepower,Origin,electric\n".to_owned();
    for number in 0..150 {
        let horsepower = if number % 10 == 0 {
            String::new()
        } else {
            (60 + number % 90).to_string()
        };
        let cylinders = if number % 25 == 0 {
            String::new()
        } else {
            (4 + number % 3 * 2).to_string()
        };
        let origin = ["USA", "Europe", "Japan"][number % 3];
        let miles = 10 + number % 30;
        writeln!(
            csv,
            "{number},car {number},{miles}.5,{cylinders},{horsepower},{origin},{}",
            number % 4 == 0
        )
        .expect("it is a string");
    }
    csv
}

/// German: semicolons, decimal commas, dots in dates, postcodes with leading zeros, umlauts.
pub fn orders() -> String {
    let mut csv = "Bestell-Nr;Datum;PLZ;Größe;Umsatz;Menge\n".to_owned();
    for (number, day) in days(2024).take(90).enumerate() {
        let (year, rest) = day.split_at(4);
        let (month, day) = (&rest[1..3], &rest[4..6]);
        let size = ["klein", "groß; extra"][number % 2];
        writeln!(
            csv,
            "{number};{day}.{month}.{year};0{}99;\"{size}\";{},75;{}",
            number % 9,
            number * 3,
            number % 5 + 1
        )
        .expect("it is a string");
    }
    csv
}

/// Names and values that try to become code, markup or a second column.
pub fn hostile() -> String {
    let names = [
        "\"); import os; os._exit(1) #",
        "'''\"\"\" \\",
        "{year}\n{0!r} %s",
        "🌧️ <script>alert(1)</script> $x$ [a](b)",
        "class",
        "data",
        "DATA",
        "measure",
        "",
        "date",
    ];
    let mut csv = names.map(quote).join(",") + "\n";
    for (number, day) in days(2020).take(60).enumerate() {
        let category = ["\"; raise SystemExit", "\\", "{}", "a\nb"][number % 4];
        let values = [
            number.to_string(),
            category.to_owned(),
            format!("{number}.5"),
            category.to_owned(),
            category.to_owned(),
            (number * 7 % 31).to_string(),
            (number * 3 % 17).to_string(),
            format!("{}", number % 2 == 0),
            String::new(),
            day,
        ];
        csv += &(values.map(|value| quote(&value)).join(",") + "\n");
    }
    csv
}

/// Years as numbers, and rows of different lengths.
pub fn disasters() -> String {
    let mut csv = "Entity,Year,Deaths\n".to_owned();
    for number in 0..200 {
        let entity = ["Flood", "Drought"][number % 2];
        let surplus = if number == 50 { ",surplus" } else { "" };
        writeln!(
            csv,
            "{entity},{},{}{surplus}",
            1900 + number / 2,
            number * 11
        )
        .expect("it is a string");
    }
    csv + "Flood,2001\n"
}

/// Times with an offset, every ten minutes of a day, and a delimiter at the end of each row.
pub fn sensor() -> String {
    let mut csv = "time\ttemperature\tok\n".to_owned();
    for number in 0..144 {
        let (hour, minute) = (number / 6, number % 6 * 10);
        writeln!(
            csv,
            "2024-05-01T{hour:02}:{minute:02}:00+02:00\t{}.5\tTrue\t",
            10 + number % 9
        )
        .expect("it is a string");
    }
    csv
}

/// A column of words and nothing else.
pub fn words() -> String {
    "word\n".to_owned() + &"yes\nno\nno\n".repeat(10)
}

/// A column of numbers and nothing else.
pub fn numbers() -> String {
    (0..100).fold("height\n".to_owned(), |csv, number| {
        csv + &format!("{}.5\n", 150 + number * 7 % 50)
    })
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// The days of a year and those after, `2012-01-01` first.
fn days(year: u32) -> impl Iterator<Item = String> {
    (year..).flat_map(|year| {
        let leap = u32::from(year % 4 == 0);
        let lengths = [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        (1..).zip(lengths).flat_map(move |(month, length)| {
            (1..=length).map(move |day| format!("{year}-{month:02}-{day:02}"))
        })
    })
}
