use model::Framework;
use planner::Body;
use serde_json::Value;

use crate::data;
use crate::python::{App, app, check_format, drive, lint};

struct Case {
    prompt: &'static str,
    file_name: &'static str,
    csv: String,
    /// Some of the figures that all rows give.
    figures: &'static [(&'static str, &'static str)],
}

fn cases() -> Vec<Case> {
    let case = |prompt, file_name, csv, figures| Case {
        prompt,
        file_name,
        csv,
        figures,
    };
    vec![
        case(
            "rain and temperature by weather",
            "seattle-weather.csv",
            data::weather(),
            &[
                ("Total precipitation", "3,072"),
                ("Average temp max", "13.7"),
                ("Rows", "1,461"),
            ],
        ),
        case(
            "",
            "stocks.csv",
            data::stocks(),
            &[("Average price", "109.0"), ("Rows", "300")],
        ),
        case(
            "scatter of horsepower against miles",
            "cars.csv",
            data::cars(),
            &[("Rows", "150")],
        ),
        case(
            "",
            "bestellungen.csv",
            data::orders(),
            &[
                ("Total umsatz", "12,082"),
                ("Total menge", "270"),
                ("Rows", "90"),
            ],
        ),
        case(
            "",
            "hostile'\"file{}.csv",
            data::hostile(),
            &[("Rows", "60")],
        ),
        case(
            "",
            "disasters.csv",
            data::disasters(),
            &[("Total deaths", "218,350"), ("Rows", "200")],
        ),
        case(
            "",
            "sensor.tsv",
            data::sensor(),
            &[("Average temperature", "14.5"), ("Rows", "144")],
        ),
        case("", "words.csv", data::words(), &[("Rows", "30")]),
        case(
            "",
            "numbers.csv",
            data::numbers(),
            &[("Average height", "175.0"), ("Rows", "100")],
        ),
    ]
}

fn apps(framework: Framework) -> Vec<App> {
    let case = |case: Case| app(case.prompt, framework, Some((case.file_name, &case.csv)));
    let apps: Vec<App> = cases().into_iter().map(case).collect();
    lint(&apps);
    // Names of absurd length and content are allowed to spoil the layout, and nothing else.
    let is_usual = |app: &&App| !app.code.contains("hostile");
    for app in apps.iter().filter(is_usual) {
        check_format(std::slice::from_ref(app));
    }
    apps
}

/// The labels of the figures on top.
fn labels(app: &App) -> Vec<&str> {
    match &app.plan.body {
        Body::Dashboard(dashboard) => dashboard
            .kpis
            .iter()
            .map(|kpi| kpi.label.as_str())
            .collect(),
        Body::Form(_) => panic!("a dataset becomes a dashboard"),
    }
}

#[test]
fn streamlit_dashboards_show_the_figures_and_follow_their_filters() {
    let apps = apps(Framework::Streamlit);
    for (
        (app, report),
        Case {
            file_name: name,
            figures,
            ..
        },
    ) in apps
        .iter()
        .zip(drive(&apps, Framework::Streamlit))
        .zip(cases())
    {
        let start = &report["start"];
        assert_eq!(
            start["exceptions"],
            serde_json::json!([]),
            "{name}\n{}",
            app.code
        );
        assert_eq!(
            start["titles"],
            serde_json::json!([app.plan.title]),
            "{name}"
        );
        let metrics = start["metrics"].as_object().expect("metrics are named");
        assert_eq!(metrics.len(), labels(app).len(), "{name}");
        for (label, value) in figures {
            assert_eq!(
                metrics.get(*label),
                Some(&Value::from(*value)),
                "{name}: {metrics:?}"
            );
        }
        assert!(start["charts"].as_u64() > Some(0), "{name} has no chart");
        for (control, moved) in report["moved"].as_object().expect("controls are named") {
            assert_eq!(
                moved["exceptions"],
                serde_json::json!([]),
                "{name}: {control}"
            );
            assert_ne!(
                &moved["metrics"], &start["metrics"],
                "{name}: {control} does nothing"
            );
        }
    }
}

#[test]
fn gradio_dashboards_show_the_figures_and_follow_their_filters() {
    let apps = apps(Framework::Gradio);
    for (
        (app, report),
        Case {
            file_name: name,
            figures,
            ..
        },
    ) in apps
        .iter()
        .zip(drive(&apps, Framework::Gradio))
        .zip(cases())
    {
        assert_eq!(
            report["title"],
            Value::from(app.plan.title.as_str()),
            "{name}"
        );
        let labels = labels(app);
        for (label, value) in figures {
            let index = labels
                .iter()
                .position(|other| other == label)
                .expect("the figure is shown");
            assert_eq!(
                report["start"][index],
                Value::from(*value),
                "{name}: {label}"
            );
        }
        for (control, moved) in report["moved"].as_object().expect("controls are named") {
            assert_ne!(moved, &report["start"], "{name}: {control} does nothing");
        }
    }
}
