//! The code interpreter (port 49999): runs code in contexts and streams what it says.
//!
//! A context is a language with state: a Python kernel ([`kernel`]) or a shell ([`bash`]). Its
//! executions run one after another ([`context`]); each answers with one JSON object a line
//! ([`output`]), and one whose caller went away is interrupted before the next begins
//! ([`execution`]). The wire format is E2B's ([`routes`]).

mod bash;
mod context;
mod ending;
mod execution;
mod kernel;
mod message;
mod output;
mod relay;
mod routes;
mod unused;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use context::{Context, Language};
use thiserror::Error;

use crate::clock;
use crate::sandbox::Sandbox;

pub use routes::handle;
pub use unused::end_unused;

/// What a sandbox's interpreter keeps between requests.
pub struct Interpreter {
    contexts: Mutex<BTreeMap<String, Arc<Context>>>,
    /// The context of each language for those who name none.
    defaults: Mutex<BTreeMap<Language, String>>,
}

/// Why there is no context to run in.
#[derive(Debug, Error)]
pub enum ContextError {
    /// Nobody made one with this id, or it was removed.
    #[error("Context {0} not found")]
    NotFound(String),
    /// Its kernel or shell does not start.
    #[error(transparent)]
    Start(#[from] context::StartError),
    /// No random id could be drawn.
    #[error("cannot make a context id: {0}")]
    Id(#[from] io::Error),
}

impl Interpreter {
    /// One that lists a Python context from the start; its kernel starts when it is first used.
    pub fn new() -> io::Result<Self> {
        let interpreter = Self {
            contexts: Mutex::default(),
            defaults: Mutex::default(),
        };
        interpreter.default_context(Language::Python)?;
        Ok(interpreter)
    }

    /// One whose Python kernel runs already.
    pub async fn started(sandbox: &Sandbox) -> Result<Self, ContextError> {
        let interpreter = Self::new()?;
        let context = interpreter.default_context(Language::Python)?;
        context.started(sandbox).await?;
        Ok(interpreter)
    }

    /// Gives the kernel that runs already variables that it was not started with.
    pub async fn set_environment(
        &self,
        variables: BTreeMap<String, String>,
    ) -> Result<(), ContextError> {
        let context = self.default_context(Language::Python)?;
        context.set_environment(variables).await;
        Ok(())
    }

    /// Ends the kernel that runs already if nobody has used it; `false` if it is in use. The next
    /// execution starts one.
    fn end_unused_kernel(&self) -> bool {
        let context = self.default_context(Language::Python);
        context.is_ok_and(|context| context.end_unused())
    }

    /// A context by id.
    fn context(&self, id: &str) -> Result<Arc<Context>, ContextError> {
        self.contexts()
            .get(id)
            .cloned()
            .ok_or_else(|| ContextError::NotFound(id.to_owned()))
    }

    /// The context of a language that is used without asking for one; made if there is none.
    fn default_context(&self, language: Language) -> io::Result<Arc<Context>> {
        // Held to the end, so that concurrent first executions make one.
        let mut defaults = self.defaults.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(context) = defaults.get(&language).and_then(|id| self.context(id).ok()) {
            return Ok(context);
        }
        let context = Arc::new(Context::new(clock::random_id(20)?, language, None));
        defaults.insert(language, context.id.clone());
        self.contexts().insert(context.id.clone(), context.clone());
        Ok(context)
    }

    async fn create(
        &self,
        sandbox: &Sandbox,
        language: Language,
        cwd: Option<String>,
    ) -> Result<Arc<Context>, ContextError> {
        let context = Arc::new(Context::new(clock::random_id(20)?, language, cwd));
        context.started(sandbox).await?;
        self.contexts().insert(context.id.clone(), context.clone());
        Ok(context)
    }

    fn remove(&self, id: &str) -> Result<Arc<Context>, ContextError> {
        self.contexts()
            .remove(id)
            .ok_or_else(|| ContextError::NotFound(id.to_owned()))
    }

    fn list(&self) -> Vec<Arc<Context>> {
        self.contexts().values().cloned().collect()
    }

    fn contexts(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Context>>> {
        self.contexts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
