//! A Python script of the other side, which measures itself whenever it is told to.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::checkout;

/// A script that answers each line it is given with a line of JSON. It ends when its input does.
pub(super) struct Contestant {
    script: &'static str,
    child: Child,
    commands: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    complaints: std::path::PathBuf,
}

impl Contestant {
    /// Starts a script of `tests/bench/` with the packages that programs in sandboxes have.
    pub(super) fn start(script: &'static str, variables: &[(&str, &Path)], folder: &Path) -> Self {
        let complaints = folder.join(format!("{script}.log"));
        let log = std::fs::File::create(&complaints).expect("the folder can be written");
        let mut child = Command::new(checkout::path(".venv/bin/python"))
            .arg(checkout::path("tests/bench").join(script))
            .envs(variables.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the Python environment is there: run `cargo xtask build` first");
        let answers = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        Self {
            script,
            commands: child.stdin.take(),
            child,
            answers,
            complaints,
        }
    }

    /// Has it measure once.
    pub(super) async fn ask(&mut self, command: &str) -> Value {
        let line = format!("{command}\n");
        let commands = self.commands.as_mut().expect("it is open until the end");
        let told = commands.write_all(line.as_bytes()).await;
        let answer = match told {
            Ok(()) => self.answers.next_line().await.ok().flatten(),
            Err(_) => None,
        };
        let Some(answer) = answer else {
            let said = std::fs::read_to_string(&self.complaints).unwrap_or_default();
            panic!("{} could not measure `{command}`:\n{said}", self.script);
        };
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    /// The same for a script that answers with a list of milliseconds.
    pub(super) async fn milliseconds(&mut self, command: &str) -> Vec<f64> {
        let answer = self.ask(command).await;
        let list = answer.as_array().expect("a list");
        list.iter()
            .map(|value| value.as_f64().expect("a number"))
            .collect()
    }

    /// Lets it end what it has started.
    pub(super) async fn end(mut self) {
        drop(self.commands.take());
        let _ = self.child.wait().await;
    }
}
