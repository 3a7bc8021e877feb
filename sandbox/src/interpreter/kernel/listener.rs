//! What a kernel broadcasts, and who waits for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jupyter_zmq_client::{Connection, RawMessage, RuntimeError};
use tokio::sync::mpsc;
use zeromq::{SocketRecv, SubSocket, ZmqMessage};

use super::super::ending::Watch;
use super::super::message::Message;
use super::super::output::Output;

/// Messages that wait for a slow caller; more wait in the kernel, which then stands still.
const QUEUE: usize = 16;

/// Passes the kernel's broadcasts to the execution that waits for them.
#[derive(Default)]
pub(super) struct Listener {
    current: Mutex<Option<Subscription>>,
}

struct Subscription {
    request: String,
    messages: mpsc::Sender<Message>,
}

/// What the kernel says of one request.
pub(super) struct Messages(mpsc::Receiver<Message>);

impl Messages {
    /// True when the kernel is done with the request, false when no more messages come.
    pub(super) async fn pass_on(
        &mut self,
        failed: &mut bool,
        watch: &Watch<'_>,
        outputs: &mpsc::Sender<Output>,
    ) -> bool {
        while let Some(message) = self.0.recv().await {
            if message.is_end() {
                return true;
            }
            let Some(output) = message.into_output() else {
                continue;
            };
            let error = matches!(output, Output::Error { .. });
            if !(error && *failed) {
                *failed |= error;
                let _ = outputs.send(watch.named(output)).await;
            }
        }
        false
    }
}

impl Listener {
    /// What the kernel says of this request from now on; nobody hears of another any more.
    pub(super) fn begin(&self, request: String) -> Messages {
        let (sender, receiver) = mpsc::channel(QUEUE);
        *self.current() = Some(Subscription {
            request,
            messages: sender,
        });
        Messages(receiver)
    }

    /// A message, and the execution that waits for it.
    fn take(
        &self,
        message: ZmqMessage,
        key: &Connection<SubSocket>,
    ) -> Result<Option<(mpsc::Sender<Message>, Message)>, RuntimeError> {
        let parts = RawMessage::from_multipart(message, &key.mac)?.jparts;
        let Some(message) = Message::read(&parts) else {
            return Ok(None);
        };
        let current = self.current();
        Ok(current
            .as_ref()
            .filter(|current| current.request == message.parent)
            .map(|current| (current.messages.clone(), message)))
    }

    fn current(&self) -> MutexGuard<'_, Option<Subscription>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads on while nobody executes, too: unread broadcasts would fill the kernel's memory.
pub(super) async fn listen(mut iopub: Connection<SubSocket>, listener: Arc<Listener>) {
    loop {
        match iopub.socket.recv().await {
            Ok(message) => match listener.take(message, &iopub) {
                // While its caller does not read, the kernel is not read either: it waits, and
                // nothing grows. One that is over, with a thread still writing, takes nothing.
                Ok(Some((execution, message))) => drop(execution.send(message).await),
                Ok(None) => {}
                Err(error) => tracing::debug!("a kernel sent what is no message: {error}"),
            },
            Err(error) => {
                tracing::debug!("a kernel's broadcasts ended: {error}");
                break;
            }
        }
    }
    *listener.current() = None;
}
