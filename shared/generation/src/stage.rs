//! Where a program is checked and shown: one sandbox for both, made once.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use execution::app::AppRequest;
use execution::check::Candidate;
use execution::client::SandboxError;
use execution::provision::Workspace;
use execution::{ExecutionFailure, Executor};
use model::Framework;
use model::check::CheckReport;
use model::dataset::Codec;
use model::event::{ClientGone, Event, EventSink};
use model::ports::{Outside, Timer as _};
use model::run::{ExecutionError, RunReply};
use model::session;

use crate::Request;

/// How long one run of a program, or one call of an endpoint, may take in a check.
const RUN_LIMIT: Duration = Duration::from_secs(20);
/// How long a whole check may take.
const CHECK_LIMIT: Duration = Duration::from_secs(90);
/// How often the client of a stream hears that work goes on.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// A generated program runs with what its sandbox gives every program.
static NO_VARIABLES: BTreeMap<String, String> = BTreeMap::new();

/// A program and what it is built with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) code: String,
    pub(crate) framework: Framework,
}

/// The sandbox of one request, and who listens.
pub(crate) struct Stage<'a, O, C, E> {
    executor: &'a Executor<'a, O, C>,
    pub(crate) request: &'a Request<'a>,
    pub(crate) events: &'a mut E,
    /// Made when it is first needed: a model that fails costs no sandbox.
    workspace: Option<Workspace>,
}

impl<'a, O: Outside, C: Codec, E: EventSink> Stage<'a, O, C, E> {
    pub(crate) fn new(
        executor: &'a Executor<'a, O, C>,
        request: &'a Request<'a>,
        events: &'a mut E,
    ) -> Self {
        Self {
            executor,
            request,
            events,
            workspace: None,
        }
    }

    /// Tells of a step.
    pub(crate) async fn tell(
        &mut self,
        step: &'static str,
        message: impl Into<String>,
    ) -> Result<(), ClientGone> {
        let message = message.into();
        self.events.emit(Event::Progress { step, message }).await
    }

    /// Tells of a failure of the program.
    pub(crate) async fn tell_error(&mut self, error: ExecutionError) {
        let _ = self.events.emit(Event::Error { error }).await;
    }

    /// Seconds since `begun`.
    pub(crate) fn seconds_since(&self, begun: Duration) -> f64 {
        self.elapsed().saturating_sub(begun).as_secs_f64()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.executor.outside.timer().elapsed()
    }

    /// Checks a program beside its data. A sandbox that is gone is replaced; a check that comes to
    /// nothing for another reason is not finished: whether the program works is then seen at its start.
    pub(crate) async fn check(
        &mut self,
        program: &Program,
    ) -> Result<CheckReport, ExecutionFailure> {
        let mut report = self.check_once(program).await;
        if let Err(ExecutionFailure::Sandbox(SandboxError::Gone(_))) = report
            && let Some(workspace) = &mut self.workspace
        {
            self.executor.reopen(workspace, self.events).await?;
            report = self.check_once(program).await;
        }
        match report {
            Err(ExecutionFailure::Sandbox(error)) if self.workspace.is_some() => {
                Ok(CheckReport::unfinished(error.to_string()))
            }
            report => report,
        }
    }

    async fn check_once(&mut self, program: &Program) -> Result<CheckReport, ExecutionFailure> {
        let (executor, request) = (self.executor, self.request);
        let (workspace, events) = self.opened().await?;
        if let Some(dataset) = request.dataset_id() {
            executor.bring_data(workspace, dataset).await?;
        }
        let candidate = Candidate {
            code: &program.code,
            framework: program.framework,
            env: &NO_VARIABLES,
            run_limit: RUN_LIMIT,
            limit: CHECK_LIMIT,
        };
        let mut check = pin!(executor.check(&workspace.sandbox, &candidate));
        loop {
            let timer = executor.outside.timer();
            if let Some(report) = timer.within(KEEP_ALIVE, check.as_mut()).await {
                return report;
            }
            // Who is gone is noticed when the model is to be asked again; a good app is kept for them.
            let _ = events.keep_alive().await;
        }
    }

    /// The sandbox, made if there is none, and who listens.
    async fn opened(&mut self) -> Result<(&mut Workspace, &mut E), ExecutionFailure> {
        let workspace = match &mut self.workspace {
            Some(workspace) => workspace,
            none => {
                let id = self.request.session.map(|session| session.id);
                none.insert(self.executor.open(id, self.events).await?)
            }
        };
        Ok((workspace, self.events))
    }

    /// Starts a program as the session's app; that it does not start is in the reply.
    pub(crate) async fn show(
        &mut self,
        program: &Program,
        tokens: u64,
    ) -> Result<RunReply, ExecutionFailure> {
        let (executor, request) = (self.executor, app_request(self.request, program));
        let (workspace, events) = self.opened().await?;
        workspace.tokens = tokens;
        executor.start_app_in(workspace, &request, events).await
    }

    /// Keeps a program that does not work as a revision; what is live stays live.
    pub(crate) async fn keep_broken(
        &mut self,
        program: &Program,
        tokens: u64,
        error: ExecutionError,
        output: String,
    ) -> Result<RunReply, ExecutionFailure> {
        let (executor, request) = (self.executor, app_request(self.request, program));
        let (workspace, _) = self.opened().await?;
        workspace.tokens = tokens;
        executor
            .keep_broken(workspace, &request, error, output)
            .await
    }

    /// The address of the app that was live when the work began, and its revision.
    pub(crate) fn live_before(&self) -> Option<(&str, u32)> {
        let app = self.workspace.as_ref()?.session.app.as_ref()?;
        Some((&app.url, app.revision))
    }

    /// Whether the session was asked to stop since the work began.
    pub(crate) async fn is_stopped(&self) -> bool {
        let Some(workspace) = &self.workspace else {
            return false;
        };
        let head = session::load(self.executor.outside, workspace.session.id).await;
        head.is_ok_and(|head| head.stops_asked > workspace.stops_before)
    }
}

fn app_request<'a>(request: &'a Request<'_>, program: &'a Program) -> AppRequest<'a> {
    AppRequest {
        code: &program.code,
        framework: program.framework,
        prompt: request.prompt,
        session_id: None,
        dataset_id: request.dataset_id(),
        env: &NO_VARIABLES,
    }
}
