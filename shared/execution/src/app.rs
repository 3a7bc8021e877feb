//! A program becomes a live app.
//!
//! The launcher (`conductor_launch.py` and its parts) is uploaded with the program and tells on its
//! standard output, one JSON object a line, what becomes of it. An address is given out only once
//! the app answers 200.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join;
use model::dataset::Codec;
use model::event::{Event, EventSink};
use model::ports::{Body, Outside, Timer};
use model::revision::{Revision, RevisionStatus, RevisionSummary};
use model::run::{ErrorKind, ExecutionError, RunReply};
use model::session::{self, LiveApp, SandboxRef};
use model::{DatasetId, Framework, SessionId, record};

use crate::client::{Metrics, ProcessEvents, SandboxError};
use crate::limit;
use crate::programs::{self, new_files};
use crate::provision::Workspace;
use crate::stop::{CutShort, StopWatch, interrupted};
use crate::{ExecutionFailure, Executor};

mod report;
mod watch;

use watch::{Answering, Watch};

/// The program that starts apps inside the sandbox; its parts lie beside it.
const LAUNCHER_PATH: &str = "/home/user/.conductor/conductor_launch.py";

/// How long an app may take from its start to its first answer.
const START_LIMIT: Duration = Duration::from_secs(90);
/// How long the way from outside to an app that answers inside may take to open.
const PROXY_LIMIT: Duration = Duration::from_secs(5);
/// How often that way is tried.
const PROXY_PAUSE: Duration = Duration::from_millis(50);

/// A program that is to become an app.
#[derive(Debug, Clone, Copy)]
pub struct AppRequest<'a> {
    /// The program.
    pub code: &'a str,
    /// What it is built with.
    pub framework: Framework,
    /// What was asked for; empty for code that came by hand.
    pub prompt: &'a str,
    /// The session to go on with; a new one without it.
    pub session_id: Option<SessionId>,
    /// The dataset that the program reads, if any.
    pub dataset_id: Option<DatasetId>,
    /// The environment variables that it runs with.
    pub env: &'a BTreeMap<String, String>,
}

/// A revision's program, as the launcher gets it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Program<'a> {
    /// The revision's number.
    pub number: u32,
    /// What it is built with.
    pub framework: Framework,
    /// The code.
    pub code: &'a str,
    /// The environment variables that it runs with.
    pub env: &'a BTreeMap<String, String>,
    /// Where it listens; any free port without it.
    pub port: Option<u16>,
}

/// Where the launcher keeps the output of apps.
pub(crate) const LOG_FOLDER: &str = "/home/user/.conductor";

/// The output of a revision's app, inside its sandbox.
pub(crate) fn log_path(revision: u32) -> String {
    format!("{LOG_FOLDER}/app_{revision}.log")
}

/// What came of a launch.
#[derive(Debug)]
pub(crate) struct Launch {
    /// The app, or why it does not run.
    pub app: Result<LiveApp, ExecutionError>,
    /// What the program wrote until then.
    pub output: String,
    /// What the launcher overruled.
    pub notices: Vec<String>,
}

impl<O: Outside, C: Codec> Executor<'_, O, C> {
    /// Starts a program as an app, and makes it a revision of its session.
    ///
    /// An app that dies at its start is an outcome: its revision is `broken`, its traceback is in
    /// the reply, and the app that was live before stays live.
    pub async fn start_app(
        &self,
        request: &AppRequest<'_>,
        events: &mut impl EventSink,
    ) -> Result<RunReply, ExecutionFailure> {
        let mut workspace = self.open(request.session_id, events).await?;
        let reply = self.start_app_in(&mut workspace, request, events).await?;
        if let Some(error) = reply.error.clone() {
            let _ = events.emit(Event::Error { error }).await;
        }
        Ok(reply)
    }

    /// The same in a workspace that is open already, whatever session the request names; the failure
    /// of an app is in the reply only.
    pub async fn start_app_in(
        &self,
        workspace: &mut Workspace,
        request: &AppRequest<'_>,
        events: &mut impl EventSink,
    ) -> Result<RunReply, ExecutionFailure> {
        let begun = self.outside.timer().elapsed();
        let mut stop = self.stop_watch_of(workspace);
        let number = self.reserve_revision(workspace.session.id).await?;
        let mut launch = self
            .prepare_and_launch(workspace, number, request, &mut stop, events)
            .await;
        if let Err(ExecutionFailure::Sandbox(SandboxError::Gone(_))) = launch {
            self.reopen(workspace, events).await?;
            stop = self.stop_watch_of(workspace);
            launch = self
                .prepare_and_launch(workspace, number, request, &mut stop, events)
                .await;
        }
        let launch = match launch {
            Ok(launch) => launch,
            Err(failure) => self.refused(&workspace.sandbox, failure).await?,
        };
        let replaced = self
            .record(workspace, number, request, &launch, &stop)
            .await?;
        self.tell_that_it_stopped(&stop, &workspace.sandbox).await;
        if let Some(before) = replaced.filter(|before| before.sandbox_id == workspace.sandbox.id) {
            // The app before retires by itself a minute after this signal; one that is gone is fine.
            let _ = self
                .client()
                .signal(&workspace.sandbox, before.pid, "SIGNAL_SIGTERM")
                .await;
        }
        Ok(self.app_reply(workspace, number, request.framework, launch, begun))
    }

    /// Keeps a program that is known to be broken as a revision, without starting it: the app that is
    /// live stays live.
    pub async fn keep_broken(
        &self,
        workspace: &Workspace,
        request: &AppRequest<'_>,
        error: ExecutionError,
        output: String,
    ) -> Result<RunReply, ExecutionFailure> {
        let begun = self.outside.timer().elapsed();
        let stop = self.stop_watch_of(workspace);
        let number = self.reserve_revision(workspace.session.id).await?;
        let launch = Launch {
            app: Err(error),
            output,
            notices: Vec::new(),
        };
        self.record(workspace, number, request, &launch, &stop)
            .await?;
        Ok(self.app_reply(workspace, number, request.framework, launch, begun))
    }

    fn app_reply(
        &self,
        workspace: &Workspace,
        revision: u32,
        framework: Framework,
        launch: Launch,
        begun: Duration,
    ) -> RunReply {
        RunReply {
            output: launch.output,
            url: launch.app.as_ref().ok().map(|app| app.url.clone()),
            session_id: workspace.session.id,
            activity_duration: self.lifetimes.activity_duration(),
            results: Vec::new(),
            error: launch.app.err(),
            notices: [workspace.notices.clone(), launch.notices].concat(),
            execution_count: None,
            duration_ms: self.milliseconds_since(begun),
            truncated: false,
            framework: Some(framework),
            revision: Some(revision),
        }
    }

    /// A launch that came to nothing because a limit was in the way is an outcome, too.
    pub(crate) async fn refused(
        &self,
        sandbox: &SandboxRef,
        failure: ExecutionFailure,
    ) -> Result<Launch, ExecutionFailure> {
        if let ExecutionFailure::Sandbox(refusal) = &failure
            && let Some(error) = limit::of_refusal(&self.client(), sandbox, refusal).await
        {
            return Ok(Launch {
                app: Err(error),
                output: String::new(),
                notices: Vec::new(),
            });
        }
        Err(failure)
    }

    /// Takes the next revision number, so that two starts at once never share a file.
    async fn reserve_revision(&self, id: SessionId) -> Result<u32, ExecutionFailure> {
        let head = session::update(self.outside, id, |head| head.revision_counter += 1).await?;
        Ok(head.revision_counter)
    }

    async fn prepare_and_launch(
        &self,
        workspace: &mut Workspace,
        number: u32,
        request: &AppRequest<'_>,
        stop: &mut StopWatch<'_>,
        events: &mut impl EventSink,
    ) -> Result<Launch, ExecutionFailure> {
        if let Some(dataset) = request.dataset_id {
            self.bring_data(workspace, dataset).await?;
        }
        let message = format!("starting the {} app", request.framework.name());
        let _ = events
            .emit(Event::Progress {
                step: "start",
                message,
            })
            .await;
        let AppRequest {
            framework,
            code,
            env,
            ..
        } = *request;
        let program = Program {
            number,
            framework,
            code,
            env,
            port: None,
        };
        self.launch(&workspace.sandbox, &program, stop, events)
            .await
    }

    /// Writes the revision and makes it the session's newest, and its live one if it runs; gives
    /// the app that was live until then.
    async fn record(
        &self,
        workspace: &Workspace,
        number: u32,
        request: &AppRequest<'_>,
        launch: &Launch,
        stop: &StopWatch<'_>,
    ) -> Result<Option<LiveApp>, ExecutionFailure> {
        let id = workspace.session.id;
        let parent = workspace.session.app.as_ref().map(|app| app.revision);
        let status = if launch.app.is_ok() {
            RevisionStatus::Ok
        } else {
            RevisionStatus::Broken
        };
        let summary = RevisionSummary {
            revision: number,
            parent: parent.or(workspace.session.revisions.last().map(|last| last.revision)),
            status,
            framework: request.framework,
            created_at: self.outside.timer().now(),
        };
        let revision = Revision {
            summary: summary.clone(),
            code: request.code.to_owned(),
            prompt: request.prompt.to_owned(),
            env: request.env.clone(),
            error: launch.app.as_ref().err().cloned(),
        };
        let key = Revision::key(id, number);
        record::write_once(self.outside.store(), self.outside.random(), &key, &revision)
            .await
            .map_err(session::SessionError::from)?;
        let mut replaced = None;
        session::update(self.outside, id, |head| {
            // The change may be made twice, where a store said "lost" of what it wrote.
            head.revisions.retain(|known| known.revision != number);
            let place = head
                .revisions
                .partition_point(|known| known.revision < number);
            head.revisions.insert(place, summary.clone());
            head.keep_output(&launch.output);
            stop.acknowledge(head);
            head.dataset_id = request.dataset_id.or(head.dataset_id);
            let tokens = workspace.session.tokens + workspace.tokens;
            head.tokens = head.tokens.max(tokens);
            if head.title.is_empty() {
                head.title = request.prompt.chars().take(80).collect();
            }
            if let Ok(app) = &launch.app {
                let before = head.app.replace(app.clone());
                replaced = before.filter(|before| before != app);
            }
        })
        .await?;
        Ok(replaced)
    }

    /// Uploads and starts a program, and waits until it answers or fails.
    pub(crate) async fn launch(
        &self,
        sandbox: &SandboxRef,
        program: &Program<'_>,
        stop: &mut StopWatch<'_>,
        events: &mut impl EventSink,
    ) -> Result<Launch, ExecutionFailure> {
        let client = self.client();
        let path = format!("/home/user/app_{}.py", program.number);
        let launcher = programs::launcher();
        let files = new_files(&launcher, &path, program.code);
        // The sizes are only to name a limit that the app may hit.
        let (written, metrics) =
            join(client.write_files(sandbox, &files), client.metrics(sandbox)).await;
        written?;
        let metrics = metrics.ok();
        let args = launcher_arguments(program, &path, metrics.as_ref());
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut process = client.start(sandbox, "python3", &args, program.env).await?;
        let mut watch = Watch::default();
        let mut app = self
            .watch(sandbox, program, &mut process, &mut watch, stop, events)
            .await;
        if let Ok(Err(error)) = &mut app {
            limit::name_of_app(&client, sandbox, metrics, error).await;
        }
        if let (false, Some(pid)) = (matches!(app, Ok(Ok(_))), watch.pid) {
            // Whatever went wrong, nothing of it stays behind.
            let _ = client.signal(sandbox, pid, "SIGNAL_SIGKILL").await;
        }
        Ok(Launch {
            app: app?,
            output: watch.output,
            notices: watch.notices,
        })
    }

    /// Follows a start to its end: an app that answers from outside, or why there is none.
    async fn watch<B: Body>(
        &self,
        sandbox: &SandboxRef,
        program: &Program<'_>,
        process: &mut ProcessEvents<B>,
        watch: &mut Watch,
        stop: &mut StopWatch<'_>,
        events: &mut impl EventSink,
    ) -> Result<Result<LiveApp, ExecutionError>, ExecutionFailure> {
        let reports = watch.until_ready(process, events);
        let started = match self.unless_stopped(stop, START_LIMIT, reports).await {
            Ok(started) => started?,
            Err(CutShort::TimedOut) => Err(too_slow(START_LIMIT)),
            Err(CutShort::Stopped) => Err(interrupted()),
        };
        let Answering { port, path } = match started {
            Ok(answering) => answering,
            Err(error) => return Ok(Err(error)),
        };
        self.wait_for_proxy(sandbox, port, &path).await?;
        let path = path.trim_end_matches('/');
        Ok(Ok(LiveApp {
            sandbox_id: sandbox.id.clone(),
            revision: program.number,
            port,
            pid: watch.pid.unwrap_or(0),
            url: format!("{}{path}", self.config.app_address(sandbox, port)),
            framework: program.framework,
        }))
    }

    /// The app answers inside; now it has to answer from outside, too.
    async fn wait_for_proxy(
        &self,
        sandbox: &SandboxRef,
        port: u16,
        path: &str,
    ) -> Result<(), SandboxError> {
        let begun = self.outside.timer().elapsed();
        loop {
            let status = self.client().app_status(sandbox, port, path).await?;
            // An app with a password of its own answers 401: it is up all the same.
            if status.is_success() || matches!(status.as_u16(), 401 | 403) {
                return Ok(());
            }
            if self.outside.timer().elapsed().saturating_sub(begun) > PROXY_LIMIT {
                let reason = format!("the app answers inside, but {status} through the proxy");
                return Err(SandboxError::Broken {
                    what: "open the app",
                    reason,
                });
            }
            self.outside.timer().sleep(PROXY_PAUSE).await;
        }
    }
}

fn launcher_arguments(program: &Program<'_>, path: &str, metrics: Option<&Metrics>) -> Vec<String> {
    let framework = program.framework.name();
    let log = log_path(program.number);
    let mut arguments = [
        LAUNCHER_PATH,
        "--framework",
        framework,
        "--app",
        path,
        "--log",
        &log,
    ]
    .map(str::to_owned)
    .to_vec();
    if let Some(port) = program.port {
        arguments.extend(["--port".to_owned(), port.to_string()]);
    }
    if let Some(size) = metrics
        .map(|metrics| metrics.mem_total)
        .filter(|&size| size > 0)
    {
        arguments.extend(["--memory".to_owned(), limit::size_text(size)]);
    }
    arguments
}

fn too_slow(limit: Duration) -> ExecutionError {
    let value = format!("timeout ({} s): the app did not answer", limit.as_secs());
    ExecutionError::without_traceback(ErrorKind::Timeout, "StartTimeout", value)
}
