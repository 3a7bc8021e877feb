//! `POST /run_code/` and `POST /gradio_ui/`: Python becomes output, or a live app.

use edge::{Call, Edge, HttpError, Reply, Reporter};
use execution::app::AppRequest;
use model::run::{RunReply, RunRequest, UnusableRequest};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    edge::serve(request, out, route).await;
}

async fn route(call: &mut Call, edge: &Edge, events: &mut Reporter) -> Result<Reply, HttpError> {
    let always_an_app = match (call.method.as_str(), call.segments().as_slice()) {
        ("POST", ["run_code"]) => false,
        ("POST", ["gradio_ui"]) => true,
        (_, ["run_code" | "gradio_ui"]) => return Err(HttpError::method_not_allowed("POST")),
        _ => {
            return Err(HttpError::no_route());
        }
    };
    let request: RunRequest = call.json().await?;
    request.check()?;
    let reply = run(&request, always_an_app, edge, events).await?;
    if request.session_id.is_none() {
        edge::owner::remember(call, edge, reply.session_id).await;
    }
    Ok(Reply::json(&reply))
}

async fn run(
    request: &RunRequest,
    always_an_app: bool,
    edge: &Edge,
    events: &mut Reporter,
) -> Result<RunReply, HttpError> {
    let config = edge.sandbox_config();
    let executor = edge.executor(&config);
    let Some(framework) = request.app_framework() else {
        if always_an_app {
            return Err(UnusableRequest::NoApp.into());
        }
        return Ok(executor.run(request, events).await?);
    };
    let app = AppRequest {
        code: &request.code,
        framework,
        prompt: "",
        session_id: request.session_id,
        dataset_id: None,
        env: &request.env,
    };
    Ok(executor.start_app(&app, events).await?)
}
