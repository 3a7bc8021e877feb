use super::*;
use crate::steps::Steps;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

fn run_in_a_step(script: &str) -> Result<String> {
    let mut output = String::new();
    Steps::new().run("shell", |step| {
        output = run(step, "the script", &mut shell(script), |_, line| {
            !line.starts_with("progress")
        })?;
        Ok(String::new())
    })?;
    Ok(output)
}

#[test]
fn output_comes_in_lines_and_carriage_returns_end_lines_too() {
    let output =
        run_in_a_step("printf 'progress 1\\rprogress 2\\rone\\ntwo'").expect("the script succeeds");
    assert_eq!(output, "one\ntwo\n");
}

#[test]
fn a_failure_names_the_tool_and_its_status() {
    let error = run_in_a_step("echo no luck; exit 3").expect_err("the script fails");
    assert_eq!(
        error.to_string(),
        "the script failed (exit status: 3); its output is above"
    );
}

#[test]
fn a_grandchild_that_keeps_the_pipe_does_not_keep_us() {
    let started = Instant::now();
    run_in_a_step("sleep 30 & echo done").expect("the script succeeds");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn dropping_a_child_kills_its_whole_group() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pid_file = folder.path().join("pid");
    let script = format!(
        "sleep 300 & echo $! > {0}.new; mv {0}.new {0}; wait",
        pid_file.display()
    );
    let running = Running::start(&mut shell(&script), Signal::SIGTERM).expect("sh starts");
    let deadline = Instant::now() + Duration::from_secs(10);
    let grandchild = loop {
        if let Ok(pid) = std::fs::read_to_string(&pid_file) {
            break pid.trim().to_owned();
        }
        assert!(Instant::now() < deadline, "the script wrote no pid");
    };
    drop(running);
    let state = || std::fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
    while !state().is_empty() && !state().contains(") Z ") {
        assert!(Instant::now() < deadline, "the grandchild still runs");
    }
}

#[test]
fn a_child_that_ignores_the_request_is_killed_at_the_deadline() {
    let script = "trap '' TERM; while :; do sleep 1; done";
    let mut running = Running::start(&mut shell(script), Signal::SIGTERM).expect("sh starts");
    running.ask_to_end();
    running.stop_until(Instant::now() + Duration::from_millis(300));
    assert!(running.ended().expect("it can be waited for").is_some());
}

#[test]
fn a_missing_tool_is_named() {
    let error = read(&mut Command::new("no-such-tool")).expect_err("there is none");
    assert_eq!(error.to_string(), "cannot start no-such-tool");
}
