use crate::harness::{guest, start};

#[tokio::test]
async fn variables_come_from_the_environment_then_the_env_file_then_the_manifest() {
    let host = guest(r#"variables = { all = "{{ one }} {{ two }} {{ three }}" }"#)
        .manifest("[variables]\none = { default = \"d\" }\ntwo = { default = \"d\" }\nthree = { default = \"d\" }")
        .file(".env", "# values\nSPIN_VARIABLE_ONE=file\nSPIN_VARIABLE_TWO=\"file\"\n")
        .environment("SPIN_VARIABLE_ONE", "environment")
        .start();
    assert_eq!(host.ok("variable?name=all").await, "environment file d");
}

#[tokio::test]
async fn an_env_file_may_be_named() {
    let builder = guest(r#"variables = { a = "{{ a }}" }"#)
        .manifest("[variables]\na = { required = true }")
        .file("values", "SPIN_VARIABLE_A=named");
    let file = builder.directory.path().join("values");
    let host = builder
        .argument("--env-file")
        .argument(file.to_str().expect("UTF-8"))
        .start();
    assert_eq!(host.ok("variable?name=a").await, "named");
}

#[tokio::test]
async fn a_variable_that_the_component_was_not_given_is_undefined() {
    let host = guest("")
        .manifest("[variables]\na = { default = \"application's\" }")
        .start();
    let (status, text) = host.text("variable?name=a").await;
    assert_eq!(status, 500);
    assert!(text.contains("Undefined"), "{text}");
    let (_, text) = host.text("variable?name=NOT-A-NAME").await;
    assert!(text.contains("InvalidName"), "{text}");
}

#[tokio::test]
async fn a_secret_is_never_printed() {
    let host = guest(r#"variables = { key = "{{ key }}" }"#)
        .manifest("[variables]\nkey = { required = true, secret = true }")
        .environment("SPIN_VARIABLE_KEY", "hunter2")
        .environment("RUST_LOG", "debug")
        .start();
    assert_eq!(host.ok("variable?name=key").await, "hunter2");
    host.text("trap").await;
    host.log_line("GET /guest/trap").await;
    assert!(!host.log().contains("hunter2"));
}

#[tokio::test]
async fn a_component_sees_its_own_environment_only() {
    let host = guest(r#"environment = { LEVEL = "debug" }"#)
        .environment("HOME_SECRET", "x")
        .start();
    assert_eq!(host.ok("environment").await, r#"[("LEVEL", "debug")]"#);
}

#[tokio::test]
async fn files_are_shown_and_cannot_be_changed() {
    let host = guest(r#"files = [{ source = "dist", destination = "/pages" }, "data"]"#)
        .file("dist/a/index.html", "<p>")
        .file("data/x.csv", "1,2")
        .file("secret", "s")
        .start();
    assert_eq!(host.ok("read?path=/pages/a/index.html").await, "<p>");
    assert_eq!(host.ok("read?path=/data/x.csv").await, "1,2");
    for outside in [
        "/secret",
        "/pages/../secret",
        "/etc/passwd",
        "/data/../../secret",
    ] {
        assert_eq!(
            host.text(&format!("read?path={outside}")).await.0,
            500,
            "{outside}"
        );
    }
    for inside in ["/pages/new", "/data/x.csv"] {
        assert_eq!(
            host.text(&format!("write?path={inside}")).await.0,
            500,
            "{inside}"
        );
    }
}

#[tokio::test]
async fn single_files_are_shown_without_their_neighbours() {
    let host = guest(
        r#"files = ["conf/a.txt", { source = "conf/b.txt", destination = "/elsewhere/c.txt" }]"#,
    )
    .file("conf/a.txt", "a")
    .file("conf/b.txt", "b")
    .start();
    assert_eq!(host.ok("read?path=/conf/a.txt").await, "a");
    assert_eq!(host.ok("read?path=/elsewhere/c.txt").await, "b");
    assert_eq!(host.text("read?path=/conf/b.txt").await.0, 500);
}

#[tokio::test]
async fn a_directory_may_be_the_root() {
    let host = guest(r#"files = [{ source = "dist", destination = "/" }]"#)
        .file("dist/index.html", "<p>")
        .start();
    assert_eq!(host.ok("read?path=/index.html").await, "<p>");
}

#[tokio::test]
async fn what_a_component_prints_is_logged_with_its_request() {
    let host = start();
    host.ok("print").await;
    for text in ["a line on standard output", "a line on standard error"] {
        let line = host.log_line(text).await;
        assert!(
            line.contains("request.id=") && line.contains("guest"),
            "{line}"
        );
    }
}
