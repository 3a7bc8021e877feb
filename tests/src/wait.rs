//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// Far beyond what anything here takes, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Looks until `condition` gives something; panics, naming `what`, when that takes too long.
pub async fn until<T>(what: &str, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition().await {
            return value;
        }
        assert!(
            Instant::now() < deadline,
            "waited {} s in vain until {what}",
            PATIENCE.as_secs()
        );
        tokio::time::sleep(LOOK).await;
    }
}
