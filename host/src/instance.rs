//! One fresh instance of a component: it is run, limited, and given time to finish.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::{WasiBody, WasiHttpView as _};

use crate::App;
use crate::body::GuestBody;
use crate::guest::{Component, Guest, Services};
use crate::limits::{CpuLimitReached, CpuMeter, MemoryLimitReached};
use crate::request_body::RequestBody;

type Head = Result<Response<WasiBody>, ErrorCode>;

/// Runs a fresh instance until the head of its response is there; the rest runs on by itself.
pub(crate) async fn run(
    app: &App,
    component: &Arc<Component>,
    request: Request<Incoming>,
    slot: OwnedSemaphorePermit,
) -> Result<Response<WasiBody>, String> {
    let failed = Arc::new(AtomicBool::new(false));
    let (send_head, mut head) = oneshot::channel();
    let instance = Instance {
        component: Arc::clone(component),
        services: Arc::clone(&app.services),
        failed: Arc::clone(&failed),
        _slot: slot,
    };
    let mut running = Running {
        future: Some(Box::pin(instance.run(request, send_head).in_current_span())),
        tracker: &app.running,
    };
    let head = tokio::select! {
        // The instance first: a short one is done in a single poll, its head and body with it.
        biased;
        outcome = &mut running => match (head.try_recv(), outcome) {
            (Ok(head), _) => head,
            (Err(_), Err(message)) => return Err(message),
            (Err(_), Ok(())) => return Err(report(component, "it ended without a response")),
        },
        received = &mut head => match received {
            Ok(head) => head,
            Err(_) => {
                running.await?;
                return Err(report(component, "it ended without a response"));
            }
        },
    };
    match head {
        Ok(response) => Ok(response.map(|body| GuestBody::new(body, failed).boxed_unsync())),
        Err(code) => Err(report(
            component,
            &format!("it answered with the error {code:?}"),
        )),
    }
}

/// Logs a failure that is not the end of the instance, and gives its text back.
fn report(component: &Component, cause: &str) -> String {
    let id = &component.id;
    tracing::error!(component.id = %id, "component `{id}` failed: {cause}");
    cause.into()
}

/// One instance and what it needs to run.
struct Instance {
    component: Arc<Component>,
    services: Arc<Services>,
    failed: Arc<AtomicBool>,
    _slot: OwnedSemaphorePermit,
}

impl Instance {
    /// Runs to the component's end. The error is what a client may know; the log has the cause.
    async fn run(
        self,
        request: Request<Incoming>,
        head: oneshot::Sender<Head>,
    ) -> Result<(), String> {
        let guest = Guest::new(Arc::clone(&self.component), Arc::clone(&self.services));
        let result = match guest {
            Ok(guest) => {
                let mut store = Store::new(self.component.proxy.engine(), guest);
                let result = self.call(&mut store, request, head).await;
                // Before the store drops the body, so that the body's end is seen as what it is.
                self.failed.store(result.is_err(), Ordering::Release);
                result
            }
            Err(error) => Err(error),
        };
        result.map_err(|error| {
            let id = &self.component.id;
            tracing::error!(component.id = %id, "component `{id}` failed: {}", error.root_cause());
            tracing::debug!(component.id = %id, "{error:?}");
            explain(&error)
        })
    }

    async fn call(
        &self,
        store: &mut Store<Guest>,
        request: Request<Incoming>,
        head: oneshot::Sender<Head>,
    ) -> wasmtime::Result<()> {
        let meter = Arc::new(CpuMeter::default());
        store.limiter(|guest| &mut guest.memory);
        meter.watch(store, self.services.cpu_limit);
        let request = store
            .data_mut()
            .http()
            .new_incoming_request(Scheme::Http, request.map(RequestBody::new))?;
        let head = store.data_mut().http().new_response_outparam(head)?;
        meter
            .measure(async {
                let proxy = self.component.proxy.instantiate_async(&mut *store).await?;
                proxy
                    .wasi_http_incoming_handler()
                    .call_handle(&mut *store, request, head)
                    .await
            })
            .await
    }
}

/// Why a component failed, without anything that belongs in the log only.
fn explain(error: &wasmtime::Error) -> String {
    if let Some(limit) = error.downcast_ref::<CpuLimitReached>() {
        return limit.to_string();
    }
    if let Some(limit) = error.downcast_ref::<MemoryLimitReached>() {
        return limit.to_string();
    }
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(trap) => format!("it trapped ({trap}); the host's log has the details"),
        None => "it could not be run; the host's log has the details".into(),
    }
}

/// A running instance that goes on in the background when nobody waits for it any more.
///
/// That is so when the head has been sent and the body streams, and when the client goes away:
/// a component may finish its work.
struct Running<'a, F: Future<Output = Result<(), String>> + Send + 'static> {
    future: Option<Pin<Box<F>>>,
    tracker: &'a TaskTracker,
}

impl<F: Future<Output = Result<(), String>> + Send + 'static> Future for Running<'_, F> {
    type Output = Result<(), String>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = &mut self.future else {
            return Poll::Ready(Ok(()));
        };
        let outcome = std::task::ready!(future.as_mut().poll(cx));
        self.future = None;
        Poll::Ready(outcome)
    }
}

impl<F: Future<Output = Result<(), String>> + Send + 'static> Drop for Running<'_, F> {
    fn drop(&mut self) {
        if let (Some(future), Ok(runtime)) =
            (self.future.take(), tokio::runtime::Handle::try_current())
        {
            self.tracker.spawn_on(future, &runtime);
        }
    }
}
