//! What a request costs: round trips to the sandbox service, and connections.

use e2e::{Conductor, Relay, ScriptedModel};

#[tokio::test]
async fn a_warm_run_is_one_request_on_a_connection_that_is_there() {
    let relay = Relay::start().await;
    let conductor = Conductor::start()
        .with_variable("sandbox_api_url", &relay.address)
        .with_variable("sandbox_data_url", &relay.address)
        .with_variable("sandbox_origin", &relay.address)
        .await;
    relay.lead_to(conductor.sandbox_address());
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    let (_, paths) = without_watches(relay.take());
    assert_eq!(paths, ["/sandboxes", "/execute"], "a first run is two");

    for _ in 0..10 {
        let reply = conductor.run_in(&session, "print(x)").await;
        assert_eq!(reply["output"], "1\n");
    }
    let (connections, paths) = without_watches(relay.take());
    assert_eq!(paths, ["/execute"; 10]);
    // A busy machine may be late with the end of a stream, once.
    assert!(connections <= 2, "{connections} connections for 10 runs");

    let id = session.as_str().expect("an id");
    conductor.get(&format!("/session/{id}")).await.ok();
    let (connections, paths) = relay.take();
    assert_eq!((connections, paths.len()), (0, 0), "to look costs nothing");
}

#[tokio::test]
async fn a_look_at_what_is_up_asks_a_model_that_is_up_once() {
    let (relay, model) = (Relay::start().await, ScriptedModel::saying([]).await);
    relay.lead_to(model.address.trim_start_matches("http://"));
    let conductor = Conductor::start()
        .with_model(&model)
        .with_variable("openai_base_url", &relay.address)
        .with_variable("openai_origin", &relay.address)
        .without_sandbox()
        .await;
    for _ in 0..3 {
        let health = conductor.get("/health").await.json();
        assert_eq!(health["model"]["status"], "up", "{health}");
    }
    assert_eq!(relay.take().1, ["/v1/models"]);
}

/// What takes more than 400 ms watches for a request to stop: on a busy machine that may be any run.
fn without_watches((connections, mut paths): (usize, Vec<String>)) -> (usize, Vec<String>) {
    let all = paths.len();
    paths.retain(|path| !path.starts_with("/filesystem."));
    let watches = all - paths.len();
    (connections.saturating_sub(watches), paths)
}
