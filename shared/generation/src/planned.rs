//! Without a model: the planner's program, checked and shown.

use model::dataset::Codec;
use model::event::EventSink;
use model::ports::Outside;
use planner::Plan;

use crate::report::{AttemptReport, Task};
use crate::stage::{Program, Stage};
use crate::{Form, Generated, GenerationFailure, words};

/// Renders a plan and shows it. Nobody mends it: what the check finds is our mistake, and told as that.
pub(crate) async fn generate<O: Outside, C: Codec>(
    plan: &Plan,
    mut stage: Stage<'_, O, C, impl EventSink>,
) -> Result<Generated, GenerationFailure> {
    let begun = stage.elapsed();
    let _ = stage.tell("code", "planning without a model").await;
    let program = Program {
        code: planner::render(plan),
        framework: plan.framework,
    };
    let _ = stage.tell("check", "checking the program").await;
    let report = stage.check(&program).await?;
    let mut reply = stage.show(&program, 0).await?;
    if !report.findings.is_empty() {
        let found = words::of_findings(&report.findings);
        let notice = format!("the planner's program has a mistake, please report it: {found}");
        reply.notices.push(notice);
    }
    if let Some(error) = reply.error.clone() {
        stage.tell_error(error).await;
    } else {
        let _ = stage.tell("live", "the app is live").await;
    }
    let attempt = AttemptReport {
        form: Some(Form::Program),
        findings: report.findings,
        notices: report.notices,
        seconds: stage.seconds_since(begun),
        ..AttemptReport::new(1, Task::Code)
    };
    Ok(Generated {
        code: program.code,
        framework: plan.framework,
        provider: "planner",
        answer: String::new(),
        specification: String::new(),
        assumptions: plan.assumptions.clone(),
        attempts: vec![attempt],
        gave_up: None,
        usage: None,
        reply,
    })
}
