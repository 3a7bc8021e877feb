//! The HTTP side of the interpreter, as E2B's clients speak it. Errors are plain text.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::context::{Context, Language};
use super::execution::{self, Code};
use super::{ContextError, Interpreter};
use crate::sandbox::Sandbox;

const BODY_BYTES: usize = 64 << 20;

#[derive(Deserialize)]
struct Execute {
    code: String,
    context_id: Option<String>,
    language: Option<String>,
    env_vars: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct CreateContext {
    language: Option<String>,
    cwd: Option<String>,
}

/// A status and a text for the person.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, self.1).into_response()
    }
}

impl From<ContextError> for Refusal {
    fn from(error: ContextError) -> Self {
        let status = match &error {
            ContextError::NotFound(_) => StatusCode::NOT_FOUND,
            ContextError::Start(error) if error.is_directory() => StatusCode::BAD_REQUEST,
            ContextError::Start(_) | ContextError::Id(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if status.is_server_error() {
            tracing::error!("no context: {error}");
        }
        Self(status, error.to_string())
    }
}

fn bad_request(text: impl ToString) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, text.to_string())
}

/// Answers one request to port 49999. The token has been checked.
pub async fn handle(sandbox: Arc<Sandbox>, request: Request) -> Response {
    let interpreter = sandbox
        .interpreter()
        .get_or_try_init(async || Interpreter::new())
        .await;
    let interpreter = match interpreter {
        Ok(interpreter) => interpreter,
        Err(error) => return Refusal::from(ContextError::from(error)).into_response(),
    };
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let outcome = match (request.method(), parts.as_slice()) {
        (&Method::GET, ["health"]) => Ok(Json("OK").into_response()),
        (&Method::POST, ["execute"]) => {
            execute(sandbox.clone(), interpreter, request.into_body()).await
        }
        (&Method::GET, ["contexts"]) => Ok(Json(
            interpreter
                .list()
                .iter()
                .map(|context| describe(context))
                .collect::<Vec<_>>(),
        )
        .into_response()),
        (&Method::POST, ["contexts"]) => create(&sandbox, interpreter, request.into_body()).await,
        (&Method::POST, ["contexts", id, "restart"]) => restart(&sandbox, interpreter, id).await,
        (&Method::DELETE, ["contexts", id]) => remove(interpreter, id).await,
        (method, ["health" | "execute" | "contexts", ..]) => Err(Refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("{method} {path} is not part of the interpreter"),
        )),
        _ => Err(Refusal(
            StatusCode::NOT_FOUND,
            format!(
                "{path} is not part of the interpreter: it has /execute, /contexts and /health"
            ),
        )),
    };
    outcome.unwrap_or_else(IntoResponse::into_response)
}

async fn execute(
    sandbox: Arc<Sandbox>,
    interpreter: &Interpreter,
    body: Body,
) -> Result<Response, Refusal> {
    let request: Execute = read(body).await?;
    let context = match (&request.context_id, &request.language) {
        (Some(_), Some(_)) => {
            return Err(bad_request(
                "Only one of context_id or language can be provided",
            ));
        }
        (Some(id), None) => interpreter.context(id)?,
        (None, language) => {
            let language = Language::named(language.as_deref()).map_err(bad_request)?;
            interpreter
                .default_context(language)
                .map_err(ContextError::from)?
        }
    };
    let env_vars = request.env_vars.unwrap_or_default();
    for (name, value) in &env_vars {
        check_variable(context.language, name, value)?;
    }
    if context.language == Language::Bash && request.code.contains('\0') {
        return Err(bad_request("bash code cannot contain a NUL character"));
    }
    if let Err(error) = context.started(&sandbox).await {
        return match error.limit() {
            Some(_) => Ok(lines(execution::refused(&error))),
            None => Err(ContextError::from(error).into()),
        };
    }
    let body = execution::start(
        sandbox,
        context,
        Code {
            text: request.code,
            env_vars,
        },
    );
    Ok(lines(body))
}

fn lines(body: Body) -> Response {
    ([(CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

fn check_variable(language: Language, name: &str, value: &str) -> Result<(), Refusal> {
    let is_name = |name: &str| {
        name.bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
            && name
                .bytes()
                .next()
                .is_some_and(|byte| !byte.is_ascii_digit())
    };
    let valid = match language {
        Language::Python => !name.is_empty() && !name.contains(['=', '\0']),
        Language::Bash => is_name(name),
    };
    if !valid {
        return Err(bad_request(format!(
            "env_vars: {name:?} cannot be the name of an environment variable"
        )));
    }
    if value.contains('\0') {
        return Err(bad_request(format!(
            "env_vars: the value of {name:?} contains a NUL character"
        )));
    }
    Ok(())
}

async fn create(
    sandbox: &Sandbox,
    interpreter: &Interpreter,
    body: Body,
) -> Result<Response, Refusal> {
    let request: CreateContext = read(body).await?;
    let language = Language::named(request.language.as_deref()).map_err(bad_request)?;
    let context = interpreter.create(sandbox, language, request.cwd).await?;
    Ok(Json(describe(&context)).into_response())
}

async fn restart(
    sandbox: &Sandbox,
    interpreter: &Interpreter,
    id: &str,
) -> Result<Response, Refusal> {
    let context = interpreter.context(id)?;
    context.restart(sandbox).await.map_err(ContextError::from)?;
    Ok(Json(Value::Null).into_response())
}

async fn remove(interpreter: &Interpreter, id: &str) -> Result<Response, Refusal> {
    interpreter.remove(id)?.end().await;
    Ok(Json(Value::Null).into_response())
}

fn describe(context: &Context) -> Value {
    json!({ "id": context.id, "language": context.language, "cwd": context.cwd() })
}

async fn read<T: DeserializeOwned>(body: Body) -> Result<T, Refusal> {
    let bytes = to_bytes(body, BODY_BYTES).await.map_err(|error| {
        Refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "cannot read the body (at most {} MiB): {error}",
                BODY_BYTES >> 20
            ),
        )
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| bad_request(format!("the body is not what is expected here: {error}")))
}
