use futures_util::future::join_all;
use nix::sys::signal::Signal;

use crate::harness::{Builder, guest, start};

fn granted() -> Builder {
    guest(r#"key_value_stores = ["default"]"#)
}

#[tokio::test]
async fn both_interfaces_see_the_same_store() {
    let host = granted().start();
    assert_eq!(host.ok("store/get?key=a").await, "absent");
    host.ok("store/set?key=a&value=1").await;
    assert_eq!(host.ok("store/bucket-get?key=a").await, "1");
    host.ok("store/bucket-set?key=b&value=2").await;
    assert_eq!(host.ok("store/get?key=b").await, "2");
    assert_eq!(host.ok("store/keys").await, "a,b");
    assert_eq!(host.ok("store/bucket-keys").await, "a,b");
    assert_eq!(host.ok("store/exists?key=a").await, "true");
    host.ok("store/delete?key=a").await;
    assert_eq!(host.ok("store/exists?key=a").await, "false");
    assert_eq!(host.ok("store/many").await, "many-a=absent many-b=2 ");
}

#[tokio::test]
async fn a_store_that_is_not_granted_is_refused() {
    let host = start();
    assert_eq!(
        host.text("store/open?label=default").await,
        (500, "Error::AccessDenied".into())
    );
    let host = granted().start();
    assert_eq!(host.ok("store/open?label=default").await, "open");
    assert_eq!(
        host.text("store/open?label=other").await,
        (500, "Error::AccessDenied".into())
    );
}

#[tokio::test]
async fn twenty_writers_of_one_key_lose_nothing() {
    let host = granted().start();
    join_all((0..20).map(|_| async {
        for _ in 0..10 {
            host.ok("store/count?key=n").await;
        }
    }))
    .await;
    assert_eq!(host.ok("store/get?key=n").await, "200");
}

#[tokio::test]
async fn one_of_twenty_first_writers_wins() {
    let host = granted().start();
    for round in 0..10 {
        let paths: Vec<String> = (0..20)
            .map(|writer| format!("store/create?key=k{round}&value={writer}"))
            .collect();
        let answers = join_all(paths.iter().map(|path| host.ok(path))).await;
        let winners: Vec<usize> = (0..20)
            .filter(|writer| answers[*writer] == "created")
            .collect();
        assert_eq!(winners.len(), 1, "{answers:?}");
        assert_eq!(
            host.ok(&format!("store/get?key=k{round}")).await,
            winners[0].to_string()
        );
    }
}

#[tokio::test]
async fn increments_are_all_counted() {
    let host = granted().start();
    join_all((0..20).map(|_| host.ok("store/increment?key=n"))).await;
    assert_eq!(host.ok("store/increment?key=n").await, "21");
}

#[tokio::test]
async fn values_survive_a_kill_of_the_host() {
    let host = granted().start();
    host.ok("store/set?key=a&value=kept").await;
    host.signal(Signal::SIGKILL);
    let (_, directory) = host.wait();
    let mut builder = granted();
    builder.directory = directory;
    assert_eq!(builder.start().ok("store/get?key=a").await, "kept");
}
