//! Keys and tokens, kept out of logs by their type.

use std::fmt;

/// A value that no log and no answer shows: its `Debug` prints `***`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value; spaces around it, as pasting leaves them, are no part of a key.
    pub fn new(value: &str) -> Self {
        Self(value.trim().to_owned())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Somebody else's text without the secret, should it repeat that.
    pub fn hidden_in(&self, text: &str) -> String {
        if self.is_empty() {
            return text.to_owned();
        }
        text.replace(&self.0, "***")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_nowhere_but_where_it_is_asked_for() {
        let secret = Secret::new(" sk-1\n");
        assert_eq!(format!("{secret:?}"), "***");
        assert_eq!(secret.reveal(), "sk-1");
        assert_eq!(secret.hidden_in("bad key sk-1"), "bad key ***");
        assert_eq!(Secret::default().hidden_in("text"), "text");
    }
}
