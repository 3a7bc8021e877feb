//! `POST /specification/`: a sentence, and a dataset if there is one, become a detailed specification.

use std::collections::BTreeMap;

use edge::{Call, Edge, HttpError, Reply, Reporter};
use llm::prompts::AppPrompt;
use llm::specification::{self, Specification, Topic};
use llm::{Client, LlmConfig, Step, Usage};
use model::dataset::{self, Dataset};
use model::event::{Event, EventSink as _};
use model::{DatasetId, Framework};
use profile::Profile;
use serde::{Deserialize, Serialize};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

#[derive(Deserialize)]
struct SpecificationRequest {
    prompt: String,
    dataset_id: Option<DatasetId>,
    framework: Option<Framework>,
}

/// Source 1's field, and more.
#[derive(Serialize)]
struct SpecificationReply {
    /// The specification, whole.
    prompt: String,
    sections: BTreeMap<Topic, String>,
    /// What the model left out.
    missing: Vec<Topic>,
    framework: Framework,
    provider: &'static str,
    assumptions: Vec<String>,
    usage: Option<Usage>,
}

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    edge::serve(request, out, route).await;
}

async fn route(call: &mut Call, edge: &Edge, events: &mut Reporter) -> Result<Reply, HttpError> {
    call.require_post_to("specification")?;
    let request: SpecificationRequest = call.json().await?;
    edge::prompt::check(&request.prompt)?;
    let dataset: Option<Dataset<Profile>> = match request.dataset_id {
        Some(id) => Some(dataset::load(edge, id).await?),
        None => None,
    };
    let data = dataset
        .as_ref()
        .map(|dataset| (&dataset.profile, dataset.file_name.as_str()));
    let plan = planner::plan(&request.prompt, request.framework, data);
    let framework = plan.framework;
    let Some(config) = LlmConfig::read(edge::variable) else {
        if plan.is_a_guess() {
            return Err(HttpError::no_model());
        }
        let text = planner::describe(&plan);
        let written = specification::read(&text);
        let _ = events.emit(Event::TextDelta { text }).await;
        return Ok(reply(written, framework, "planner", plan.assumptions, None));
    };
    let client = Client {
        outside: edge,
        config: &config,
    };
    let wanted = AppPrompt {
        prompt: &request.prompt,
        framework,
        dataset: data,
    };
    let tell = async |heard: Step<'_>| llm::pass_on(events, "specification", heard).await;
    let written = specification::write(&client, &wanted, tell).await?;
    let (specification, usage) = (written.specification, written.usage);
    Ok(reply(specification, framework, "openai", Vec::new(), usage))
}

fn reply(
    specification: Specification,
    framework: Framework,
    provider: &'static str,
    assumptions: Vec<String>,
    usage: Option<Usage>,
) -> Reply {
    Reply::json(&SpecificationReply {
        missing: specification.missing(),
        prompt: specification.text,
        sections: specification.sections,
        framework,
        provider,
        assumptions,
        usage,
    })
}
