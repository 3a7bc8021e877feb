use expect_test::{Expect, expect};
use profile::{ColumnProfile, Options, ProfileError, profile};

fn check(csv: &str, expected: Expect) {
    let profile = profile(csv.as_bytes(), Options::default()).expect("the file is good");
    let dialect = &profile.dialect;
    let mut text = format!(
        "{} rows, {:?}, {:?}",
        profile.rows, dialect.delimiter, dialect.decimal
    );
    for (flag, name) in [
        (!dialect.has_header, "no header"),
        (dialect.renamed, "renamed"),
    ] {
        if flag {
            text += &format!(", {name}");
        }
    }
    if let Some(extra) = dialect.extra_fields {
        text += &format!(", extra fields: {extra:?}");
    }
    for column in &profile.columns {
        text += &format!("\n{}", line(column));
    }
    for notice in &profile.notices {
        text += &format!("\nnotice: {notice}");
    }
    expected.assert_eq(&text);
}

fn line(column: &ColumnProfile) -> String {
    let json = serde_json::to_value(column).expect("a profile is JSON");
    let mut text = format!(
        "{}: {}",
        column.name,
        json["type"].as_str().expect("a type")
    );
    for key in [
        "date_format",
        "zoned",
        "min",
        "max",
        "mean",
        "numeric_values",
    ] {
        if let Some(value) = json.get(key) {
            text += &format!(", {key} {value}");
        }
    }
    text += &format!(", {} distinct", column.distinct);
    if column.missing > 0 {
        text += &format!(", {} missing", column.missing);
    }
    if !column.top_values.is_empty() {
        let top: Vec<_> = column
            .top_values
            .iter()
            .map(|top| format!("{}×{}", top.value, top.count))
            .collect();
        text += &format!(", top {}", top.join(" "));
    }
    text
}

#[test]
fn profiles_a_plain_file() {
    check(
        "date,rain,temp,weather,sunny\n2012-01-01,0.0,12.8,drizzle,true\n2012-01-02,10.9,10.6,rain,false\n\
         2012-01-03,,11,rain,\n",
        expect![[r#"
            3 rows, ',', '.'
            date: date, date_format "%Y-%m-%d", min "2012-01-01", max "2012-01-03", 3 distinct
            rain: number, min 0.0, max 10.9, mean 5.45, 2 distinct, 1 missing
            temp: number, min 10.6, max 12.8, mean 11.466666666666667, 3 distinct
            weather: text, 2 distinct, top rain×2
            sunny: boolean, 2 distinct, 1 missing"#]],
    );
}

#[test]
fn reads_semicolons_with_decimal_commas() {
    check(
        "Stadt;Umsatz;Datum\nBonn;1,5;31.01.2020\n\"Köln; Süd\";2;01.02.2020\nBonn;-3,25;02.02.2020\n",
        expect![[r#"
            3 rows, ';', ','
            Stadt: text, 2 distinct, top Bonn×2
            Umsatz: number, min -3.25, max 2.0, mean 0.08333333333333333, 3 distinct
            Datum: date, date_format "%d.%m.%Y", min "2020-01-31", max "2020-02-02", 3 distinct"#]],
    );
}

#[test]
fn skips_a_byte_order_mark_and_reads_windows_line_ends() {
    check(
        "\u{feff}a\tb\r\n1\tx\r\n2\ty\r\n\r\n",
        expect![[r#"
        2 rows, '\t', '.'
        a: integer, min 1, max 2, mean 1.5, 2 distinct
        b: text, 2 distinct"#]],
    );
}

#[test]
fn names_columns_that_have_no_name_of_their_own() {
    check(
        "id,,id, padded \n1,2,3,4\n",
        expect![[r#"
        1 rows, ',', '.', renamed
        id: integer, min 1, max 1, mean 1.0, 1 distinct
        column_2: integer, min 2, max 2, mean 2.0, 1 distinct
        id_2: integer, min 3, max 3, mean 3.0, 1 distinct
        padded: integer, min 4, max 4, mean 4.0, 1 distinct
        notice: columns with an empty, doubled or padded name have been renamed"#]],
    );
    check(
        "1,2.5,2020-01-01\n2,3.5,2020-01-02\n",
        expect![[r#"
        2 rows, ',', '.', no header, renamed
        column_1: integer, min 1, max 2, mean 1.5, 2 distinct
        column_2: number, min 2.5, max 3.5, mean 3.0, 2 distinct
        column_3: date, date_format "%Y-%m-%d", min "2020-01-01", max "2020-01-02", 2 distinct
        notice: the first row holds values, so the columns are called column_1 and so on"#]],
    );
}

#[test]
fn counts_ragged_rows_and_goes_on() {
    check(
        "a,b,c\n1,2,3\n4,5\n6,7,8,9\n",
        expect![[r#"
            2 rows, ',', '.', extra fields: Skip
            a: integer, min 1, max 4, mean 2.5, 2 distinct
            b: integer, min 2, max 5, mean 3.5, 2 distinct
            c: integer, min 3, max 3, mean 3.0, 1 distinct, 1 missing
            notice: rows skipped because they have more fields than the header: 1 (a text that contains the delimiter needs quotes)
            notice: rows with fewer fields than the header, filled up as missing: 1"#]],
    );
    check(
        "a,b\n1,2,\n3,4,\n",
        expect![[r#"
            2 rows, ',', '.', extra fields: Cut
            a: integer, min 1, max 3, mean 2.0, 2 distinct
            b: integer, min 2, max 4, mean 3.0, 2 distinct
            notice: rows with more fields than the header, whose surplus is left out: 2"#]],
    );
}

#[test]
fn keeps_codes_and_nearly_numeric_columns_as_text() {
    check(
        "zip\n00501\n10001\n",
        expect![[r#"
        2 rows, ',', '.'
        zip: text, numeric_values 2, 2 distinct
        notice: column "zip" is kept as text, because its numbers have leading zeros"#]],
    );
    let csv = format!("price\n{}call us\n", "9.5\n".repeat(20));
    check(
        &csv,
        expect![[r#"
            21 rows, ',', '.'
            price: text, numeric_values 20, 2 distinct, top 9.5×20
            notice: column "price" is kept as text, because it holds more than numbers, such as "call us""#]],
    );
}

#[test]
fn respects_quotes_around_delimiters_and_line_ends() {
    check(
        "name,note\nx,\"a, b\nc \"\"d\"\"\"\ny,plain\n",
        expect![[r#"
        2 rows, ',', '.'
        name: text, 2 distinct
        note: text, 2 distinct"#]],
    );
}

#[test]
fn reads_a_single_column() {
    check(
        "word\nyes, really\nno\n\nno\n",
        expect![[r#"
        3 rows, ';', '.'
        word: text, 2 distinct, top no×2"#]],
    );
}

#[test]
fn shows_the_first_rows() {
    let csv: String = "a,b\n".to_owned()
        + &(0..30)
            .map(|row| format!("{row},\"x, {row}\"\n"))
            .collect::<String>();
    let preview = profile(csv.as_bytes(), Options::default())
        .expect("the file is good")
        .preview;
    assert_eq!(preview.columns, ["a", "b"]);
    assert_eq!(preview.rows.len(), 20);
    assert_eq!(preview.rows[19], ["19", "x, 19"]);
}

#[test]
fn obeys_what_the_caller_knows_better() {
    let options = Options {
        delimiter: Some(b';'),
        has_header: Some(false),
    };
    let profile = profile(b"a,b;c\nd,e;f\n", options).expect("the file is good");
    let names: Vec<_> = profile
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect();
    assert_eq!((names, profile.rows), (vec!["column_1", "column_2"], 2));
}

fn check_error(bytes: &[u8], expected: Expect) {
    let error: ProfileError = profile(bytes, Options::default()).expect_err("the file is bad");
    expected.assert_eq(&error.to_string());
}

#[test]
fn says_what_is_wrong_with_a_file_and_what_to_do() {
    check_error(
        b"",
        expect![
            "the data is empty: send a CSV file with a line of column names and at least one row"
        ],
    );
    check_error(
        b"\xEF\xBB\xBF\n\n",
        expect![
            "the data is empty: send a CSV file with a line of column names and at least one row"
        ],
    );
    check_error(
        b"a,b\n",
        expect!["the data has 2 column names and no rows: send a file with at least one row"],
    );
    check_error(
        b"name,age\nJos\xE9,3\n",
        expect![
            "the data is not UTF-8: byte 12 is 0xe9; save the file as UTF-8 and send it again (other encodings come in a later version)"
        ],
    );
    check_error(
        b"\xFF\xFEa\0",
        expect![
            "the data is not UTF-8: byte 0 is 0xff; save the file as UTF-8 and send it again (other encodings come in a later version)"
        ],
    );
    check_error(
        b"PK\x03\x04\x14\0",
        expect![
            "the data is not text: byte 5 is zero; export the table as CSV in UTF-8 and send that"
        ],
    );
    check_error(
        format!("a,b\n1,2\n3,\"{}", "x\n".repeat(1 << 20)).as_bytes(),
        expect![
            "row 2 is longer than 1048576 bytes: look for a quotation mark there that is never closed"
        ],
    );
    check_error(
        format!("a{}\n1\n", ",a".repeat(2000)).as_bytes(),
        expect!["the data has 2001 columns, and at most 2000 can be profiled: remove some"],
    );
}
