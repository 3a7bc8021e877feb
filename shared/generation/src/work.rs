//! The way with a model: ask, read, check, mend, show.

use llm::prompts::{self, AppPrompt, HealPrompt};
use llm::{LlmError, Message};
use model::Framework;
use model::check::Finding;
use model::dataset::Codec;
use model::event::{ClientGone, EventSink};
use model::ports::Outside;
use model::run::RunReply;

use crate::answer::Unusable;
use crate::asker::Asker;
use crate::report::{AttemptReport, Task, error_of, finding_of};
use crate::stage::{Program, Stage};
use crate::{GaveUp, Generated, GenerationFailure, Healing, Next, answer, words};

/// The state of one request.
pub(crate) struct Work<'a, O, C, E> {
    /// What the plan says it is built with, where the program does not.
    framework: Framework,
    asker: Asker<'a, O>,
    stage: Stage<'a, O, C, E>,
    healing: Healing,
    /// What the program is written by.
    specification: String,
    /// The same with the person's own words.
    wish: String,
    /// What the model answered last.
    answer: String,
    /// The program as it is now, once there is one.
    program: Option<Program>,
    /// What is wrong with it.
    findings: Vec<Finding>,
    /// Why the last answer was of no use, if it was of none.
    useless: Option<Unusable>,
    attempts: Vec<AttemptReport>,
    /// What came of showing this program, if it was shown.
    shown: Option<RunReply>,
    notices: Vec<String>,
    /// What it wrote while it was checked.
    output: String,
}

impl<'a, O: Outside, C: Codec, E: EventSink> Work<'a, O, C, E> {
    pub(crate) fn new(
        framework: Framework,
        asker: Asker<'a, O>,
        stage: Stage<'a, O, C, E>,
        healing: Healing,
    ) -> Self {
        Self {
            framework,
            asker,
            stage,
            healing,
            specification: String::new(),
            wish: String::new(),
            answer: String::new(),
            program: None,
            findings: Vec::new(),
            useless: None,
            attempts: Vec::new(),
            shown: None,
            notices: Vec::new(),
            output: String::new(),
        }
    }

    pub(crate) async fn run(mut self) -> Result<Generated, GenerationFailure> {
        self.specify().await?;
        let (prompt, specification) = (self.stage.request.prompt, &self.specification);
        self.wish = format!("{prompt}\n\nIn detail:\n{specification}");
        let message = format!("asking {} for the program", self.asker.model());
        self.stage.tell("code", message).await.map_err(gone)?;
        loop {
            let mut attempt = self.begin();
            let begun = self.stage.elapsed();
            let next = match self.ask().await {
                Ok(()) => self.judge(&mut attempt).await?,
                Err(error) if self.program.is_none() => return Err(error.into()),
                Err(error) => {
                    let reason = error.to_string();
                    attempt.problem = Some(reason.clone());
                    Next::GiveUp(GaveUp::Model { reason })
                }
            };
            attempt.seconds = self.stage.seconds_since(begun);
            self.attempts.push(attempt);
            let next = match next {
                Next::Heal { .. } if self.stage.is_stopped().await => Next::GiveUp(GaveUp::Stopped),
                next => next,
            };
            match next {
                Next::Live => return self.finish(None).await,
                Next::GiveUp(why) => return self.finish(Some(why)).await,
                Next::Heal { attempt } => {
                    if self.tell_healing(attempt).await.is_err() {
                        let reason = LlmError::CallerGone.to_string();
                        return self.finish(Some(GaveUp::Model { reason })).await;
                    }
                }
            }
        }
    }

    /// Has the specification written, unless it is given.
    async fn specify(&mut self) -> Result<(), LlmError> {
        let request = self.stage.request;
        if let Some(given) = request.specification {
            given.clone_into(&mut self.specification);
            return Ok(());
        }
        let message = format!("asking {} for a specification", self.asker.model());
        self.stage
            .tell("specification", message)
            .await
            .map_err(gone)?;
        let wanted = AppPrompt {
            prompt: request.prompt,
            framework: self.framework,
            dataset: request.data(),
        };
        self.specification = self.asker.specify(&wanted, self.stage.events).await?;
        Ok(())
    }

    fn begin(&self) -> AttemptReport {
        let number = u32::try_from(self.attempts.len() + 1).unwrap_or(u32::MAX);
        AttemptReport::new(number, self.task())
    }

    fn task(&self) -> Task {
        match self.program {
            None => Task::Code,
            Some(_) => Task::Heal,
        }
    }

    /// Asks for the program, or for a mended one.
    async fn ask(&mut self) -> Result<(), LlmError> {
        let app = AppPrompt {
            prompt: &self.wish,
            framework: self.framework,
            dataset: self.stage.request.data(),
        };
        let has_profile = app.dataset.is_some();
        let reason = self.useless.as_ref().map(ToString::to_string);
        let unusable = reason.as_deref();
        let events = &mut *self.stage.events;
        self.answer = match &self.program {
            None => {
                let again = unusable.map(prompts::code_again);
                let messages = |bytes| -> Vec<Message> {
                    prompts::app(&app, bytes)
                        .into_iter()
                        .chain(again.clone())
                        .collect()
                };
                self.asker
                    .ask("code", has_profile, messages, events)
                    .await?
            }
            Some(program) => {
                let wanted = HealPrompt {
                    app: AppPrompt {
                        framework: program.framework,
                        ..app
                    },
                    code: &program.code,
                    findings: &self.findings,
                    unusable,
                };
                let messages = |bytes| prompts::heal(&wanted, bytes);
                self.asker
                    .ask("heal", has_profile, messages, events)
                    .await?
            }
        };
        Ok(())
    }

    /// What to do about the answer: a program in it is checked, and shown if nothing is wrong with it.
    async fn judge(&mut self, attempt: &mut AttemptReport) -> Result<Next, GenerationFailure> {
        attempt.usage = self.asker.latest;
        let before = self.program.as_ref().map(|program| program.code.as_str());
        let (code, form) = match answer::read(&self.answer, before) {
            Ok(written) => written,
            Err(unusable) => {
                let reason = unusable.to_string();
                attempt.problem = Some(reason.clone());
                let next = self.healing.after_useless(&reason);
                self.useless = Some(unusable);
                return Ok(next);
            }
        };
        attempt.form = Some(form);
        self.useless = None;
        self.shown = None;
        let framework = model::framework::of_program(&code).unwrap_or(self.framework);
        let program = self.program.insert(Program { code, framework });
        let _ = self.stage.tell("check", "checking the program").await;
        let report = self.stage.check(program).await?;
        self.findings = report.findings;
        self.output = report.output;
        if !report.complete && self.findings.is_empty() {
            let why = report.notices.join("; ");
            self.notices.push(format!(
                "the program could not be checked to its end: {why}"
            ));
        }
        attempt.notices = report.notices;
        let mut next = self.healing.after_check(&program.code, &self.findings);
        if next == Next::Live {
            let reply = self.stage.show(program, self.asker.spent).await?;
            if let Some(error) = &reply.error {
                self.findings = vec![finding_of(error)];
                next = match error.name.as_str() {
                    "Interrupted" => Next::GiveUp(GaveUp::Stopped),
                    _ => self.healing.after_check(&program.code, &self.findings),
                };
            }
            self.shown = Some(reply);
        }
        attempt.findings.clone_from(&self.findings);
        Ok(next)
    }

    /// What is wrong, and that it is being mended.
    async fn tell_healing(&mut self, attempt: u32) -> Result<(), ClientGone> {
        let what = match &self.useless {
            Some(reason) => format!("the model's answer is of no use: {reason}"),
            None => words::of_findings(&self.findings),
        };
        let doing = match self.task() {
            Task::Code => "asking again",
            Task::Heal => "mending it",
        };
        let step = match self.task() {
            Task::Code => "code",
            Task::Heal => "heal",
        };
        let limit = self.healing.limit();
        let message = format!("{what}; {doing}, attempt {attempt} of {limit}");
        self.stage.tell(step, message).await
    }

    /// The live app; or the last program, kept as a broken revision, and why nothing more is tried.
    async fn finish(mut self, gave_up: Option<GaveUp>) -> Result<Generated, GenerationFailure> {
        // Without any program there is nothing to keep.
        let program = self.program.ok_or(match self.useless {
            Some(Unusable::CutOff) => LlmError::CutOff,
            _ => LlmError::NoCode,
        })?;
        let mut reply = match (self.shown, self.findings.first()) {
            (Some(shown), _) => shown,
            (None, Some(finding)) => {
                let error = error_of(finding);
                let tokens = self.asker.spent;
                self.stage
                    .keep_broken(&program, tokens, error, self.output)
                    .await?
            }
            (None, None) => return Err(LlmError::NoCode.into()),
        };
        reply.notices.append(&mut self.notices);
        match &gave_up {
            None => drop(self.stage.tell("live", "the app is live").await),
            Some(why) => {
                reply.notices.push(why.to_string());
                if let Some((url, revision)) = self.stage.live_before() {
                    let notice = format!("revision {revision} stays live at {url}");
                    reply.notices.push(notice);
                }
                let _ = self.stage.tell("heal", why.to_string()).await;
                if let Some(error) = reply.error.clone() {
                    self.stage.tell_error(error).await;
                }
            }
        }
        Ok(Generated {
            code: program.code,
            framework: program.framework,
            provider: "openai",
            answer: self.answer,
            specification: self.specification,
            assumptions: Vec::new(),
            attempts: self.attempts,
            gave_up,
            usage: self.asker.usage,
            reply,
        })
    }
}

fn gone(ClientGone: ClientGone) -> LlmError {
    LlmError::CallerGone
}
