//! What may be asked for in words.

use crate::HttpError;

/// The most bytes that a request may hold of what a person says.
pub const LIMIT: usize = 32 * 1024;

/// Requires something to do, and not too much to read.
pub fn check(prompt: &str) -> Result<(), HttpError> {
    if prompt.trim().is_empty() {
        let message = "`prompt` is empty: say in a sentence what to build";
        return Err(HttpError::unusable(message));
    }
    if prompt.len() > LIMIT {
        let message = format!(
            "`prompt` has {} bytes: the most is {LIMIT}; say it in fewer words",
            prompt.len()
        );
        return Err(HttpError::new(413, "too_large", message));
    }
    Ok(())
}
