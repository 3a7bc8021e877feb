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

    /// What it says is up.
    pub async fn health(&self) -> String {
        let health = self.browser.find("[data-testid=health]").await;
        health.text().await.expect("elements have a text")
    }
}
