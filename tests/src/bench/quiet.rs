//! Waiting until services have nothing left to do, so that the next turn is not disturbed by the last.

use std::time::{Duration, Instant};

use super::usage::processor_seconds;

/// How long is looked at once.
const WINDOW: Duration = Duration::from_millis(200);
/// One tick of the kernel's clock is noise.
const NOISE_SECONDS: f64 = 0.015;
/// What is busy for longer is busy by nature: then the next turn begins all the same.
const LONGEST: Duration = Duration::from_secs(20);

/// Waits until these and all below them have used no processor for a moment; says whether they came to rest.
pub(super) async fn until_quiet(roots: &[i32]) -> bool {
    let deadline = Instant::now() + LONGEST;
    let mut before = processor_seconds(roots);
    while Instant::now() < deadline {
        tokio::time::sleep(WINDOW).await;
        let now = processor_seconds(roots);
        if now - before <= NOISE_SECONDS {
            return true;
        }
        before = now;
    }
    false
}
