//! A session gets its sandbox: made when it is first needed, and again when it is gone.

use model::dataset::{self, Codec, Dataset};
use model::event::{Event, EventSink};
use model::ports::{Outside, Random as _, Timer as _};
use model::revision::Revision;
use model::session::{self, SandboxRef, Session};
use model::{DatasetId, SessionId, record};
use serde_json::Value;

use crate::client::{Client, NewFile, SandboxError};
use crate::{ExecutionFailure, Executor};

/// What a caller is told when its sandbox had to be replaced.
pub const MADE_ANEW: &str = "the sandbox was made anew; variables are lost";

/// A session with a sandbox that was there a moment ago.
#[derive(Debug)]
pub struct Workspace {
    /// The session's head as last seen.
    pub session: Session,
    /// Its sandbox.
    pub sandbox: SandboxRef,
    /// What the caller should know.
    pub notices: Vec<String>,
}

impl<O: Outside, C: Codec> Executor<'_, O, C> {
    /// The client of the sandbox service.
    pub(crate) fn client(&self) -> Client<'_, O::Network> {
        Client::new(self.outside.http(), self.config)
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
        Ok(Workspace {
            session,
            sandbox,
            notices: Vec::new(),
        })
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
        let mut workspace = Workspace {
            session,
            sandbox,
            notices: Vec::new(),
        };
        if workspace
            .session
            .activity_is_due(self.outside.timer().now())
        {
            // The sandbox's life is moved on together with the session's.
            let seconds = self.sandbox_seconds();
            match self.client().set_timeout(&workspace.sandbox, seconds).await {
                Ok(()) => workspace.session = session::update(self.outside, id, |_| {}).await?,
                Err(SandboxError::Gone(_)) => self.reopen(&mut workspace, events).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(workspace)
    }

    /// Replaces a workspace's sandbox, which is gone, and restores data and app into the new one.
    pub async fn reopen(
        &self,
        workspace: &mut Workspace,
        events: &mut impl EventSink,
    ) -> Result<(), ExecutionFailure> {
        let mut notices = std::mem::take(&mut workspace.notices);
        notices.push(MADE_ANEW.to_owned());
        let gone = Some(workspace.sandbox.id.clone());
        *workspace = self
            .replace(workspace.session.clone(), gone, notices, events)
            .await?;
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
        let replaced = session::update(self.outside, session.id, |head| {
            if head.sandbox.as_ref().map(|sandbox| &sandbox.id) == gone.as_ref() {
                head.sandbox = Some(ours.clone());
            }
        });
        let head = replaced.await?;
        let sandbox = head.sandbox.clone().unwrap_or_else(|| ours.clone());
        if sandbox.id != ours.id {
            // Another request was faster: its sandbox stands, and restoring is its work.
            self.client().kill(&ours).await?;
            return Ok(Workspace {
                session: head,
                sandbox,
                notices,
            });
        }
        let mut workspace = Workspace {
            session: head,
            sandbox,
            notices,
        };
        self.restore(&mut workspace, events).await?;
        Ok(workspace)
    }

    /// Brings data and the live app of a session into its new sandbox.
    async fn restore(
        &self,
        workspace: &mut Workspace,
        events: &mut impl EventSink,
    ) -> Result<(), ExecutionFailure> {
        if let Some(dataset) = workspace.session.dataset_id {
            self.write_dataset(&workspace.sandbox, dataset).await?;
        }
        let Some(app) = workspace.session.app.clone() else {
            return Ok(());
        };
        let id = workspace.session.id;
        let key = Revision::key(id, app.revision);
        let revision: Option<Revision> = record::load(self.outside.store(), &key)
            .await
            .map_err(session::SessionError::from)?;
        let launched = match &revision {
            Some(revision) => {
                let (number, framework) = (app.revision, app.framework);
                self.launch(
                    &workspace.sandbox,
                    number,
                    framework,
                    &revision.code,
                    events,
                )
                .await?
                .app
                .ok()
            }
            None => None,
        };
        workspace.notices.push(match &launched {
            Some(app) => format!("the app was started again, now at {}", app.url),
            None => format!("revision {} did not start again", app.revision),
        });
        workspace.session =
            session::update(self.outside, id, |head| head.app.clone_from(&launched)).await?;
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
