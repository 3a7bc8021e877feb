//! The page at `/`.

use std::path::Path;

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
        self.browser
            .find(&format!("[data-testid=health][data-state={state}]"))
            .await;
    }

    /// Runs a program that is typed in.
    pub async fn run(&self, code: &str) {
        self.click("tab-run").await;
        self.fill("run-code", code).await;
        self.click("run").await;
    }

    /// Clicks the button that began the work, which now stops it.
    pub async fn stop(&self) {
        self.click("run").await;
    }

    /// Looks at what the live app wrote, and waits for a text.
    pub async fn has_logs(&self, text: &str) {
        self.click("show-logs").await;
        self.has_text("logs", text).await;
    }

    /// Starts the live app again.
    pub async fn restart_app(&self) {
        self.click("restart-app").await;
    }

    /// Waits until the notices show a text.
    pub async fn has_notice(&self, text: &str) {
        self.has_text("notices", text).await;
    }

    /// Attaches a file and says what to build of it.
    pub async fn build(&self, file: &Path, prompt: &str) {
        self.click("tab-build").await;
        let input = self.browser.find("[data-testid=file]").await;
        let file = file.to_str().expect("the path is UTF-8");
        input.send_keys(file).await.expect("the input takes a file");
        self.fill("prompt", prompt).await;
        self.click("build").await;
    }

    /// Says what to build, without data.
    pub async fn ask(&self, prompt: &str) {
        self.click("tab-build").await;
        self.fill("prompt", prompt).await;
        self.click("build").await;
    }

    /// Clicks the button that began to build, which now stops it.
    pub async fn stop_building(&self) {
        self.click("build").await;
    }

    /// Waits until the program that is shown, or is being written, has a text in it.
    pub async fn has_code(&self, text: &str) {
        self.has_text("code", text).await;
    }

    /// Whether the panel of the result is to be seen.
    pub async fn shows_a_result(&self) -> bool {
        let script = "return !document.getElementById('result').hidden";
        self.browser.run_with(script, vec![]).await == serde_json::Value::Bool(true)
    }

    /// Waits until the work is over, well or not.
    pub async fn has_status(&self, state: &str) {
        self.browser
            .find(&format!("[data-testid=status][data-state={state}]"))
            .await;
    }

    /// Waits until the output shows a text.
    pub async fn has_output(&self, text: &str) {
        self.has_text("output", text).await;
    }

    /// Waits until the card of a failure shows a text.
    pub async fn has_error(&self, text: &str) {
        self.has_text("error", text).await;
    }

    /// Waits for the histogram of a column that says this to who does not see it.
    pub async fn has_histogram(&self, said: &str) {
        self.browser
            .find(&format!(
                "[data-testid=dataset] .histogram[aria-label='{said}'] path"
            ))
            .await;
    }

    /// Waits for the picture that the program drew.
    pub async fn has_picture(&self) {
        self.browser
            .find("[data-testid=output] [data-testid=result] img")
            .await;
    }

    /// Goes into the frame of the live app.
    pub async fn enter_preview(&self) {
        self.browser
            .enter("[data-testid=preview]:not([hidden])")
            .await;
    }

    /// Waits for an entry in the list of sessions.
    pub async fn lists_a_session(&self) {
        self.browser
            .find("[data-testid=sessions] [data-testid=session]")
            .await;
    }

    async fn has_text(&self, name: &str, text: &str) {
        let what = format!("`{name}` shows `{text}`");
        let script = "return document.querySelector(arguments[0])?.innerText ?? ''";
        let css = serde_json::json!(format!("[data-testid={name}]"));
        self.browser
            .until(&what, async || {
                let shown = self.browser.run_with(script, vec![css.clone()]).await;
                shown.as_str()?.contains(text).then_some(())
            })
            .await;
    }

    async fn click(&self, name: &str) {
        let path = format!("//*[@data-testid='{name}']");
        self.browser.click(&path).await;
    }

    async fn fill(&self, name: &str, text: &str) {
        let field = self.browser.find(&format!("[data-testid={name}]")).await;
        field.clear().await.expect("fields can be cleared");
        field.send_keys(text).await.expect("fields take keys");
    }
}
