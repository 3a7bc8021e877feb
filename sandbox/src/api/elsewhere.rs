//! What E2B's cloud has and one machine has not: each says so, and what to do instead.

use axum::Router;
use axum::extract::Request;
use axum::routing::any;

use super::error::ApiError;

/// Paths of E2B's control API that are not served here, with all below them.
const PATHS: [&str; 11] = [
    "/snapshots",
    "/templates",
    "/v2/templates",
    "/v3/templates",
    "/volumes",
    "/secrets",
    "/teams",
    "/api-keys",
    "/access-tokens",
    "/nodes",
    "/sandboxes/metrics",
];

/// Their routes.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    PATHS.into_iter().fold(Router::new(), |router, path| {
        router
            .route(path, any(refuse))
            .route(&format!("{path}/{{*rest}}"), any(refuse))
    })
}

async fn refuse(request: Request) -> ApiError {
    not_here(request.uri().path())
}

/// The refusal of a path, or of an operation on a sandbox.
pub fn not_here(what: &str) -> ApiError {
    let has = |part: &str| what.contains(part);
    let instead = match what {
        _ if has("snapshot") => {
            "it keeps no memory image of a sandbox; pause and resume one, or write its state to files and upload those to a new one"
        }
        "fork" => {
            "it keeps no memory image of a sandbox; make another one and upload the files it needs"
        }
        _ if has("template") => {
            "every template name means the service's own Python environment; add packages there (cargo xtask up builds it, --venv names another)"
        }
        _ if has("volume") => {
            "sandboxes share no files; upload to each what it needs, by the files API"
        }
        _ if has("metrics") => "ask each sandbox: GET /sandboxes/{id}/metrics",
        "logs" => "it logs to its own standard error; read a program's output from its stream",
        _ => "it has no accounts; its keys are given at its start (--api-key)",
    };
    ApiError::NotHere {
        what: what.trim_start_matches('/').to_owned(),
        instead,
    }
}
