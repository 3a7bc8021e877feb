use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::executor::block_on;
use model::check::FindingKind;
use model::ports::Fakes;
use model::session::Lifetimes;

use super::*;
use crate::SandboxConfig;

#[test]
fn reads_the_last_line_as_the_report() {
    let written = br#"a word of a library
{"event": "checked", "findings": [{"kind": "removed_name", "message": "`gradio.Box` is gone", "line": 5,
"column": 10, "name": "gradio.Box", "replacement": "gr.Group()", "place": null, "traceback": null}],
"notices": [], "complete": true, "output": "", "seconds": 1.25}
"#;
    let written = String::from_utf8_lossy(written).replace(",\n", ", ");
    let report = read(written.as_bytes()).expect("a report");
    assert_eq!(report.findings[0].kind, FindingKind::RemovedName);
    assert_eq!(
        report.findings[0].replacement.as_deref(),
        Some("gr.Group()")
    );
    assert!(!report.is_good());
}

#[test]
fn tells_a_report_from_other_words() {
    for written in [&b""[..], b"Killed\n", br#"{"event": "ready"}"#, b"{"] {
        assert_eq!(read(written), None);
    }
}

/// The stream of a process that writes `report` and ends.
fn process(report: &str) -> String {
    let mut events = vec![r#"{"event":{"start":{"pid":7}}}"#.to_owned()];
    // Short pieces: a length of less than 128 is also text, which the script wants.
    for piece in report.as_bytes().chunks(60) {
        let piece = STANDARD.encode(piece);
        events.push(format!(r#"{{"event":{{"data":{{"stdout":"{piece}"}}}}}}"#));
    }
    events.push(r#"{"event":{"end":{"exited":true,"status":"exit status 0"}}}"#.to_owned());
    let envelope = |event: &String| {
        let length = char::from(u8::try_from(event.len()).expect("a short event"));
        format!("\0\0\0\0{length}{event}")
    };
    events.iter().map(envelope).collect()
}

#[test]
fn a_check_is_an_upload_and_a_process() {
    let report = r#"{"event":"checked","findings":[],"notices":[],"complete":true,"output":"","seconds":1.0}
"#;
    let mut fakes = Fakes::default();
    fakes.http = std::mem::take(&mut fakes.http)
        .reply(200, "[]")
        .reply(200, &process(report));
    let config = SandboxConfig::read(|_| "http://sandbox".to_owned());
    let executor = Executor {
        outside: &fakes,
        config: &config,
        lifetimes: Lifetimes::default(),
        codec: &Plain,
    };
    let sandbox = SandboxRef {
        id: "s1".to_owned(),
        domain: None,
        access_token: None,
        traffic_token: None,
    };
    let candidate = Candidate {
        code: "import streamlit",
        framework: Framework::Streamlit,
        env: &BTreeMap::new(),
        run_limit: Duration::from_secs(20),
        limit: Duration::from_secs(90),
    };
    let report = block_on(executor.check(&sandbox, &candidate)).expect("it is scripted");
    assert!(report.is_good(), "{report:?}");
    assert_eq!(
        fakes.http.lines(),
        ["POST /files", "POST /process.Process/Start"]
    );
}

struct Plain;

impl Codec for Plain {
    fn pack(&self, part: &[u8]) -> Vec<u8> {
        part.to_vec()
    }
    fn unpack(&self, packed: &[u8]) -> Option<Vec<u8>> {
        Some(packed.to_vec())
    }
}
