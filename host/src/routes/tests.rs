use expect_test::{Expect, expect};

use super::Routes;

fn check(path: &str, expected: Expect) {
    let names = [
        "/",
        "/run_code/",
        "/session/...",
        "/session/:id",
        "/data/:id/profile",
        "/...",
    ];
    let routes =
        Routes::new(names.map(|name| (name.to_owned(), ()))).expect("the routes are valid");
    let found = routes.find(path).map(|found| {
        let parameters: Vec<String> = found
            .parameters
            .iter()
            .map(|(name, value)| format!(" {name}={value}"))
            .collect();
        format!(
            "{} [{}]{}",
            found.pattern,
            found.path_info,
            parameters.concat()
        )
    });
    expected.assert_eq(found.as_deref().unwrap_or("nothing"));
}

#[test]
fn an_exact_route_is_tolerant_of_slashes_at_both_ends() {
    for path in ["/run_code", "/run_code/", "//run_code/"] {
        check(path, expect!["/run_code []"]);
    }
}

#[test]
fn a_parameter_comes_before_a_wildcard() {
    check("/session/42", expect!["/session/:id [] id=42"]);
    check(
        "/data/a%20b/profile",
        expect!["/data/:id/profile [] id=a%20b"],
    );
}

#[test]
fn a_wildcard_takes_the_rest_and_nothing_at_all() {
    check("/session", expect!["/session/... []"]);
    check("/session/", expect!["/session/... [/]"]);
    check("/session/42/events", expect!["/session/... [/42/events]"]);
    check("/session/42/events/", expect!["/session/... [/42/events/]"]);
    check("/elsewhere", expect!["/... [/elsewhere]"]);
}

#[test]
fn a_route_declared_twice_is_refused() {
    let error = Routes::new([("/a".to_owned(), ()), ("/a/".to_owned(), ())]).expect_err("accepted");
    expect!["the route `/a/` is declared twice; remove one of them"].assert_eq(&error.to_string());
}
