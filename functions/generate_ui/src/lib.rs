//! `POST /generate_ui/`: a sentence, and a dataset if there is one, become a live app.

use edge::{Call, Edge, HttpError, Reply, Reporter};
use generation::{AttemptReport, GaveUp, Generated, GenerationFailure, Generator, Limits, Request};
use llm::{LlmConfig, Usage};
use model::dataset::{self, Dataset};
use model::run::{ExecutionError, RunReply};
use model::{DatasetId, Framework, SessionId, session};
use profile::Profile;
use serde::{Deserialize, Serialize};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

#[derive(Deserialize)]
struct GenerateRequest {
    prompt: String,
    framework: Option<Framework>,
    dataset_id: Option<DatasetId>,
    session_id: Option<SessionId>,
    /// Says in detail what the prompt says in short; then it is what gets built.
    specification: Option<String>,
}

/// Source 1's four fields, and more.
#[derive(Serialize)]
struct GenerateReply<'a> {
    session_id: SessionId,
    url: Option<&'a str>,
    framework: Framework,
    provider: &'static str,
    attempts: usize,
    attempt_reports: &'a [AttemptReport],
    gave_up: Option<&'a GaveUp>,
    assumptions: &'a [String],
    specification: &'a str,
    generated_code: &'a str,
    error: Option<&'a ExecutionError>,
    openai_response: &'a str,
    posted_data: PostedData<'a>,
    gradio_ui_response: &'a RunReply,
    usage: Option<Usage>,
}

/// What source 1 posts to its own `/gradio_ui/`.
#[derive(Serialize)]
struct PostedData<'a> {
    code: &'a str,
}

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    edge::serve(request, out, route).await;
}

async fn route(call: &mut Call, edge: &Edge, events: &mut Reporter) -> Result<Reply, HttpError> {
    call.require_post_to("generate_ui")?;
    let request = checked(call.json().await?)?;
    // An unknown session is told before a model is paid; a known one keeps its data.
    let session = match request.session_id {
        Some(id) => Some(session::load(edge, id).await?),
        None => None,
    };
    let kept = session.as_ref().and_then(|session| session.dataset_id);
    let dataset: Option<Dataset<Profile>> = match request.dataset_id.or(kept) {
        Some(id) => Some(dataset::load(edge, id).await?),
        None => None,
    };
    let config = edge.sandbox_config();
    let model = LlmConfig::read(edge::variable);
    let generator = Generator {
        executor: &edge.executor(&config),
        model: model.as_ref(),
        limits: Limits::read(edge::variable),
    };
    let wanted = Request {
        prompt: &request.prompt,
        specification: request
            .specification
            .as_deref()
            .filter(|text| !text.trim().is_empty()),
        framework: request.framework,
        session: session.as_ref(),
        dataset: dataset.as_ref(),
    };
    let generated = generator.generate(&wanted, events).await;
    let generated = generated.map_err(|failure| match failure {
        GenerationFailure::Model(error) => HttpError::from(error),
        GenerationFailure::Execution(error) => error.into(),
    })?;
    if request.session_id.is_none() {
        edge::owner::remember(call, edge, generated.reply.session_id).await;
    }
    Ok(reply(&generated))
}

/// What the types do not check.
fn checked(request: GenerateRequest) -> Result<GenerateRequest, HttpError> {
    edge::prompt::check(&request.prompt)?;
    let length = request.prompt.len() + request.specification.as_ref().map_or(0, String::len);
    if length > edge::prompt::LIMIT {
        return Err(HttpError::too_large(edge::prompt::LIMIT));
    }
    Ok(request)
}

fn reply(generated: &Generated) -> Reply {
    let code = &generated.code;
    Reply::json(&GenerateReply {
        session_id: generated.reply.session_id,
        url: generated.reply.url.as_deref(),
        framework: generated.framework,
        provider: generated.provider,
        attempts: generated.attempts.len(),
        attempt_reports: &generated.attempts,
        gave_up: generated.gave_up.as_ref(),
        assumptions: &generated.assumptions,
        specification: &generated.specification,
        generated_code: code,
        error: generated.reply.error.as_ref(),
        openai_response: &generated.answer,
        posted_data: PostedData { code },
        gradio_ui_response: &generated.reply,
        usage: generated.usage,
    })
}
