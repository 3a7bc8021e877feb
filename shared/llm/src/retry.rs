//! When to ask again.

use std::time::{Duration, UNIX_EPOCH};

use http::header::{HeaderMap, HeaderName, RETRY_AFTER};
use model::{Timestamp, json};

/// OpenAI's finer `Retry-After`.
static RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
/// OpenAI's own word on whether another attempt makes sense.
static SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The longest first pause; it doubles with each failure.
const FIRST: Duration = Duration::from_millis(500);
/// The longest pause that we choose ourselves.
const LONGEST: Duration = Duration::from_secs(16);

/// A pause before the next attempt, after so many failures in a row: exponential backoff with full
/// jitter, so that many who failed together do not come back together.
pub(crate) fn backoff(failures: u32, seed: [u8; 16]) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let ceiling = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let mut low = [0; 4];
    low.copy_from_slice(&seed[12..]);
    ceiling.mul_f64(f64::from(u32::from_be_bytes(low)) / f64::from(u32::MAX))
}

/// How long the server wants to be left alone: `Retry-After` in seconds or as a date (RFC 9110
/// §10.2.3), or OpenAI's finer `retry-after-ms`.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    // As JSON, for which there is a reader anyway: the one of `f64` and its tables are 16 KB of a component.
    let number = |name: &HeaderName| json::read(text(name)?.as_bytes()).ok()?.as_f64();
    if let Some(millis) = number(&RETRY_AFTER_MS) {
        return Duration::try_from_secs_f64(millis / 1_000.0).ok();
    }
    if let Some(seconds) = number(&RETRY_AFTER) {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = httpdate::parse_http_date(text(&RETRY_AFTER)?).ok()?;
    let millis = date.duration_since(UNIX_EPOCH).ok()?.as_millis();
    let date = Timestamp::from_unix_millis(u64::try_from(millis).ok()?);
    Some(date.since(now))
}

/// OpenAI's own word on whether another attempt makes sense.
pub(crate) fn should_retry(headers: &HeaderMap) -> Option<bool> {
    match headers.get(&SHOULD_RETRY)?.as_bytes() {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_grows_to_a_ceiling_and_is_spread_below_it() {
        let longest = |failures| backoff(failures, [0xff; 16]).as_millis();
        let ceilings = [1, 2, 3, 6, 7, 1_000].map(longest);
        assert_eq!(ceilings, [500, 1_000, 2_000, 16_000, 16_000, 16_000]);
        assert_eq!(backoff(3, [0; 16]), Duration::ZERO);
        let mut half = [0; 16];
        half[12] = 0x80;
        assert_eq!(backoff(1, half).as_millis(), 250);
    }

    #[test]
    fn retry_after_comes_in_seconds_and_as_a_date() {
        // 2026-11-21T16:00:00Z
        let now = Timestamp::from_unix_millis(1_795_276_800_000);
        let check = |name: &'static str, value: &'static str, millis: Option<u128>| {
            let headers = HeaderMap::from_iter([(
                http::HeaderName::from_static(name),
                http::HeaderValue::from_static(value),
            )]);
            let found = retry_after(&headers, now).map(|pause| pause.as_millis());
            assert_eq!(found, millis, "{name}: {value}");
        };
        check("retry-after", "7", Some(7_000));
        check("retry-after", " 0.25 ", Some(250));
        check("retry-after", "0", Some(0));
        check("retry-after-ms", "1500", Some(1_500));
        check("retry-after", "Sat, 21 Nov 2026 16:01:30 GMT", Some(90_000));
        check(
            "retry-after",
            "Saturday, 21-Nov-26 16:00:30 GMT",
            Some(30_000),
        );
        check("retry-after", "Sat Nov 21 16:00:02 2026", Some(2_000));
        check("retry-after", "Sat, 21 Nov 2026 15:00:00 GMT", Some(0));
        for nonsense in ["", "soon", "-3", "nan", "inf", "1e300", "Sat, 99 Nov 2026"] {
            check("retry-after", nonsense, None);
        }
    }
}
