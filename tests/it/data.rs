//! `/data/`: a CSV file becomes a dataset with a profile.

use e2e::{Conductor, Reply, SEATTLE_WEATHER_ROWS, seattle_weather};
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

async fn upload(conductor: &Conductor, bytes: Vec<u8>) -> Reply {
    let request = conductor.request(Method::POST, "/data/?name=some.csv");
    let request = request.header(CONTENT_TYPE, "text/csv").body(bytes);
    Reply::read(request.send().await.expect("the host answers")).await
}

fn column<'a>(dataset: &'a Value, name: &str) -> &'a Value {
    let columns = dataset["profile"]["columns"].as_array().expect("columns");
    let found = columns.iter().find(|column| column["name"] == name);
    found.unwrap_or_else(|| panic!("there is a column {name} in {columns:?}"))
}

#[tokio::test]
async fn a_real_file_is_profiled_and_kept() {
    let conductor = Conductor::start().without_sandbox().await;
    let weather = seattle_weather();
    let dataset = upload(&conductor, weather.clone()).await.ok();
    assert_eq!(dataset["file_name"], "some.csv");
    assert_eq!(dataset["bytes"], weather.len());
    assert_eq!(dataset["profile"]["rows"], SEATTLE_WEATHER_ROWS);
    let names: Vec<&Value> = dataset["profile"]["columns"]
        .as_array()
        .expect("columns")
        .iter()
        .map(|column| &column["name"])
        .collect();
    assert_eq!(
        names,
        [
            "date",
            "precipitation",
            "temp_max",
            "temp_min",
            "wind",
            "weather"
        ]
    );
    let kind = |name: &str| column(&dataset, name)["type"].clone();
    assert_eq!(kind("date"), "date");
    assert_eq!(kind("precipitation"), "number");
    assert_eq!(column(&dataset, "weather")["distinct"], 5);
    assert_eq!(column(&dataset, "weather")["missing"], 0);
    assert_eq!(column(&dataset, "date")["distinct"], SEATTLE_WEATHER_ROWS);

    let id = dataset["dataset_id"].as_str().expect("an id");
    assert_eq!(conductor.get(&format!("/data/{id}")).await.ok(), dataset);
}

#[tokio::test]
async fn a_form_with_a_file_is_understood_as_a_browser_sends_it() {
    let conductor = Conductor::start().without_sandbox().await;
    let text = "city;rain\nOslo;1,5\nRome;0,25\n";
    let file = Part::bytes(text.as_bytes()).file_name("../rain in €.csv");
    let form = Form::new().text("note", "not the file").part("file", file);
    let request = conductor.request(Method::POST, "/data/").multipart(form);
    let dataset = Reply::read(request.send().await.expect("the host answers"))
        .await
        .ok();
    assert_eq!(dataset["profile"]["rows"], 2);
    assert_eq!(dataset["profile"]["dialect"]["delimiter"], ";");
    assert_eq!(column(&dataset, "rain")["max"], json!(1.5), "{dataset}");
    let name = dataset["file_name"].as_str().expect("a name");
    assert!(name.ends_with(".csv") && !name.contains('/'), "{name}");
}

#[tokio::test]
async fn what_is_no_csv_is_refused_with_the_reason() {
    let conductor = Conductor::start().without_sandbox().await;
    let latin = upload(&conductor, b"city,rain\nK\xf6ln,3\n".to_vec()).await;
    let message = latin.error(422, "unreadable_data");
    assert!(message.to_lowercase().contains("utf-8"), "{message}");
    let empty = upload(&conductor, Vec::new())
        .await
        .error(422, "unreadable_data");
    assert!(empty.contains("empty"), "{empty}");
    upload(&conductor, b"city,rain\n".to_vec())
        .await
        .error(422, "unreadable_data");
}

#[tokio::test]
async fn a_file_of_more_than_fifty_megabytes_is_too_large() {
    let conductor = Conductor::start().without_sandbox().await;
    let bytes = [b"city,rain\n".to_vec(), b"Oslo,3\n".repeat(8 << 20)].concat();
    upload(&conductor, bytes).await.error(413, "too_large");
}

/// Every value of every column is another one: nothing repeats that could be remembered once.
#[tokio::test]
async fn a_wide_file_of_nothing_but_different_numbers_is_profiled() {
    let conductor = Conductor::start().without_sandbox().await;
    let (columns, rows) = (500, 11_000_u32);
    let names: Vec<_> = (0..columns).map(|column| format!("c{column}")).collect();
    let mut file = names.join(",");
    for row in 0..rows {
        for column in 0..columns {
            file.push(if column == 0 { '\n' } else { ',' });
            // All of eight digits, in no order.
            let number = (row.wrapping_mul(7919) + column) % rows;
            file.push_str(&(10_000_000 + number).to_string());
        }
    }
    let dataset = upload(&conductor, file.into_bytes()).await.ok();
    let profile = &dataset["profile"];
    let facts = &profile["columns"][499];
    assert_eq!(profile["rows"], rows);
    assert_eq!(facts["distinct"], rows);
    assert_eq!(facts["max"], 10_010_999, "{facts}");
    let counts = facts["histogram"]["counts"].as_array().expect("numbers");
    let counted: u64 = counts.iter().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(counted, u64::from(rows));
}

#[tokio::test]
async fn an_unknown_dataset_is_not_found() {
    let conductor = Conductor::start().without_sandbox().await;
    let id = "0123456789abcdef0123456789abcdef";
    let message = conductor
        .get(&format!("/data/{id}"))
        .await
        .error(404, "not_found");
    assert!(message.contains("POST /data/"), "{message}");
    let request = json!({"prompt": "a chart", "dataset_id": id});
    conductor
        .post("/generate_ui/", &request)
        .await
        .error(404, "not_found");
}
