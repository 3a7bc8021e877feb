//! `POST /generate_ui/`: a sentence, and a dataset if there is one, become a live app.

use std::collections::BTreeMap;

use edge::{Call, Edge, HttpError, Reply, Reporter};
use execution::app::AppRequest;
use llm::prompts::{self, AppPrompt};
use llm::{Chat, Client, LlmConfig, LlmError, Step, Usage};
use model::dataset::{self, Dataset};
use model::event::{ClientGone, Event, EventSink as _};
use model::run::{ExecutionError, RunReply};
use model::{DatasetId, Framework, SessionId, session};
use profile::Profile;
use serde::{Deserialize, Serialize};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

/// The most bytes of a prompt.
const PROMPT_LIMIT: usize = 32 * 1024;

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
    attempts: u32,
    assumptions: &'a [String],
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

/// A program, and how it came about.
struct Generated {
    code: String,
    framework: Framework,
    provider: &'static str,
    answer: String,
    assumptions: Vec<String>,
    usage: Option<Usage>,
}

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    edge::serve(request, out, route).await;
}

async fn route(call: &mut Call, edge: &Edge, events: &mut Reporter) -> Result<Reply, HttpError> {
    match (call.method.as_str(), call.segments().as_slice()) {
        ("POST", ["generate_ui"]) => {}
        (_, ["generate_ui"]) => return Err(HttpError::method_not_allowed("POST")),
        _ => {
            return Err(HttpError::no_route());
        }
    }
    let request: GenerateRequest = call.json().await?;
    if request.prompt.trim().is_empty() {
        return Err(HttpError::unusable(
            "`prompt` is empty: say in a sentence what to build",
        ));
    }
    let length = request.prompt.len() + request.specification.as_ref().map_or(0, String::len);
    if length > PROMPT_LIMIT {
        return Err(HttpError::too_large(PROMPT_LIMIT));
    }
    // An unknown session is told before a model is paid; a known one keeps its data.
    let session = match request.session_id {
        Some(id) => Some(session::load(edge, id).await?),
        None => None,
    };
    let dataset_id = request
        .dataset_id
        .or(session.and_then(|session| session.dataset_id));
    let dataset: Option<Dataset<Profile>> = match dataset_id {
        Some(id) => Some(dataset::load(edge, id).await?),
        None => None,
    };
    let generated = generate(&request, dataset.as_ref(), edge, events).await?;
    let config = edge.sandbox_config();
    let app = AppRequest {
        code: &generated.code,
        framework: generated.framework,
        prompt: &request.prompt,
        session_id: request.session_id,
        dataset_id,
        env: &BTreeMap::new(),
    };
    let reply = edge.executor(&config).start_app(&app, events).await?;
    if request.session_id.is_none() {
        edge::owner::remember(call, edge, reply.session_id).await;
    }
    Ok(Reply::json(&GenerateReply {
        session_id: reply.session_id,
        url: reply.url.as_deref(),
        framework: generated.framework,
        provider: generated.provider,
        attempts: 1,
        assumptions: &generated.assumptions,
        generated_code: &generated.code,
        error: reply.error.as_ref(),
        openai_response: &generated.answer,
        posted_data: PostedData {
            code: &generated.code,
        },
        gradio_ui_response: &reply,
        usage: generated.usage,
    }))
}

async fn generate(
    request: &GenerateRequest,
    dataset: Option<&Dataset<Profile>>,
    edge: &Edge,
    events: &mut Reporter,
) -> Result<Generated, HttpError> {
    let data = dataset.map(|dataset| (&dataset.profile, dataset.file_name.as_str()));
    let plan = planner::plan(&request.prompt, request.framework, data);
    let Some(config) = LlmConfig::read(edge::variable) else {
        let message = "planning without a model".to_owned();
        let _ = events
            .emit(Event::Progress {
                step: "code",
                message,
            })
            .await;
        return Ok(Generated {
            code: planner::render(&plan),
            framework: plan.framework,
            provider: "planner",
            answer: String::new(),
            assumptions: plan.assumptions,
            usage: None,
        });
    };
    let message = format!("asking {}", config.model);
    let _ = events
        .emit(Event::Progress {
            step: "code",
            message,
        })
        .await;
    let prompt = request.specification.as_ref().unwrap_or(&request.prompt);
    let wanted = AppPrompt {
        prompt,
        framework: plan.framework,
        dataset: data,
    };
    let client = Client {
        outside: edge,
        config: &config,
    };
    let mut profile_bytes = prompts::PROFILE_BYTES;
    let completion = loop {
        let tell = async |step: Step<'_>| hear(events, step).await;
        let chat = Chat::of(prompts::app(&wanted, profile_bytes));
        match client.complete(&chat, tell).await {
            // A model with a short context may do with less of the profile.
            Err(LlmError::ContextTooLong { .. })
                if data.is_some() && profile_bytes > prompts::SMALL_PROFILE_BYTES =>
            {
                profile_bytes = prompts::SMALL_PROFILE_BYTES;
            }
            answered => break answered?,
        }
    };
    let code = llm::extract::program(&completion.text)?;
    Ok(Generated {
        framework: model::framework::of_program(&code).unwrap_or(plan.framework),
        code,
        provider: "openai",
        answer: completion.text,
        assumptions: Vec::new(),
        usage: completion.usage,
    })
}

/// Passes on what is heard of the model.
async fn hear(events: &mut Reporter, step: Step<'_>) -> Result<(), ClientGone> {
    let message = match step {
        Step::Delta(text) => {
            let text = text.to_owned();
            return events.emit(Event::CodeDelta { text }).await;
        }
        Step::Waiting => return events.keep_alive().await,
        Step::Anew => "the model began its answer again".to_owned(),
        Step::Retrying { reason, pause } => {
            format!("{reason}; asking again in {:.1} s", pause.as_secs_f64())
        }
        Step::Continuing(reason) => format!("{reason}; asking the model to go on"),
    };
    let step = "code";
    events.emit(Event::Progress { step, message }).await
}
