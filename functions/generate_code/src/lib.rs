//! `POST /generate-code/`: a sentence becomes code with explanations, streamed as it is written.

use edge::{Call, Edge, HttpError, Reply, Reporter};
use llm::extract::{self, CodeBlock};
use llm::{Chat, Client, LlmConfig, Step, Usage, prompts};
use model::event::{Event, EventSink as _};
use serde::{Deserialize, Serialize};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

#[derive(Deserialize)]
struct CodeRequest {
    prompt: String,
}

#[derive(Serialize)]
struct CodeReply {
    /// Code and explanations, as Markdown: what a stream of text is.
    text: String,
    /// The program among the blocks.
    code: Option<String>,
    blocks: Vec<CodeBlock>,
    provider: &'static str,
    assumptions: Vec<String>,
    usage: Option<Usage>,
}

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    edge::serve(request, out, route).await;
}

async fn route(call: &mut Call, edge: &Edge, events: &mut Reporter) -> Result<Reply, HttpError> {
    call.require_post_to("generate-code")?;
    let request: CodeRequest = call.json().await?;
    edge::prompt::check(&request.prompt)?;
    // Source 4's clients ask for nothing in particular and read text.
    if !call.accepts("application/json") {
        events.prefer_text();
    }
    let Some(config) = LlmConfig::read(edge::variable) else {
        let plan = planner::plan(&request.prompt, None, None);
        if plan.is_a_guess() {
            return Err(HttpError::no_model());
        }
        let text = planner::explain(&plan);
        let _ = events.emit(Event::CodeDelta { text: text.clone() }).await;
        return Ok(reply(text, "planner", plan.assumptions, None));
    };
    let client = Client {
        outside: edge,
        config: &config,
    };
    let chat = Chat::of(prompts::explained_code(&request.prompt));
    let tell = async |heard: Step<'_>| llm::pass_on(events, "code", heard).await;
    let answer = client.complete(&chat, tell).await?;
    Ok(reply(answer.text, "openai", Vec::new(), answer.usage))
}

fn reply(
    text: String,
    provider: &'static str,
    assumptions: Vec<String>,
    usage: Option<Usage>,
) -> Reply {
    let blocks = extract::code_blocks(&text);
    let longest = blocks.iter().max_by_key(|block| block.code.len());
    let longest = longest.map(|block| block.code.clone());
    Reply::json(&CodeReply {
        code: extract::program(&text).ok().or(longest),
        text,
        blocks,
        provider,
        assumptions,
        usage,
    })
}
