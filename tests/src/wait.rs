//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// Far beyond what anything here takes, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Looks until `condition` gives something; panics, naming `what`, when that takes too long.
pub async fn until<T>(what: &str, condition: impl AsyncFnMut() -> Option<T>) -> T {
    let seconds = PATIENCE.as_secs();
    let found = in_time(condition).await;
    found.unwrap_or_else(|| panic!("waited {seconds} s in vain until {what}"))
}

/// Looks until `condition` gives something; `None` when that takes too long.
pub(crate) async fn in_time<T>(mut condition: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = condition().await;
        if found.is_some() || Instant::now() > deadline {
            return found;
        }
        tokio::time::sleep(LOOK).await;
    }
}
