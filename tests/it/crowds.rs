//! Many at once, and clients that go away.

use e2e::Conductor;
use futures_util::future::join_all;
use serde_json::{Value, json};

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
    let code = "open('/tmp/began', 'w').close()\nwhile True: pass";
    let request = json!({"code": code, "session_id": session, "timeout_seconds": 3});
    let began = "import os; print(os.path.exists('/tmp/began'))";
    {
        let run = conductor.run(request);
        let look = e2e::until("it runs", async || {
            // Another way in than the kernel, which is busy.
            let list = conductor.control("/v2/sandboxes").await.ok();
            (list.as_array()?.len() == 2).then_some(())
        });
        // Here the client goes away: neither is awaited to its end.
        tokio::select! {
            reply = run => panic!("it ended by itself: {reply}"),
            () = async { look.await; tokio::time::sleep(std::time::Duration::from_millis(500)).await; } => {}
        }
    }
    neighbour.is_undisturbed().await;
    let reply: Value = conductor.run_in(&session, began).await;
    assert_eq!(reply["output"], "True\n", "{reply}");
    assert_eq!(
        conductor.run_in(&session, "print(x)").await["output"],
        "1\n"
    );
}
