//! A shell: one bash process that keeps its variables, functions and directory between executions.
//!
//! Code and variables go in over its stdin; the end of a run comes back in band, on both outputs,
//! between NULs and with a token the code does not know.

use std::collections::BTreeMap;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::pipe;
use tokio::sync::mpsc;
use tokio::time::{Duration, timeout};

use super::ending::{Done, Ending, Watch};
use super::output::{self, Output};
use crate::clock;
use crate::process::{Exit, Process, ProcessHandle, Spawn, SpawnError};
use crate::sandbox::Sandbox;

const DRIVER: &str = include_str!("bash.sh");
/// Between the shell's end and the last output that is still in its pipes.
const LAST_OUTPUT_WITHIN: Duration = Duration::from_millis(200);
/// Of an exit code.
const STATUS_DIGITS: usize = 10;

/// Why a shell did not start.
#[derive(Debug, Error)]
pub enum ShellError {
    /// Its process did not start.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// It came without pipes.
    #[error("cannot talk to bash: it has no {0}")]
    Pipe(&'static str),
}

/// A running shell. Dropping it kills it and what it started.
pub(crate) struct Shell {
    process: Process,
    stdin: pipe::Sender,
    stdout: Stream,
    stderr: Stream,
    executions: u64,
}

impl Shell {
    /// Starts a shell in a directory.
    pub(crate) async fn start(sandbox: &Sandbox, cwd: Option<&str>) -> Result<Self, ShellError> {
        let argv = ["/bin/bash", "--noprofile", "--norc", "-c", DRIVER, "bash"];
        let mut process = sandbox
            .spawn(Spawn {
                argv: argv.map(str::to_owned).to_vec(),
                cwd: cwd.map(Into::into),
                stdin: true,
                stdout: true,
                stderr: true,
                kill_on_drop: true,
                ..Spawn::default()
            })
            .await?;
        Ok(Self {
            stdin: process.stdin.take().ok_or(ShellError::Pipe("stdin"))?,
            stdout: Stream::new(
                process.stdout.take().ok_or(ShellError::Pipe("stdout"))?,
                false,
            ),
            stderr: Stream::new(
                process.stderr.take().ok_or(ShellError::Pipe("stderr"))?,
                true,
            ),
            process,
            executions: 0,
        })
    }

    /// To signal it while it executes.
    pub(crate) fn process(&self) -> ProcessHandle {
        self.process.handle()
    }

    /// Runs code and passes on its outputs; an exit code other than 0 is an error of the code.
    ///
    /// `Err` says how the shell ended instead; it is of no use then.
    pub(crate) async fn execute(
        &mut self,
        code: &str,
        env_vars: &BTreeMap<String, String>,
        watch: &Watch<'_>,
        outputs: &mpsc::Sender<Output>,
    ) -> Result<Done, Ending> {
        self.executions += 1;
        let _ = outputs
            .send(Output::NumberOfExecutions {
                execution_count: self.executions,
            })
            .await;
        let handle = self.process.handle();
        let Ok(token) = clock::random_id(20) else {
            return Err(watch.ending("the shell", Exit::Lost, String::new()));
        };
        let mut request = format!("{token}\0{}\0", env_vars.len());
        for (name, value) in env_vars {
            request.extend([name, "\0", value, "\0"]);
        }
        request.extend([code, "\0"]);
        let run = async {
            let (written, out, err) = tokio::join!(
                self.stdin.write_all(request.as_bytes()),
                self.stdout.read_to(&token, outputs),
                self.stderr.read_to(&token, outputs),
            );
            written.ok().and(out).and(err)
        };
        let status = tokio::select! {
            biased;
            status = run => status,
            _ = handle.wait() => None,
        };
        let Some(status) = status else {
            let last = async {
                tokio::join!(
                    self.stdout.read_to(&token, outputs),
                    self.stderr.read_to(&token, outputs)
                )
            };
            let _ = timeout(LAST_OUTPUT_WITHIN, last).await;
            return match handle.wait().await {
                // The code said `exit`, which is its right.
                Exit::Code(code) => {
                    report(code, watch, outputs).await;
                    Err(Ending::wanted(
                        "the shell had ended and was started again: its variables are gone\n",
                    ))
                }
                exit => Err(watch.ending("the shell", exit, String::new())),
            };
        };
        report(status, watch, outputs).await;
        let failed = status != 0;
        Ok(Done { failed })
    }
}

async fn report(status: i32, watch: &Watch<'_>, outputs: &mpsc::Sender<Output>) {
    if status != 0 {
        let error = Output::error("ExitCode", format!("exit code {status}"));
        let _ = outputs.send(watch.named(error)).await;
    }
}

/// One output of the shell.
struct Stream {
    pipe: pipe::Receiver,
    is_stderr: bool,
    /// Read, and not yet passed on: the beginning of a character or of an end mark.
    held: Vec<u8>,
}

impl Stream {
    fn new(pipe: pipe::Receiver, is_stderr: bool) -> Self {
        Self {
            pipe,
            is_stderr,
            held: Vec::new(),
        }
    }

    /// Passes text on until the end mark; its exit code. `None` when the pipe ends before.
    async fn read_to(&mut self, token: &str, outputs: &mpsc::Sender<Output>) -> Option<i32> {
        let mark = format!("\0{token} ");
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let (text, status) = take_text(&mut self.held, mark.as_bytes());
            if !text.is_empty() {
                let timestamp = output::now();
                let output = match self.is_stderr {
                    true => Output::Stderr { text, timestamp },
                    false => Output::Stdout { text, timestamp },
                };
                let _ = outputs.send(output).await;
            }
            if status.is_some() {
                return status;
            }
            match self.pipe.read(&mut buffer).await {
                Ok(count @ 1..) => self.held.extend_from_slice(&buffer[..count]),
                Ok(0) | Err(_) => return None,
            }
        }
    }
}

/// What follows a mark.
enum Status {
    /// The exit code, and how many bytes it takes.
    Is(i32, usize),
    /// It may become one.
    Unfinished,
    /// The mark is text like any other: the code knows the token, if it looks for it.
    No,
}

impl Status {
    fn read(bytes: &[u8]) -> Self {
        let digits = bytes.iter().take(STATUS_DIGITS + 1);
        let length = digits.take_while(|byte| byte.is_ascii_digit()).count();
        let digits = std::str::from_utf8(&bytes[..length]).ok();
        let code = digits.and_then(|digits| digits.parse().ok());
        match (bytes.get(length), code) {
            _ if length > STATUS_DIGITS => Self::No,
            (None, _) => Self::Unfinished,
            (Some(0), Some(code)) => Self::Is(code, length + 1),
            _ => Self::No,
        }
    }
}

/// Takes the text that is safe to pass on, and the exit code if the end mark is there. Leaves no
/// more than a mark, an unfinished exit code and an unfinished character.
fn take_text(held: &mut Vec<u8>, mark: &[u8]) -> (String, Option<i32>) {
    let mut from = 0;
    while let Some(at) = held[from..]
        .windows(mark.len())
        .position(|window| window == mark)
    {
        let at = from + at;
        let (taken, status) = match Status::read(&held[at + mark.len()..]) {
            Status::Is(code, length) => (at + mark.len() + length, Some(code)),
            Status::Unfinished => (at, None),
            Status::No => {
                from = at + 1;
                continue;
            }
        };
        let text = String::from_utf8_lossy(&held[..at]).into_owned();
        held.drain(..taken);
        return (text, status);
    }
    // The last bytes may begin a mark, or be the first part of a character.
    let begins_mark = (0..held.len())
        .rev()
        .take(mark.len())
        .find(|&at| mark.starts_with(&held[at..]));
    let end = begins_mark.unwrap_or(held.len());
    let end = match std::str::from_utf8(&held[..end]) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => end,
    };
    let text = String::from_utf8_lossy(&held[..end]).into_owned();
    held.drain(..end);
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole text and the exit code, read in pieces of `step` bytes.
    fn read(bytes: &[u8], step: usize) -> (String, Option<i32>) {
        let (mut held, mut all, mut end) = (Vec::new(), String::new(), None);
        for piece in bytes.chunks(step) {
            held.extend_from_slice(piece);
            let (text, status) = take_text(&mut held, b"\0token ");
            all += &text;
            end = end.or(status);
        }
        (all, end)
    }

    #[test]
    fn text_and_exit_code_are_the_same_in_pieces_of_any_size() {
        let bytes = "gr\u{fc}n \u{1f600} \0 tok\n\0token 130\0".as_bytes();
        for step in 1..=bytes.len() {
            assert_eq!(
                read(bytes, step),
                ("gr\u{fc}n \u{1f600} \0 tok\n".to_owned(), Some(130)),
                "{step}"
            );
        }
    }

    #[test]
    fn text_without_an_end_is_not_held_back() {
        assert_eq!(read(b"prompt> ", 8), ("prompt> ".to_owned(), None));
    }

    #[test]
    fn a_mark_without_an_exit_code_is_text() {
        for text in [
            "\0token \0",
            "\0token 1x\0",
            "\0token -1\0",
            "\0token 99999999999\0",
            "\0token 9999999999\0",
            "\0token \0token 1 \0token",
        ] {
            let bytes = format!("{text}.\0token 3\0");
            for step in 1..=bytes.len() {
                let expected = (format!("{text}."), Some(3));
                assert_eq!(read(bytes.as_bytes(), step), expected, "{step}");
            }
        }
    }

    #[test]
    fn what_is_held_back_stays_small() {
        for (flood, step) in [("\0token ", 4096), ("\0token 1x", 3), ("1", 7)] {
            let bytes = format!("\0token {}", flood.repeat(20_000)).into_bytes();
            let (mut held, mut all) = (Vec::new(), String::new());
            for piece in bytes.chunks(step) {
                held.extend_from_slice(piece);
                let (text, status) = take_text(&mut held, b"\0token ");
                assert_eq!(status, None);
                assert!(held.len() <= 20, "{flood:?}: {}", held.len());
                all += &text;
            }
            all += &String::from_utf8_lossy(&held);
            assert!(all.as_bytes() == bytes, "{flood:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_it() {
        assert_eq!(
            read(b"a\xff\xfeb\0token 0\0", 100),
            ("a\u{fffd}\u{fffd}b".to_owned(), Some(0))
        );
    }
}
