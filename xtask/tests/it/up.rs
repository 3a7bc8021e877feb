use nix::sys::signal::Signal;

use crate::checkout::Checkout;

#[test]
fn ctrl_c_and_sigterm_stop_everything() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let checkout = Checkout::new();
        let mut up = checkout.up();
        up.signal(signal);
        assert_eq!(up.exit_code(), Some(0), "{}", up.output());
        checkout.wait_until_all_processes_are_gone();
        assert_eq!(
            checkout.processes("sandbox").len(),
            2,
            "one start is enough"
        );
        assert!(
            up.output().contains("everything has ended"),
            "{}",
            up.output()
        );
    }
}

#[test]
fn a_crash_of_one_part_stops_the_others_and_names_it() {
    for (part, last_words) in [
        ("host", "host cannot go on"),
        ("sandbox", "sandbox cannot go on"),
    ] {
        let checkout = Checkout::new();
        let mut up = checkout.up();
        checkout.write(&format!("crash-{part}"), "");
        assert_eq!(up.exit_code(), Some(1), "{}", up.output());
        checkout.wait_until_all_processes_are_gone();
        let error = format!("error: {part} has ended by itself (exit status: 1)");
        assert!(up.output().contains(&error), "{}", up.output());
        assert!(up.output().contains(last_words), "{}", up.output());
    }
}

#[test]
fn after_a_crash_of_the_sandbox_a_start_cleans_up() {
    let checkout = Checkout::new();
    let mut up = checkout.up();
    checkout.write("crash-sandbox", "");
    assert_eq!(up.exit_code(), Some(1), "{}", up.output());
    checkout.wait_until_all_processes_are_gone();
    assert_eq!(
        checkout.processes("host").len(),
        2,
        "the host was started once"
    );
    assert_eq!(
        checkout.processes("sandbox").len(),
        4,
        "the sandbox was started again"
    );
}

#[test]
fn killed_outright_it_still_leaves_no_service() {
    let checkout = Checkout::new();
    let mut up = checkout.up();
    let services: Vec<_> = ["host", "sandbox"]
        .iter()
        .map(|name| checkout.processes(name)[0])
        .collect();
    up.signal(Signal::SIGKILL);
    assert_eq!(up.exit_code(), None);
    checkout.wait_until_gone(&services);
    checkout.kill_children();
}

#[test]
fn the_host_learns_the_sandbox_and_the_key_and_the_sandbox_no_secret() {
    let checkout = Checkout::new();
    checkout.write(".env", "OPENAI_API_KEY=from-the-file\n");
    let up = checkout.up();
    let host = checkout.environment("host");
    assert!(
        host.contains("SPIN_VARIABLE_OPENAI_API_KEY=from-the-file"),
        "{host}"
    );
    assert!(
        host.contains("SPIN_VARIABLE_SANDBOX_API_URL=http://127.0.0.1:"),
        "{host}"
    );
    assert!(
        host.contains("SPIN_VARIABLE_SANDBOX_APP_URL=http://{port}-{id}.localhost:"),
        "{host}"
    );
    assert!(!checkout.environment("sandbox").contains("from-the-file"));
    drop(up);
}

#[test]
fn a_second_up_in_the_same_state_folder_is_refused() {
    let checkout = Checkout::new();
    let first = checkout.up();
    let mut second = checkout.start();
    assert_eq!(second.exit_code(), Some(1));
    assert!(
        second
            .output()
            .contains("another `cargo xtask up` runs with"),
        "{}",
        second.output()
    );
    drop(first);
}

#[test]
fn a_service_that_is_not_built_is_named() {
    let checkout = Checkout::new();
    std::fs::remove_file(checkout.path("target/debug/sandbox")).expect("it was there");
    let mut up = checkout.start();
    assert_eq!(up.exit_code(), Some(1));
    assert!(
        up.output().contains("target/debug/sandbox is not built"),
        "{}",
        up.output()
    );
}

#[test]
fn spin_serves_where_it_is_wanted_and_there() {
    let checkout = Checkout::new();
    let mut without = checkout.start_with(&["--spin"]);
    assert_eq!(without.exit_code(), Some(1));
    assert!(
        without.output().contains("--spin needs the Spin CLI"),
        "{}",
        without.output()
    );

    checkout.install("bin/spin");
    let up = checkout.up_with(&["--spin"]);
    assert!(
        checkout
            .environment("spin")
            .contains("SPIN_VARIABLE_SANDBOX_API_URL=http://")
    );
    drop(up);
}
