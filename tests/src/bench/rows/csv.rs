//! The profile of a large CSV file, beside pandas finding the same facts.

use std::fmt::Write as _;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::super::caller::{Caller, timed};
use super::super::contestant::Contestant;
use super::super::usage::{peak_mib, resident_mib};
use super::super::{Bar, Comparison, Effort, Report, Samples, Unit};
use crate::Conductor;

/// A little below what an upload may be.
const BYTES: usize = 48 * 1024 * 1024;

pub(super) async fn measure(effort: Effort) -> Report {
    let conductor = Conductor::start().without_sandbox().await;
    let caller = Caller::of(&conductor);
    let file = conductor.folder().join("orders.csv");
    let (table, rows) = orders();
    std::fs::write(&file, &table).expect("the folder can be written");
    let mut pandas = Contestant::start("csv_facts.py", &[("FILE", &file)], conductor.folder());

    let new = || Samples::new(Unit::Milliseconds);
    let (mut whole, mut theirs) = (new(), new());
    let (mut profile, mut store) = (new(), new());
    let host = conductor.host_pid();
    let before = resident_mib(host);
    let mut peak_of_theirs = 0.0;
    for round in effort.rounds() {
        let upload = caller.host(Method::POST, "/data/?name=orders.csv");
        let upload = upload.header(CONTENT_TYPE, "text/csv").body(table.clone());
        let (taken, (timing, reply)) = timed(answer(upload)).await;
        whole.note(round, taken);
        profile.note(round, duration(&timing, "profile"));
        store.note(round, duration(&timing, "store"));
        let facts = pandas.ask("profile").await;
        theirs.note(round, facts["milliseconds"].as_f64().expect("a number"));
        peak_of_theirs = facts["peak_mib"].as_f64().expect("a number");
        // Both have read the same.
        assert_eq!(reply["profile"]["rows"], rows, "{reply}");
        assert_eq!(facts["rows"], rows, "{facts}");
        for column in reply["profile"]["columns"].as_array().expect("columns") {
            let name = column["name"].as_str().expect("a name");
            let other = &facts["columns"][name];
            assert_eq!(
                column["missing"], other["missing"],
                "{name}: {column} {other}"
            );
            assert_alike(column, other, rows);
        }
    }
    let grown = peak_mib(host) - before;
    pandas.end().await;

    let memory = |value| Samples::one(Unit::Mebibytes, value);
    let mut report = Report::default();
    report.line(
        Comparison::of("profile, in the component", &profile)
            .beside("pandas, from a file: read_csv and the same facts", &theirs)
            .must(Bar::TimesLess(2.0)),
    );
    report.line(
        Comparison::of("POST /data/, with upload and storing", &whole)
            .beside("pandas, which stores nothing", &theirs),
    );
    report.stage("packing and storing", &store);
    report.line(
        Comparison::of("memory that the host grows by", &memory(grown))
            .beside("the pandas process", &memory(peak_of_theirs))
            .must(Bar::AtMost(64.0)),
    );
    report
}

/// Quantiles are the same but for the error that a profile may have, wherever its values lie evenly.
fn assert_alike(column: &Value, other: &Value, rows: usize) {
    let Some(theirs) = other.get("quantiles") else {
        return;
    };
    let counts = column["histogram"]["counts"].as_array().expect("counts");
    let counted: u64 = counts.iter().filter_map(Value::as_u64).sum();
    assert_eq!(
        Some(counted),
        (rows as u64).checked_sub(column["missing"].as_u64().expect("a number"))
    );
    let number = |value: &Value| value.as_f64().expect("a number");
    let range = number(&column["max"]) - number(&column["min"]);
    for (ours, share) in [
        ("p05", "0.05"),
        ("p25", "0.25"),
        ("p50", "0.5"),
        ("p75", "0.75"),
        ("p95", "0.95"),
    ] {
        let (ours, theirs) = (number(&column["quantiles"][ours]), number(&theirs[share]));
        assert!(
            (ours - theirs).abs() <= 0.01 * range,
            "{share}: {column} {other}"
        );
    }
}

/// What the function says about its time, and its reply.
async fn answer(upload: RequestBuilder) -> (String, Value) {
    let answer = upload.send().await.expect("the host answers");
    let status = answer.status();
    let timing = answer.headers().get("server-timing").map(|value| {
        let value = value.to_str().expect("a header of ours is ASCII");
        value.to_owned()
    });
    let reply = answer.json().await.expect("the reply is JSON");
    assert!(status.is_success(), "{status}: {reply}");
    (
        timing.expect("an upload is answered with its timing"),
        reply,
    )
}

/// A duration of a `Server-Timing` header, in milliseconds.
fn duration(timing: &str, name: &str) -> f64 {
    let mut metrics = timing.split(", ");
    let metric = metrics.find_map(|metric| metric.strip_prefix(name)?.strip_prefix(";dur="));
    let milliseconds = metric.and_then(|text| text.parse().ok());
    milliseconds.unwrap_or_else(|| panic!("{name} is missing: {timing}"))
}

/// A file of orders as people export them: ids, dates, categories, amounts, gaps, some text.
fn orders() -> (String, usize) {
    let mut table = String::with_capacity(BYTES + 256);
    table.push_str(
        "order_id,ordered_on,city,channel,quantity,unit_price,discount,customer,comment\n",
    );
    let cities = [
        "Bonn", "Kyoto", "Lima", "Oslo", "Porto", "Quito", "Turin", "Utrecht",
    ];
    let channels = ["web", "shop", "phone"];
    // A fixed sequence (Knuth's multiplier): the same file in every run.
    let mut state: u64 = 42;
    let mut next = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut rows = 0;
    while table.len() < BYTES {
        let (month, day) = (1 + next(12), 1 + next(28));
        let city = cities[next(8) as usize];
        let channel = channels[next(3) as usize];
        let (quantity, cents, customer) = (1 + next(20), 100 + next(90_000), next(60_000));
        let discount = match next(4) {
            0 => String::new(),
            percent => format!("0.{percent}"),
        };
        let comment = match next(3) {
            0 => "\"please ring twice, then wait\"",
            1 => "leave at the door",
            _ => "",
        };
        let (year, price) = (2020 + next(6), cents as f64 / 100.0);
        writeln!(
            table,
            "{rows},{year}-{month:02}-{day:02},{city},{channel},{quantity},{price},{discount},c{customer},{comment}"
        )
        .expect("a text takes everything");
        rows += 1;
    }
    (table, rows)
}
