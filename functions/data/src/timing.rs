//! Where the time of an upload went, for the person who waits and for the bench.

use std::time::Duration;

use http::HeaderName;

/// `Server-Timing` (W3C): browsers show it beside the request.
pub const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// Without the time that the file needed to arrive.
#[derive(Debug, Default)]
pub struct Timing {
    /// Reading the file and gathering its facts.
    pub profile: Duration,
    /// Packing and storing its parts.
    pub store: Duration,
}

impl Timing {
    /// The header's value; durations are in milliseconds.
    pub fn header(&self) -> String {
        let milliseconds = |duration: Duration| {
            format!(
                "{}.{:03}",
                duration.as_millis(),
                duration.as_micros() % 1000
            )
        };
        format!(
            "profile;dur={}, store;dur={}",
            milliseconds(self.profile),
            milliseconds(self.store)
        )
    }
}
