use expect_test::{Expect, expect};

use super::DateCandidates;

fn check(values: &[&str], expected: Expect) {
    let mut candidates = DateCandidates::default();
    for value in values {
        candidates.add(value.as_bytes());
    }
    let text = candidates.finish().map_or("no date".to_owned(), |dates| {
        let marks = [(dates.ambiguous, " ambiguous"), (dates.zoned, " zoned")];
        let marks: String = marks
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, text)| *text)
            .collect();
        format!("{} {}..{}{marks}", dates.format, dates.min, dates.max)
    });
    expected.assert_eq(&text);
}

#[test]
fn reads_days_in_the_usual_notations() {
    check(
        &["2012-01-31", "2011-12-01"],
        expect!["%Y-%m-%d 2011-12-01..2012-01-31"],
    );
    check(&["2012/01/31"], expect!["%Y/%m/%d 2012-01-31..2012-01-31"]);
    check(
        &["31.01.2012", "1.2.2012"],
        expect!["%d.%m.%Y 2012-01-31..2012-02-01"],
    );
    check(&["01/31/2012"], expect!["%m/%d/%Y 2012-01-31..2012-01-31"]);
    check(&["31/01/12"], expect!["%d/%m/%y 2012-01-31..2012-01-31"]);
    check(
        &["Jan 1 2000", "Feb 1 2000"],
        expect!["%b %d %Y 2000-01-01..2000-02-01"],
    );
    check(
        &["May 1 2000", "June 1 2000"],
        expect!["%B %d %Y 2000-05-01..2000-06-01"],
    );
    check(
        &["January 5, 2000"],
        expect!["%B %d, %Y 2000-01-05..2000-01-05"],
    );
    check(&["5-Jan-99"], expect!["%d-%b-%y 1999-01-05..1999-01-05"]);
    check(
        &["5 January 1999"],
        expect!["%d %B %Y 1999-01-05..1999-01-05"],
    );
    check(
        &["2020-07", "2020-12"],
        expect!["%Y-%m 2020-07-01..2020-12-01"],
    );
    check(&["Jul 2020"], expect!["%b %Y 2020-07-01..2020-07-01"]);
}

#[test]
fn settles_day_and_month_by_all_values() {
    check(
        &["03/04/2020", "25/04/2020"],
        expect!["%d/%m/%Y 2020-04-03..2020-04-25"],
    );
    check(
        &["03/04/2020", "04/25/2020"],
        expect!["%m/%d/%Y 2020-03-04..2020-04-25"],
    );
    check(
        &["03/04/2020"],
        expect!["%m/%d/%Y 2020-03-04..2020-03-04 ambiguous"],
    );
}

#[test]
fn reads_times_of_day() {
    check(
        &["2010-01-01T01:00:00", "2010-01-01 02:00"],
        expect!["ISO8601 2010-01-01T01:00:00..2010-01-01T02:00:00"],
    );
    check(
        &["2010-01-01T01:00:00Z"],
        expect!["ISO8601 2010-01-01T01:00:00..2010-01-01T01:00:00 zoned"],
    );
    check(
        &["2010-01-01 01:00:00.5+02:00"],
        expect!["ISO8601 2010-01-01T01:00:00..2010-01-01T01:00:00 zoned"],
    );
    check(
        &["2015/01/01 01:00:00"],
        expect!["%Y/%m/%d %H:%M:%S 2015-01-01T01:00:00..2015-01-01T01:00:00"],
    );
    check(
        &["31.12.2015 23:59"],
        expect!["%d.%m.%Y %H:%M 2015-12-31T23:59:00..2015-12-31T23:59:00"],
    );
    check(
        &["12/31/2015 11:59 PM"],
        expect!["%m/%d/%Y %I:%M %p 2015-12-31T23:59:00..2015-12-31T23:59:00"],
    );
}

#[test]
fn refuses_what_is_no_date() {
    for value in [
        "2012-02-30",
        "2012-13-01",
        "31.31.2012",
        "1.2.3",
        "192.168.10.10",
        "2020.01",
        "12:30",
        "hello world",
        "0001-01-01",
        "2010-01-01T25:00",
        "2010-01-01 10:5",
        "Mayor 1 2000",
        "20200101",
        "::::::",
        "2010-01-01 1",
        "é1.2.2020",
    ] {
        let mut candidates = DateCandidates::default();
        candidates.add(value.as_bytes());
        assert!(candidates.finish().is_none(), "{value:?}");
    }
    check(&["2012-01-01", "2012/01/02"], expect!["no date"]);
}
