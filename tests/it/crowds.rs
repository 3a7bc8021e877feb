//! Many at once, and clients that go away.

use e2e::{Conductor, processes_with};
use futures_util::future::join_all;
use serde_json::json;

#[tokio::test]
async fn thirty_sandboxes_at_once_keep_apart() {
    let conductor = Conductor::start().await;
    let begin = (0..30).map(|at| {
        let conductor = &conductor;
        async move {
            conductor
                .run_code(&format!("mine = {at}; print(mine)"))
                .await
        }
    });
    let made = join_all(begin).await;
    for (at, reply) in made.iter().enumerate() {
        assert_eq!(reply["output"], format!("{at}\n"), "{reply}");
    }
    assert_eq!(conductor.sandboxes().await, 30);

    // Fifty runs at once over all of them: some sessions get one, some two.
    let runs = (0..50).map(|at| {
        let session = &made[at % 30]["session_id"];
        conductor.run_in(session, "print(mine)")
    });
    for (at, reply) in join_all(runs).await.iter().enumerate() {
        assert_eq!(reply["output"], format!("{}\n", at % 30), "{reply}");
    }
}

#[tokio::test]
async fn fifty_runs_at_once_in_one_session_take_turns() {
    let conductor = Conductor::start().await;
    let mut neighbour = conductor.neighbour().await;
    let session = conductor.run_code("done = 0").await["session_id"].clone();
    let runs = (0..50).map(|_| conductor.run_in(&session, "done += 1; print(done)"));
    let mut turns: Vec<u32> = join_all(runs)
        .await
        .iter()
        .map(|reply| {
            let output = reply["output"].as_str().expect("text").trim();
            output.parse().unwrap_or_else(|_| panic!("{reply}"))
        })
        .collect();
    turns.sort_unstable();
    assert_eq!(
        turns,
        (1..=50).collect::<Vec<u32>>(),
        "each had the session for itself"
    );
    neighbour.is_undisturbed().await;
}

#[tokio::test]
async fn a_run_whose_client_went_away_without_a_stream_ends_by_its_timeout() {
    let conductor = Conductor::start().await;
    let mut neighbour = conductor.neighbour().await;
    let session = conductor.run_code("x = 1").await["session_id"].clone();
    // Seen from outside: its kernel is busy.
    let mark = format!("86399.3{}", std::process::id());
    let code =
        format!("import subprocess\nsubprocess.Popen(['sleep', '{mark}'])\nwhile True: pass");
    let request = json!({"code": code, "session_id": session, "timeout_seconds": 3});
    // Here the client goes away: the run is not awaited to its end.
    tokio::select! {
        reply = conductor.run(request) => panic!("it ended by itself: {reply}"),
        () = e2e::until("it runs", async || (!processes_with(&mark).is_empty()).then_some(())) => {}
    }
    neighbour.is_undisturbed().await;
    assert_eq!(
        conductor.run_in(&session, "print(x)").await["output"],
        "1\n"
    );
}
