//! A session's kernel, or its app, begins again.

use model::dataset::Codec;
use model::event::EventSink;
use model::ports::{Outside, Timer as _};
use model::revision::Revision;
use model::run::RunReply;
use model::session::{self, LiveApp};
use model::{SessionId, record};

use crate::app::{Launch, Program};
use crate::client::SandboxError;
use crate::provision::Workspace;
use crate::stop::StopWatch;
use crate::{ExecutionFailure, Executor};

/// What a caller is told when its kernel began again.
const FRESH_KERNEL: &str = "the kernel was started again; variables are lost";

impl<O: Outside, C: Codec> Executor<'_, O, C> {
    /// Starts the session's kernel again; what runs in it ends, and so do its variables.
    pub async fn restart_kernel(
        &self,
        id: SessionId,
        events: &mut impl EventSink,
    ) -> Result<RunReply, ExecutionFailure> {
        let begun = self.outside.timer().elapsed();
        let mut workspace = self.open(Some(id), events).await?;
        match self.client().restart_kernels(&workspace.sandbox).await {
            Ok(()) => workspace.notices.push(FRESH_KERNEL.to_owned()),
            // A new sandbox has a fresh kernel.
            Err(SandboxError::Gone(_)) => self.reopen(&mut workspace, events).await?,
            Err(error) => return Err(error.into()),
        }
        let url = workspace.session.app.as_ref().map(|app| app.url.clone());
        Ok(RunReply {
            url,
            ..self.reply_of(workspace, begun)
        })
    }

    /// Starts the session's app again: the same revision, and the same address where that is free.
    ///
    /// Without a live app it is the newest revision that starts.
    pub async fn restart_app(
        &self,
        id: SessionId,
        events: &mut impl EventSink,
    ) -> Result<RunReply, ExecutionFailure> {
        let begun = self.outside.timer().elapsed();
        let before = session::load(self.outside, id).await?.app;
        let mut workspace = self.open(Some(id), events).await?;
        if let Some(app) = workspace.session.app.clone()
            && before.is_none_or(|before| before.sandbox_id != app.sandbox_id)
        {
            // Its sandbox was gone; with the new one the app began again, too.
            return Ok(self.reply_of_app(workspace, &app, begun));
        }
        let mut launch = self.launch_again(&workspace, events).await;
        if let Err(ExecutionFailure::Sandbox(SandboxError::Gone(_))) = launch {
            self.reopen(&mut workspace, events).await?;
            if let Some(app) = workspace.session.app.clone() {
                return Ok(self.reply_of_app(workspace, &app, begun));
            }
            launch = self.launch_again(&workspace, events).await;
        }
        let (revision, launch, stop) = launch?;
        session::update(self.outside, id, |head| {
            head.keep_output(&launch.output);
            stop.acknowledge(head);
            head.app = launch.app.as_ref().ok().cloned();
        })
        .await?;
        self.tell_that_it_stopped(&stop, &workspace.sandbox).await;
        let framework = revision.summary.framework;
        let notices = launch.notices;
        let mut reply = self.reply_of(workspace, begun);
        reply.notices.extend(notices);
        Ok(RunReply {
            output: launch.output,
            url: launch.app.as_ref().ok().map(|app| app.url.clone()),
            error: launch.app.err(),
            framework: Some(framework),
            revision: Some(revision.summary.revision),
            ..reply
        })
    }

    async fn launch_again(
        &self,
        workspace: &Workspace,
        events: &mut impl EventSink,
    ) -> Result<(Revision, Launch, StopWatch<'_>), ExecutionFailure> {
        let session = &workspace.session;
        let live = session.app.as_ref();
        let newest = session.revisions.last().map(|last| last.revision);
        let number = live.map(|app| app.revision).or(newest);
        let number = number.ok_or(ExecutionFailure::NoApp(session.id))?;
        let key = Revision::key(session.id, number);
        let revision: Option<Revision> = record::load(self.outside.store(), &key)
            .await
            .map_err(session::SessionError::from)?;
        let revision = revision.ok_or(ExecutionFailure::NoApp(session.id))?;
        let program = Program {
            number,
            framework: revision.summary.framework,
            code: &revision.code,
            env: &revision.env,
            port: live.map(|app| app.port),
        };
        if let Some(app) = live {
            // It frees its port for the next one; one that is gone is fine.
            let client = self.client();
            let _ = client
                .signal(&workspace.sandbox, app.pid, "SIGNAL_SIGKILL")
                .await;
        }
        let mut stop = self.stop_watch_of(workspace);
        let launch = self
            .launch(&workspace.sandbox, &program, &mut stop, events)
            .await?;
        Ok((revision, launch, stop))
    }

    fn reply_of_app(
        &self,
        workspace: Workspace,
        app: &LiveApp,
        begun: std::time::Duration,
    ) -> RunReply {
        RunReply {
            url: Some(app.url.clone()),
            framework: Some(app.framework),
            revision: Some(app.revision),
            ..self.reply_of(workspace, begun)
        }
    }

    fn reply_of(&self, workspace: Workspace, begun: std::time::Duration) -> RunReply {
        RunReply {
            output: String::new(),
            url: None,
            session_id: workspace.session.id,
            activity_duration: self.lifetimes.activity_duration(),
            results: Vec::new(),
            error: None,
            notices: workspace.notices,
            execution_count: None,
            duration_ms: self.milliseconds_since(begun),
            truncated: false,
            framework: None,
            revision: None,
        }
    }
}
