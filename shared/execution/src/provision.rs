//! A session gets its sandbox: made when it is first needed, and again when it is gone.

use model::dataset::{self, Codec, Dataset};
use model::event::{Event, EventSink};
use model::ports::{Outside, Random as _, Timer as _};
use model::revision::Revision;
use model::session::{self, LiveApp, SandboxRef, Session};
use model::{DatasetId, SessionId, record};
use serde_json::Value;

use crate::app::Program;
use crate::client::{Client, NewFile, SandboxError};
use crate::stop::StopWatch;
use crate::{ExecutionFailure, Executor};

/// What a caller is told when its sandbox had to be replaced.
pub const MADE_ANEW: &str = "the sandbox was made anew; variables are lost";

/// A session with a sandbox that was there a moment ago.
#[derive(Debug)]
pub struct Workspace {
    /// The session's head as last seen.
    pub session: Session,
    /// How often the session had been asked to stop before this work began.
    pub stops_before: u64,
    /// Its sandbox.
    pub sandbox: SandboxRef,
    /// What the caller should know.
    pub notices: Vec<String>,
    /// The dataset whose file this request has brought into the sandbox, if any.
    pub data: Option<DatasetId>,
    /// Tokens of models that this request has spent so far.
    pub tokens: u64,
}

impl Workspace {
    /// At the beginning of a request.
    fn of(session: Session, sandbox: SandboxRef) -> Self {
        Self {
            stops_before: session.stops_asked,
            session,
            sandbox,
            notices: Vec::new(),
            data: None,
            tokens: 0,
        }
    }
}

impl<O: Outside, C: Codec> Executor<'_, O, C> {
    /// The client of the sandbox service.
    pub(crate) fn client(&self) -> Client<'_, O::Network, O::Clock> {
        Client::new(self.outside.http(), self.outside.timer(), self.config)
    }

    /// Opens a session for work, with a sandbox; without an id, a new session.
    ///
    /// A new session is stored only once it has a sandbox, so a service that is down leaves none.
    pub async fn open(
        &self,
        id: Option<SessionId>,
        events: &mut impl EventSink,
    ) -> Result<Workspace, ExecutionFailure> {
        let workspace = match id {
            None => self.open_new().await?,
            Some(id) => self.open_existing(id, events).await?,
        };
        let _ = events
            .emit(Event::Started {
                session_id: workspace.session.id,
            })
            .await;
        Ok(workspace)
    }

    async fn open_new(&self) -> Result<Workspace, ExecutionFailure> {
        let id = SessionId::from_random(self.outside.random().bytes());
        let sandbox = self.make_sandbox(id).await?;
        let mut session = Session::new(id, self.outside.timer().now());
        session.sandbox = Some(sandbox.clone());
        let key = Session::key(id);
        record::write_once(self.outside.store(), self.outside.random(), &key, &session)
            .await
            .map_err(session::SessionError::from)?;
        // No reason to refuse the run: only a later purge misses it.
        if let Err(error) = session::retention::enter(self.outside, id, self.lifetimes).await {
            eprintln!("session.id={id} is not in the index of its day: {error}");
        }
        Ok(Workspace::of(session, sandbox))
    }

    async fn open_existing(
        &self,
        id: SessionId,
        events: &mut impl EventSink,
    ) -> Result<Workspace, ExecutionFailure> {
        let session = session::load(self.outside, id).await?;
        let Some(sandbox) = session.sandbox.clone() else {
            return self.replace(session, None, Vec::new(), events).await;
        };
        let mut workspace = Workspace::of(session, sandbox);
        if workspace
            .session
            .activity_is_due(self.outside.timer().now())
        {
            // The sandbox's life is moved on together with the session's.
            let seconds = self.sandbox_seconds();
            match self.client().set_timeout(&workspace.sandbox, seconds).await {
                Ok(()) => {
                    let now = self.outside.timer().now();
                    let touched = session::update(self.outside, id, |head| head.touch(now));
                    workspace.session = touched.await?;
                }
                Err(SandboxError::Gone(_)) => self.reopen(&mut workspace, events).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(workspace)
    }

    /// Sees requests to stop that come after the workspace was opened.
    pub(crate) fn stop_watch_of(&self, workspace: &Workspace) -> StopWatch<'_> {
        let Workspace {
            session,
            stops_before,
            sandbox,
            ..
        } = workspace;
        self.stop_watch(session.id, *stops_before, sandbox)
    }

    /// Replaces a workspace's sandbox, which is gone, and restores data and app into the new one.
    pub async fn reopen(
        &self,
        workspace: &mut Workspace,
        events: &mut impl EventSink,
    ) -> Result<(), ExecutionFailure> {
        let (stops_before, tokens) = (workspace.stops_before, workspace.tokens);
        let mut notices = std::mem::take(&mut workspace.notices);
        notices.push(MADE_ANEW.to_owned());
        let gone = Some(workspace.sandbox.id.clone());
        *workspace = self
            .replace(workspace.session.clone(), gone, notices, events)
            .await?;
        workspace.stops_before = stops_before;
        workspace.tokens = tokens;
        Ok(())
    }

    async fn replace(
        &self,
        session: Session,
        gone: Option<String>,
        notices: Vec<String>,
        events: &mut impl EventSink,
    ) -> Result<Workspace, ExecutionFailure> {
        let message = "making a sandbox".to_owned();
        let _ = events
            .emit(Event::Progress {
                step: "sandbox",
                message,
            })
            .await;
        let ours = self.make_sandbox(session.id).await?;
        let replaced = self
            .restore_and_publish(&session, gone, &ours, notices, events)
            .await;
        let is_used = matches!(&replaced, Ok(workspace) if workspace.sandbox.id == ours.id);
        if !is_used && let Err(error) = self.client().kill(&ours).await {
            eprintln!("sandbox.id={} lives on unused: {error}", ours.id);
        }
        replaced
    }

    /// Restores into a new sandbox and only then makes it the session's: a session never points at
    /// a sandbox that lacks its data. If another request was faster, its sandbox stands.
    async fn restore_and_publish(
        &self,
        session: &Session,
        gone: Option<String>,
        ours: &SandboxRef,
        mut notices: Vec<String>,
        events: &mut impl EventSink,
    ) -> Result<Workspace, ExecutionFailure> {
        let mut of_restoring = Vec::new();
        let restored = self
            .restore(session, ours, &mut of_restoring, events)
            .await?;
        let head = session::update(self.outside, session.id, |head| {
            if head.sandbox.as_ref().map(|sandbox| &sandbox.id) == gone.as_ref() {
                head.sandbox = Some(ours.clone());
                // An app that another request made live meanwhile is not ours to change.
                if head.app == session.app {
                    head.app.clone_from(&restored);
                }
            }
        })
        .await?;
        let sandbox = head.sandbox.clone().unwrap_or_else(|| ours.clone());
        // What was started in a sandbox that is not used is nobody's news.
        if sandbox.id == ours.id {
            notices.append(&mut of_restoring);
        }
        Ok(Workspace {
            data: session.dataset_id,
            session: head,
            stops_before: session.stops_asked,
            sandbox,
            notices,
            tokens: 0,
        })
    }

    /// Brings data and the live app of a session into a new sandbox; gives the app.
    async fn restore(
        &self,
        session: &Session,
        sandbox: &SandboxRef,
        notices: &mut Vec<String>,
        events: &mut impl EventSink,
    ) -> Result<Option<LiveApp>, ExecutionFailure> {
        if let Some(dataset) = session.dataset_id {
            self.write_dataset(sandbox, dataset).await?;
        }
        let Some(app) = &session.app else {
            return Ok(None);
        };
        let key = Revision::key(session.id, app.revision);
        let revision: Option<Revision> = record::load(self.outside.store(), &key)
            .await
            .map_err(session::SessionError::from)?;
        let launched = match &revision {
            Some(revision) => {
                let program = Program {
                    number: app.revision,
                    framework: app.framework,
                    code: &revision.code,
                    env: &revision.env,
                    port: None,
                };
                let mut stop = self.stop_watch(session.id, session.stops_asked, sandbox);
                let launch = self.launch(sandbox, &program, &mut stop, events);
                launch.await?.app.ok()
            }
            None => None,
        };
        notices.push(match &launched {
            Some(app) => format!("the app was started again, now at {}", app.url),
            None => format!("revision {} did not start again", app.revision),
        });
        Ok(launched)
    }

    /// Sees to it that a dataset's file lies in the workspace's sandbox: it is brought once a request.
    pub async fn bring_data(
        &self,
        workspace: &mut Workspace,
        id: DatasetId,
    ) -> Result<(), ExecutionFailure> {
        if workspace.data != Some(id) {
            self.write_dataset(&workspace.sandbox, id).await?;
            workspace.data = Some(id);
        }
        Ok(())
    }

    /// Puts a dataset's file into a sandbox's home folder; gives its file name.
    pub async fn write_dataset(
        &self,
        sandbox: &SandboxRef,
        id: DatasetId,
    ) -> Result<String, ExecutionFailure> {
        let dataset: Dataset<Value> = dataset::load(self.outside, id).await?;
        let bytes = dataset::load_bytes(self.outside, self.codec, &dataset).await?;
        let path = format!("/home/user/{}", dataset.file_name);
        let files = [NewFile {
            path: &path,
            bytes: &bytes,
        }];
        self.client().write_files(sandbox, &files).await?;
        Ok(dataset.file_name)
    }

    /// Moves the end of a sandbox's life on, together with its session's; one that is gone is fine.
    pub async fn extend(&self, sandbox: &SandboxRef) -> Result<(), ExecutionFailure> {
        match self
            .client()
            .set_timeout(sandbox, self.sandbox_seconds())
            .await
        {
            Ok(()) | Err(SandboxError::Gone(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends a sandbox; one that is already gone is fine.
    pub async fn kill(&self, sandbox: &SandboxRef) -> Result<(), ExecutionFailure> {
        Ok(self.client().kill(sandbox).await?)
    }

    async fn make_sandbox(&self, id: SessionId) -> Result<SandboxRef, SandboxError> {
        self.client()
            .create(self.sandbox_seconds(), &id.to_string())
            .await
    }

    fn sandbox_seconds(&self) -> u64 {
        u64::from(self.lifetimes.activity_hours) * 3_600
    }
}
