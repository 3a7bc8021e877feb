//! The end of a kernel that was started before anyone asked for it, and that nobody wants.

use std::sync::Arc;
use std::time::Duration;

use crate::sandbox::Sandbox;

/// From the claim of its sandbox to the end of a kernel that has executed nothing. Whoever wants
/// to run code does so at once, as a rule; a sandbox that is there for an app, perhaps for hours,
/// gives the kernel's memory back. An execution that comes later waits for a new one, about 100 ms.
const UNUSED_FOR: Duration = Duration::from_secs(10);

/// Waits until it is clear that nobody uses the kernel, and ends it.
pub async fn end_unused(sandbox: Arc<Sandbox>) {
    let due = async {
        tokio::time::sleep(UNUSED_FOR).await;
        // In a paused one nothing can end.
        sandbox.running().await;
    };
    tokio::select! {
        () = sandbox.closed().cancelled() => return,
        () = due => {}
    }
    let interpreter = sandbox.interpreter().get();
    if interpreter.is_some_and(|interpreter| interpreter.end_unused_kernel()) {
        tracing::debug!(
            sandbox.id = sandbox.id,
            "nobody has used the kernel of sandbox {}: it is ended",
            sandbox.id
        );
    }
}
