//! The small soak; `cargo run -p e2e --bin soak` is the large one.

use e2e::{Conductor, Soak};

#[tokio::test]
async fn sandboxes_and_apps_that_have_ended_leave_nothing() {
    let conductor = Conductor::start().await;
    let soak = Soak {
        sandboxes: 24,
        apps: 2,
        rounds: 2,
    };
    let outcome = soak.run(&conductor).await;
    for what in [
        "processes",
        "files of the sandboxes",
        "sandbox: descriptors",
    ] {
        assert!(
            outcome.seen.contains(&what),
            "{what} are not counted:\n{outcome}"
        );
    }
    assert!(outcome.leaks.is_empty(), "{outcome}");
}
