//! What a person is told of findings.

use model::check::Finding;

/// The most characters of a message that is told in a sentence.
const MESSAGE: usize = 200;

/// A finding in one line: `line 12: ...`.
pub(crate) fn of_finding(finding: &Finding) -> String {
    let message = finding.message.lines().next().unwrap_or_default().trim();
    let mut text: String = message.chars().take(MESSAGE).collect();
    if text.len() < message.len() {
        text.push('…');
    }
    match finding.line {
        Some(line) => format!("line {line}: {text}"),
        None => text,
    }
}

/// What was found, in one line.
pub(crate) fn of_findings(findings: &[Finding]) -> String {
    let Some(chief) = findings.first() else {
        return "nothing is wrong".to_owned();
    };
    let chief = of_finding(chief);
    match findings.len() - 1 {
        0 => chief,
        1 => format!("{chief}, and another finding"),
        more => format!("{chief}, and {more} more findings"),
    }
}

#[cfg(test)]
mod tests {
    use model::check::FindingKind;

    use super::*;

    #[test]
    fn names_the_line_the_first_message_and_how_many_more_there_are() {
        let finding = Finding {
            kind: FindingKind::RemovedName,
            message: "`gradio.Box` does not exist\nin gradio 6".to_owned(),
            line: Some(12),
            column: None,
            name: None,
            replacement: None,
            place: None,
            traceback: None,
        };
        let of = |count| of_findings(&vec![finding.clone(); count]);
        assert_eq!(of(0), "nothing is wrong");
        assert_eq!(of(1), "line 12: `gradio.Box` does not exist");
        assert_eq!(
            of(2),
            "line 12: `gradio.Box` does not exist, and another finding"
        );
        assert_eq!(
            of(4),
            "line 12: `gradio.Box` does not exist, and 3 more findings"
        );
        let long = Finding {
            message: "é".repeat(300),
            line: None,
            ..finding
        };
        assert_eq!(of_finding(&long), format!("{}…", "é".repeat(200)));
    }
}
