use super::*;
use proptest::prelude::*;

fn entries(texts: &[&str]) -> Vec<Entry> {
    texts
        .iter()
        .map(|text| text.parse().expect("an entry"))
        .collect()
}

fn policy(ceiling: &[&str], ask: Ask) -> Policy {
    Policy::new(&entries(ceiling).into(), ask).expect("within the ceiling")
}

fn allow(texts: &[&str]) -> Ask {
    Ask {
        allow: entries(texts),
        ..Ask::default()
    }
}

fn deny(texts: &[&str]) -> Ask {
    Ask {
        deny: entries(texts),
        ..Ask::default()
    }
}

/// What becomes of `host:port` when its name leads to `address`.
fn outcome(policy: &Policy, host: &str, port: u16, address: &str) -> Result<(), Refusal> {
    let target = Target::new(host, port).expect("a target");
    policy.admits(&target)?;
    policy.admits_address(&target, address.parse().expect("an address"), false)
}

fn literal(policy: &Policy, address: &str) -> Result<(), Refusal> {
    policy.admits(&Target::new(address, 80).expect("a target"))
}

#[test]
fn without_an_operators_list_nobody_is_reached() {
    let policy = policy(&[], Ask::default());
    assert!(!policy.is_open());
    assert_eq!(
        outcome(&policy, "example.com", 443, "1.1.1.1"),
        Err(Refusal::Operator)
    );
    assert_eq!(literal(&policy, "1.1.1.1"), Err(Refusal::Operator));
}

#[test]
fn asking_for_nothing_in_particular_gives_what_the_operator_allows() {
    let policy = policy(&["example.com", "*.example.org:443"], Ask::default());
    assert!(policy.is_open());
    assert_eq!(outcome(&policy, "example.com", 80, "1.1.1.1"), Ok(()));
    assert_eq!(outcome(&policy, "a.example.org", 443, "1.1.1.1"), Ok(()));
    assert_eq!(
        outcome(&policy, "a.example.org", 80, "1.1.1.1"),
        Err(Refusal::Operator)
    );
    assert_eq!(literal(&policy, "1.1.1.1"), Err(Refusal::Operator));
}

#[test]
fn a_list_narrows_and_never_widens() {
    let narrowed = policy(&["*"], allow(&["example.com", "8.8.8.0/24"]));
    assert_eq!(outcome(&narrowed, "example.com", 80, "1.1.1.1"), Ok(()));
    assert_eq!(
        outcome(&narrowed, "example.org", 80, "8.8.8.8"),
        Err(Refusal::Sandbox)
    );
    assert_eq!(literal(&narrowed, "8.8.8.8"), Ok(()));
    assert_eq!(literal(&narrowed, "1.1.1.1"), Err(Refusal::Sandbox));
    let ceiling: Arc<[Entry]> = entries(&["example.com"]).into();
    let wider = Policy::new(&ceiling, allow(&["example.com", "example.org"]));
    let error = wider.expect_err("wider than the ceiling").to_string();
    assert!(
        error.contains("'example.org'") && error.contains("--allow-egress example.org"),
        "{error}"
    );
}

#[test]
fn everybody_means_all_that_the_operator_allows() {
    for all in ["*", "0.0.0.0/0", "::/0"] {
        let policy = policy(&["example.com", "127.0.0.1:8080"], allow(&[all]));
        assert_eq!(
            outcome(&policy, "example.com", 80, "1.1.1.1"),
            Ok(()),
            "{all}"
        );
        assert_eq!(
            outcome(&policy, "example.org", 80, "1.1.1.1"),
            Err(Refusal::Operator),
            "{all}"
        );
    }
}

#[test]
fn an_address_denied_is_not_reached_unless_it_is_allowed_by_name() {
    let denied = policy(&["*"], deny(&["1.1.1.0/24"]));
    assert_eq!(literal(&denied, "1.1.1.1"), Err(Refusal::Sandbox));
    assert_eq!(literal(&denied, "1.1.2.1"), Ok(()));
    assert_eq!(
        outcome(&denied, "one.example", 443, "1.1.1.1"),
        Err(Refusal::Sandbox)
    );
    let ask = Ask {
        allow: entries(&["one.example"]),
        deny: entries(&["0.0.0.0/0"]),
        offline: false,
    };
    let both = policy(&["*"], ask);
    assert_eq!(outcome(&both, "one.example", 443, "1.1.1.1"), Ok(()));
    assert_eq!(
        outcome(&both, "two.example", 443, "1.1.1.1"),
        Err(Refusal::Sandbox)
    );
}

#[test]
fn offline_means_nobody_but_those_allowed_by_name() {
    let offline = |allow: &[&str]| Ask {
        allow: entries(allow),
        deny: Vec::new(),
        offline: true,
    };
    assert!(!policy(&["*"], offline(&[])).is_open());
    assert!(!policy(&["*"], deny(&["0.0.0.0/0"])).is_open());
    let one = policy(&["*"], offline(&["example.com"]));
    assert_eq!(outcome(&one, "example.com", 80, "1.1.1.1"), Ok(()));
    assert_eq!(
        outcome(&one, "example.org", 80, "1.1.1.1"),
        Err(Refusal::Sandbox)
    );
}

#[test]
fn a_name_that_leads_to_a_special_address_is_refused() {
    let wide = policy(&["*", "0.0.0.0/0"], Ask::default());
    for address in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
    ] {
        assert_eq!(
            outcome(&wide, "rebound.example", 80, address),
            Err(Refusal::Special),
            "{address}"
        );
        assert_eq!(
            literal(&wide, &bracketed(address)),
            Err(Refusal::Special),
            "{address}"
        );
    }
    let named = policy(&["db.internal", "10.0.0.0/8:5432"], Ask::default());
    assert_eq!(outcome(&named, "db.internal", 5432, "10.1.2.3"), Ok(()));
    assert_eq!(
        outcome(&named, "db.internal", 22, "10.1.2.3"),
        Err(Refusal::Special)
    );
    assert_eq!(
        outcome(&named, "db.internal", 5432, "192.168.0.1"),
        Err(Refusal::Special)
    );
    assert_eq!(
        outcome(&named, "other.internal", 5432, "10.1.2.3"),
        Err(Refusal::Operator)
    );
}

#[test]
fn this_machines_own_addresses_are_the_operators() {
    let target = Target::new("1.1.1.1", 80).expect("a target");
    let own = |ceiling: &[&str]| {
        policy(ceiling, Ask::default()).admits_address(
            &target,
            "1.1.1.1".parse().expect("an address"),
            true,
        )
    };
    assert_eq!(own(&["*"]), Err(Refusal::Special));
    assert_eq!(own(&["0.0.0.0/0"]), Err(Refusal::Special));
    assert_eq!(own(&["1.1.1.1"]), Ok(()));
}

fn bracketed(address: &str) -> String {
    match address.contains(':') {
        true => format!("[{address}]"),
        false => address.to_owned(),
    }
}

proptest! {
    /// However an address is spelled, and whatever is asked for: what is not public is not reached.
    #[test]
    fn no_spelling_leads_to_an_address_that_is_not_public(bits in any::<u32>(), style in 0..5) {
        let [a, b, c, d] = bits.to_be_bytes();
        let text = match style {
            0 => format!("{a}.{b}.{c}.{d}"),
            1 => format!("{bits}"),
            2 => format!("0x{bits:x}"),
            3 => format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}."),
            _ => format!("[::ffff:{a}.{b}.{c}.{d}]"),
        };
        let target = Target::new(&text, 80).expect("a target");
        let address = target.address().expect("an address");
        let policy = policy(&["*", "0.0.0.0/0", "::/0"], Ask::default());
        prop_assert_eq!(policy.admits(&target).is_ok(), is_public(address));
        if style < 4 {
            prop_assert_eq!(address, IpAddr::from([a, b, c, d]));
        }
    }

    /// Whatever a caller writes into its lists, it reaches nobody whom the operator does not allow.
    #[test]
    fn lists_only_narrow(
        allow in prop::collection::vec("[a-c*.]{1,7}|(1|10)\\.0\\.0\\.0/[0-9]{1,2}", 0..4),
        name in "[a-c.]{1,7}",
        address in any::<u32>(),
        offline in any::<bool>(),
    ) {
        let ceiling: Arc<[Entry]> = entries(&["*.a.b", "c", "10.0.0.0/8"]).into();
        let ask = Ask {
            allow: allow.iter().filter_map(|text| text.parse().ok()).collect(),
            deny: Vec::new(),
            offline,
        };
        let operators = policy(&["*.a.b", "c", "10.0.0.0/8"], Ask::default());
        let Ok(policy) = Policy::new(&ceiling, ask) else { return Ok(()) };
        let address = IpAddr::from(address.to_be_bytes());
        let targets = [Target::new(&name, 80), Target::new(&address.to_string(), 80)];
        for target in targets.into_iter().flatten() {
            prop_assert!(policy.admits(&target).is_err() || operators.admits(&target).is_ok());
            prop_assert!(policy.admits_address(&target, address, false).is_err() || operators.admits_address(&target, address, false).is_ok());
        }
    }

    /// No text makes reading an entry or a target fail otherwise than by saying so, and what is read
    /// is shown so that it reads the same again.
    #[test]
    fn an_entry_reads_as_it_is_shown(text in "\\PC{0,20}|[a-z0-9.*:/\\[\\]-]{0,24}") {
        let _ = Target::new(&text, 1);
        if let Ok(entry) = text.parse::<Entry>() {
            prop_assert_eq!(entry.to_string().parse::<Entry>(), Ok(entry));
        }
    }
}
