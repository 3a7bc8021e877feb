//! The clock, randomness and variables of the host.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use model::Timestamp;
use model::ports::{Random, Timer};
use wasi::clocks::{monotonic_clock, wall_clock};

/// The value of a component variable; empty if the manifest does not give it to this component.
pub fn variable(name: &str) -> String {
    spin_sdk::variables::get(name).unwrap_or_default()
}

/// The host's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpinTimer;

impl Timer for SpinTimer {
    fn now(&self) -> Timestamp {
        let now = wall_clock::now();
        Timestamp::from_unix_millis(now.seconds * 1_000 + u64::from(now.nanoseconds / 1_000_000))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    async fn sleep(&self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let deadline = monotonic_clock::now().saturating_add(nanoseconds);
        let mut registered = None;
        poll_fn(move |context| {
            if monotonic_clock::now() >= deadline {
                return Poll::Ready(());
            }
            // A new registration replaces (and so cancels) the one of the poll before.
            let alarm = monotonic_clock::subscribe_instant(deadline);
            let token = spin_executor::push_waker_and_get_token(alarm, context.waker().clone());
            registered.replace(spin_executor::CancelOnDropToken::from(token));
            Poll::Pending
        })
        .await;
    }
}

/// The host's random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpinRandom;

impl Random for SpinRandom {
    fn bytes(&self) -> [u8; 16] {
        let bytes = wasi::random::random::get_random_bytes(16);
        bytes
            .try_into()
            .expect("the host gives as many bytes as it is asked for")
    }
}
