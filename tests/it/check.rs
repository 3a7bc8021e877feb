//! The check of generated programs, in a real sandbox.
//!
//! Each program of `tests/checked/broken` says in its comments what is wrong with it, in the line where
//! it is wrong: `#: unknown_column Sales` (kind and name; `~` for a name that nobody is told); a comment
//! alone on its line stands for a finding that no line is to blame for.

use std::fmt::Write as _;
use std::path::Path;

use e2e::Conductor;
use serde_json::{Map, Value, json};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/execution/src");
pub const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/checked");

/// Runs in the session's kernel, as a client of its own sandbox: it writes the check and the programs,
/// and checks two at a time.
const CHECK_ALL: &str = r#"
import concurrent.futures, json, os, subprocess

for path, text in FILES.items():
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def check(name):
    framework = name.partition("_")[0]
    command = ["python3", "/home/user/.conductor/check_app.py", "--framework", framework]
    command += ["--app", f"/home/user/{name}", "--name", "app.py", "--run-seconds", "9"]
    ended = subprocess.run(command, capture_output=True, text=True, cwd="/home/user")
    lines = ended.stdout.splitlines()
    return name, json.loads(lines[-1]) if lines else {"findings": [], "complaint": ended.stderr}


with concurrent.futures.ThreadPoolExecutor(2) as executor:
    print(json.dumps(dict(executor.map(check, PROGRAMS))))
"#;

#[tokio::test]
async fn finds_what_is_wrong_with_broken_programs_and_nothing_with_correct_ones() {
    let conductor = Conductor::start().with_all_libraries().await;
    let broken = programs("broken");
    let correct = programs("correct");
    assert!(broken.len() >= 25 && correct.len() >= 15);
    let names: Vec<&String> = broken
        .iter()
        .chain(&correct)
        .map(|(name, _)| name)
        .collect();
    let mut files = check_itself();
    for (name, text) in broken.iter().chain(&correct) {
        files.insert(format!("/home/user/{name}"), json!(text));
    }
    let sales = std::fs::read_to_string(Path::new(PROGRAMS).join("sales.csv"));
    let sales = sales.expect("the data is there");
    files.insert("/home/user/sales.csv".to_owned(), json!(sales));
    // JSON without true, false and null is Python, too.
    let code = format!(
        "FILES = {}\nPROGRAMS = {}\n{CHECK_ALL}",
        Value::Object(files),
        json!(names)
    );
    let reply = conductor
        .run(json!({"code": code, "timeout_seconds": 300}))
        .await;
    let reports = reply["output"].as_str().expect("text");
    let reports: Value = serde_json::from_str(reports).unwrap_or_else(|_| panic!("{reply}"));

    let mut wrong = String::new();
    for (name, text) in broken.iter().chain(&correct) {
        let report = &reports[name];
        let wanted = wanted(text);
        let findings = report["findings"].as_array().expect("a list");
        let fits = findings.len() == wanted.len()
            && wanted
                .iter()
                .zip(findings)
                .all(|(wanted, finding)| wanted.fits(finding));
        let complete = !wanted.is_empty() || report["complete"] == true;
        if !fits || !complete {
            writeln!(wrong, "{name}: wanted {wanted:?}, got {report:#}").expect("it is a string");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// What a comment of a broken program says.
#[derive(Debug)]
pub struct Wanted {
    kind: String,
    name: Option<String>,
    line: Option<usize>,
}

impl Wanted {
    /// Whether a finding, as JSON, is this one.
    pub fn fits(&self, finding: &Value) -> bool {
        let line = finding["line"]
            .as_u64()
            .and_then(|line| usize::try_from(line).ok());
        // A loop is interrupted in any of its two or three lines; the comment is in the middle.
        let is_near = match (self.kind.as_str(), self.line, line) {
            ("endless_run", Some(wanted), Some(line)) => wanted.abs_diff(line) <= 1,
            (_, wanted, line) => wanted == line,
        };
        let name_fits = match self.name.as_deref() {
            None | Some("~") => true,
            Some(name) => finding["name"] == name,
        };
        finding["kind"] == self.kind && is_near && name_fits
    }
}

/// What the comments of a program say.
pub fn wanted(program: &str) -> Vec<Wanted> {
    let of_line = |(number, line): (usize, &str)| {
        let (before, comment) = line.split_once("#: ")?;
        let mut words = comment.split_whitespace();
        Some(Wanted {
            kind: words.next()?.to_owned(),
            name: words.next().map(str::to_owned),
            line: (!before.is_empty()).then_some(number + 1),
        })
    };
    program.lines().enumerate().filter_map(of_line).collect()
}

/// Name and text of the programs of a folder; the name begins with the framework.
pub fn programs(folder: &str) -> Vec<(String, String)> {
    let mut programs = texts(&Path::new(PROGRAMS).join(folder));
    programs.sort();
    programs
}

/// The check as it is uploaded.
fn check_itself() -> Map<String, Value> {
    let source = Path::new(SOURCES);
    let place = |folder: &str, texts: Vec<(String, String)>| {
        let path = move |name: &str| format!("/home/user/.conductor{folder}/{name}");
        texts
            .into_iter()
            .map(move |(name, text)| (path(&name), json!(text)))
            .collect::<Vec<_>>()
    };
    let parts = [
        place(
            "/conductor_check",
            texts(&source.join("check/conductor_check")),
        ),
        place("", texts(&source.join("check"))),
        place("", texts(&source.join("app"))),
    ];
    parts.into_iter().flatten().collect()
}

/// The Python files of a folder.
fn texts(folder: &Path) -> Vec<(String, String)> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    entries
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .map(|path| {
            let name = path.file_name().expect("a file has a name");
            let text = std::fs::read_to_string(&path).expect("the program can be read");
            (name.to_string_lossy().into_owned(), text)
        })
        .collect()
}
