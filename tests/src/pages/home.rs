//! The page at `/`.

use crate::{Browser, Conductor};

/// The home page.
pub struct HomePage<'a> {
    browser: &'a Browser,
}

impl<'a> HomePage<'a> {
    /// Opens it and waits until it is drawn.
    pub async fn open(browser: &'a Browser, conductor: &Conductor) -> Self {
        browser.open(&conductor.url("/")).await;
        browser.find("main").await;
        Self { browser }
    }

    /// Waits until it says that all is up, or that something is down.
    pub async fn has_health(&self, state: &str) {
        let css = format!("[data-testid=health][data-state={state}]");
        self.browser.find(&css).await;
    }
}
