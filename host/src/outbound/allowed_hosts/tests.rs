use expect_test::{Expect, expect};

use super::AllowedHosts;

fn allows(entry: &str, scheme: &str, host: &str, port: Option<u16>) -> bool {
    AllowedHosts::parse([entry])
        .expect("the entry is valid")
        .allow(scheme, host, port)
}

fn refuses(entry: &str, expected: Expect) {
    expected.assert_eq(
        &AllowedHosts::parse([entry])
            .expect_err("accepted")
            .to_string(),
    );
}

#[test]
fn an_origin_allows_itself_only() {
    assert!(allows(
        "https://api.example.com",
        "https",
        "api.example.com",
        None
    ));
    assert!(allows(
        "https://api.example.com/",
        "https",
        "API.example.com",
        Some(443)
    ));
    assert!(!allows(
        "https://api.example.com",
        "http",
        "api.example.com",
        None
    ));
    assert!(!allows(
        "https://api.example.com",
        "https",
        "example.com",
        None
    ));
    assert!(!allows(
        "https://api.example.com",
        "https",
        "api.example.com",
        Some(8443)
    ));
    assert!(!allows(
        "https://api.example.com",
        "https",
        "api.example.com.evil.org",
        None
    ));
}

#[test]
fn ports_may_be_one_or_any_or_a_range_without_its_end() {
    assert!(allows(
        "http://127.0.0.1:7070",
        "http",
        "127.0.0.1",
        Some(7070)
    ));
    assert!(allows("http://localhost:*", "http", "localhost", Some(1)));
    assert!(allows(
        "http://localhost:8000..9000",
        "http",
        "localhost",
        Some(8999)
    ));
    assert!(!allows(
        "http://localhost:8000..9000",
        "http",
        "localhost",
        Some(9000)
    ));
}

#[test]
fn wildcards_stand_for_schemes_hosts_and_subdomains() {
    assert!(allows("*://*:*", "http", "anything", Some(9)));
    assert!(allows("https://*:*", "https", "10.0.0.1", Some(9)));
    assert!(!allows("https://*:*", "http", "10.0.0.1", Some(9)));
    assert!(allows("https://*.e2b.app", "https", "8888-x.e2b.app", None));
    assert!(!allows("https://*.e2b.app", "https", "e2b.app", None));
    assert!(!allows("https://*.e2b.app", "https", "evile2b.app", None));
}

#[test]
fn an_ipv6_address_is_a_host() {
    assert!(allows("http://[::1]:7070", "http", "[::1]", Some(7070)));
    assert!(allows("http://[::1]", "http", "[::1]", None));
}

#[test]
fn an_entry_whose_variable_is_empty_allows_nothing() {
    let hosts =
        AllowedHosts::parse(["", "https://", " http:// "]).expect("empty entries are skipped");
    assert!(!hosts.allow("https", "example.com", None));
}

#[test]
fn a_path_is_refused() {
    refuses(
        "https://api.openai.com/v1",
        expect![
            "`https://api.openai.com/v1` is not an allowed outbound host: it must be an origin, without a path: scheme://host[:port]"
        ],
    );
    refuses(
        "http://127.0.0.1:80/x",
        expect![
            "`http://127.0.0.1:80/x` is not an allowed outbound host: it must be an origin, without a path: scheme://host[:port]"
        ],
    );
}

#[test]
fn what_cannot_be_understood_is_refused_with_its_reason() {
    refuses(
        "example.com",
        expect![
            "`example.com` is not an allowed outbound host: write scheme://host[:port], for example https://example.com"
        ],
    );
    refuses(
        "http://a.*.com",
        expect![
            "`http://a.*.com` is not an allowed outbound host: a wildcard may only be the whole host or its first label"
        ],
    );
    refuses(
        "http://x:http",
        expect![
            "`http://x:http` is not an allowed outbound host: `http` is not a port; use a number, a range like 8000..9000, or *"
        ],
    );
    refuses(
        "*://x",
        expect![
            "`*://x` is not an allowed outbound host: the scheme `*` has no port of its own; write :<port> or :*"
        ],
    );
    refuses(
        "http://self",
        expect![
            "`http://self` is not an allowed outbound host: requests to the application itself are not supported; write its own origin"
        ],
    );
}
