use model::check::{Finding, FindingKind};
use proptest::prelude::*;

use super::*;

fn finding(kind: FindingKind, line: u32, message: &str) -> Finding {
    Finding {
        kind,
        message: message.to_owned(),
        line: Some(line),
        column: None,
        name: None,
        replacement: None,
        place: None,
        traceback: None,
    }
}

fn heal(attempt: u32) -> Next {
    Next::Heal { attempt }
}

fn is_repeated(next: &Next) -> bool {
    matches!(next, Next::GiveUp(GaveUp::Repeated { .. }))
}

const BOX: &str = "import gradio as gr\nwith gr.Box():\n    pass\n";

#[test]
fn a_program_without_findings_is_shown_and_with_findings_mended() {
    let mut healing = Healing::new(5);
    let gone = finding(FindingKind::RemovedName, 2, "`gr.Box` is gone");
    assert_eq!(healing.after_check(BOX, &[gone]), heal(1));
    let other = finding(FindingKind::UndefinedName, 1, "undefined name `np`");
    assert_eq!(healing.after_check(BOX, &[other]), heal(2));
    assert_eq!(healing.after_check(BOX, &[]), Next::Live);
}

#[test]
fn it_ends_within_its_bound_whatever_comes() {
    let mut healing = Healing::new(2);
    let words = ["one", "two", "three"];
    let mut nexts =
        words.map(|word| healing.after_check(BOX, &[finding(FindingKind::Exception, 1, word)]));
    nexts.reverse();
    let [last, rest @ ..] = nexts;
    assert_eq!(rest, [heal(2), heal(1)]);
    assert_eq!(last, Next::GiveUp(GaveUp::Spent { attempts: 2 }));
}

#[test]
fn with_no_attempts_it_is_only_checked() {
    let mut healing = Healing::new(0);
    let gone = finding(FindingKind::RemovedName, 2, "`gr.Box` is gone");
    assert_eq!(healing.after_check(BOX, &[gone]), Next::GiveUp(GaveUp::Off));
    assert_eq!(Healing::new(0).after_check(BOX, &[]), Next::Live);
}

#[test]
fn a_finding_that_comes_back_on_another_line_ends_it() {
    let mut healing = Healing::new(5);
    let before = finding(FindingKind::RemovedName, 2, "`gr.Box` is gone (line 2)");
    assert_eq!(healing.after_check(BOX, &[before]), heal(1));
    let moved = format!("# moved\n\n{BOX}");
    let after = finding(FindingKind::RemovedName, 4, "`gr.Box` is gone (line 4)");
    assert!(is_repeated(&healing.after_check(&moved, &[after])));
}

#[test]
fn two_findings_that_take_turns_end_it_too() {
    let mut healing = Healing::new(9);
    let (first, second) = (
        finding(FindingKind::Exception, 1, "this"),
        finding(FindingKind::Exception, 1, "that"),
    );
    assert_eq!(
        healing.after_check(BOX, std::slice::from_ref(&first)),
        heal(1)
    );
    assert_eq!(healing.after_check(BOX, &[second]), heal(2));
    assert!(is_repeated(&healing.after_check(BOX, &[first])));
}

#[test]
fn a_finding_may_stay_once_while_others_are_mended() {
    let mut healing = Healing::new(9);
    let stays = finding(FindingKind::Exception, 1, "this");
    let other = finding(FindingKind::UndefinedName, 2, "that");
    assert_eq!(healing.after_check(BOX, &[stays.clone(), other]), heal(1));
    assert_eq!(
        healing.after_check(BOX, std::slice::from_ref(&stays)),
        heal(2)
    );
    assert!(is_repeated(&healing.after_check(BOX, &[stays])));
}

#[test]
fn an_endless_run_is_the_same_in_every_line_of_its_loop() {
    let mut healing = Healing::new(5);
    let endless = |line| {
        finding(
            FindingKind::EndlessRun,
            line,
            &format!("busy in line {line}"),
        )
    };
    assert_eq!(healing.after_check(BOX, &[endless(2)]), heal(1));
    assert!(is_repeated(&healing.after_check(BOX, &[endless(3)])));
}

#[test]
fn answers_of_no_use_count_and_two_of_the_same_kind_end_it() {
    let mut healing = Healing::new(5);
    assert_eq!(healing.after_useless("no program"), heal(1));
    assert_eq!(healing.after_useless("block 1 is not there"), heal(2));
    assert_eq!(
        healing.after_useless("block 1 is not there"),
        Next::GiveUp(GaveUp::Useless {
            reason: "block 1 is not there".to_owned()
        })
    );
    assert_eq!(
        Healing::new(0).after_useless("no program"),
        Next::GiveUp(GaveUp::Off)
    );
}

#[test]
fn a_finding_that_stays_because_an_answer_was_of_no_use_is_not_repeated() {
    let mut healing = Healing::new(5);
    let gone = finding(FindingKind::RemovedName, 2, "`gr.Box` is gone");
    assert_eq!(healing.after_check(BOX, &[gone]), heal(1));
    assert_eq!(healing.after_useless("no program"), heal(2));
    assert_eq!(healing.after_check(BOX, &[]), Next::Live);
}

proptest! {
    /// However reports and answers follow each other.
    #[test]
    fn there_are_never_more_attempts_than_allowed(
        limit in 0_u32..7,
        reports in proptest::collection::vec(proptest::collection::vec(0_u8..5, 0..4), 1..20),
    ) {
        let mut healing = Healing::new(limit);
        let mut attempts = 0;
        for report in reports {
            let findings: Vec<_> = report
                .iter()
                .map(|word| finding(FindingKind::Exception, 1, &"x".repeat((*word).into())))
                .collect();
            let next = if report.contains(&4) {
                healing.after_useless(&format!("{report:?}"))
            } else {
                healing.after_check(BOX, &findings)
            };
            match next {
                Next::Heal { attempt } => attempts = attempt,
                Next::Live => prop_assert!(findings.is_empty()),
                Next::GiveUp(_) => break,
            }
        }
        prop_assert!(attempts <= limit);
    }
}
