use std::sync::Arc;

use super::{Database, Swap};

fn database() -> (tempfile::TempDir, Arc<Database>) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let database = Database::open(&directory.path().join("kv.sqlite")).expect("the file opens");
    (directory, Arc::new(database))
}

#[test]
fn values_are_kept_per_store_and_key() {
    let (_directory, database) = database();
    database.set("a", "k", b"1").expect("set");
    database.set("b", "k", b"2").expect("set");
    database.set("a", "k", b"3").expect("set");
    assert_eq!(
        database.get("a", "k").expect("get").as_deref(),
        Some(&b"3"[..])
    );
    assert_eq!(
        database.get("b", "k").expect("get").as_deref(),
        Some(&b"2"[..])
    );
    assert_eq!(database.keys("a").expect("keys"), ["k"]);
    database
        .delete_many("a", &["k".into(), "absent".into()])
        .expect("delete");
    assert_eq!(database.get("a", "k").expect("get"), None);
}

#[test]
fn only_one_first_writer_of_an_absent_key_wins() {
    let (_directory, database) = database();
    assert_eq!(database.version("s", "k").expect("version"), None);
    assert_eq!(
        database.swap("s", "k", None, b"first").expect("swap"),
        Swap::Written
    );
    assert!(matches!(
        database.swap("s", "k", None, b"second").expect("swap"),
        Swap::Stale(Some(_))
    ));
    assert_eq!(
        database.get("s", "k").expect("get").as_deref(),
        Some(&b"first"[..])
    );
}

#[test]
fn a_key_deleted_and_made_again_is_another_version() {
    let (_directory, database) = database();
    database.set("s", "k", b"same").expect("set");
    let seen = database.version("s", "k").expect("version");
    database.delete_many("s", &["k".into()]).expect("delete");
    assert_eq!(
        database.swap("s", "k", seen, b"late").expect("swap"),
        Swap::Stale(None)
    );
    database.set("s", "k", b"same").expect("set");
    assert_ne!(database.version("s", "k").expect("version"), seen);
}

#[test]
fn increments_of_many_threads_are_all_counted() {
    let (_directory, database) = database();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                (0..25).for_each(|_| _ = database.increment("s", "k", 1).expect("increment"))
            });
        }
    });
    assert_eq!(database.increment("s", "k", 0).expect("increment"), 200);
    database.set("s", "text", b"not a counter").expect("set");
    assert!(database.increment("s", "text", 1).is_err());
}
