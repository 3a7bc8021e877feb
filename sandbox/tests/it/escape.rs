//! Attempts to get out of a sandbox, to reach its neighbours, or to take more than it may have.
//!
//! Every attempt is two tests: against a service of root, and against one of an ordinary user. What
//! an attempt tries is harmless also where it succeeds. Where it can be shown, the same snippet is
//! run outside, in namespaces of its own but as their root: a refusal then has to be the sandbox's.

use std::process::{Command, Stdio};

use crate::fixture::{Sandbox, Service};

/// Makes two tests of each attempt; the service is started with the flags.
macro_rules! attempts {
    ($flags:ident; $($attempt:ident),+ $(,)?) => {
        mod as_root {
            $(#[tokio::test]
            async fn $attempt() {
                super::$attempt($crate::escape::service_of_root(&super::$flags)).await;
            })+
        }

        mod as_ordinary_user {
            $(#[tokio::test]
            async fn $attempt() {
                super::$attempt($crate::fixture::Service::start_ordinary(&super::$flags)).await;
            })+
        }
    };
}

mod files;
mod files_api;
mod kernel_surface;
mod machine;
mod network;
mod privileges;
mod processes;
mod resources;
mod routing;

/// For the attempts that need no flags.
const PLAIN: [&str; 0] = [];

const PRELUDE: &str = "
import ctypes, errno, os, signal, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(*arguments):
    result = libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    if result == -1: raise OSError(ctypes.get_errno(), '')
    return result
";

fn service_of_root(flags: &[&str]) -> Service {
    assert!(
        nix::unistd::geteuid().is_root(),
        "half of the escape suite needs root: that is what it is about"
    );
    Service::start_with(flags)
}

/// The snippet as a program that prints `done`, or the name of the system's error.
fn program(snippet: &str) -> String {
    let body: String = snippet
        .lines()
        .map(|line| format!("    {line}\n"))
        .collect();
    format!(
        "{PRELUDE}\ntry:\n{body}    print('done')\nexcept OSError as e: print(errno.errorcode.get(e.errno, e))"
    )
}

/// What becomes of a snippet of Python inside.
async fn outcome(sandbox: &Sandbox<'_>, snippet: &str) -> String {
    let output = sandbox.python(&program(snippet)).await;
    assert_eq!(output.stderr, "", "{snippet}");
    output.stdout.trim().to_owned()
}

/// The snippet fails inside, and in a way that shows what stopped it.
async fn refused(sandbox: &Sandbox<'_>, snippet: &str, errors: &[&str]) {
    let outcome = outcome(sandbox, snippet).await;
    assert!(
        errors.contains(&outcome.as_str()),
        "{snippet}: {outcome}, not one of {errors:?}"
    );
}

/// What becomes of the snippet on the machine itself.
fn outcome_on_the_machine(snippet: &str) -> String {
    python_outside(Command::new("/usr/bin/python3"), snippet)
}

/// Shows that an attempt could succeed: it does in namespaces of its own, as their root.
fn succeeds_outside(snippet: &str) {
    let mut command = Command::new("unshare");
    command.args([
        "--user",
        "--map-root-user",
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "/usr/bin/python3",
    ]);
    assert_eq!(python_outside(command, snippet), "done", "{snippet}");
}

fn python_outside(mut command: Command, snippet: &str) -> String {
    let output = command
        .args(["-c", &program(snippet)])
        .stdin(Stdio::null())
        .output()
        .expect("unshare, of util-linux, and the system's Python");
    assert!(output.stderr.is_empty(), "{snippet}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
