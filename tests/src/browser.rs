//! A real Chromium, driven over WebDriver.

use std::process::Command;

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Process;
use crate::wait::in_time;

/// What makes Chromium start fast and stay off the network.
const FLAGS: [&str; 10] = [
    "--headless=new",
    // It runs as root in containers, and opens what the tests themselves serve.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1400",
];

/// A browser with one window. It ends with the test.
pub struct Browser {
    client: Client,
    driver_address: String,
    // In this order they are dropped: the browser writes to its profile.
    _driver: Process,
    _profile: TempDir,
}

impl Browser {
    /// Starts it with an empty profile.
    pub async fn start() -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder");
        // Chromedriver lets its browser live on when it is killed; a process namespace does not.
        let mut command = Command::new("unshare");
        command.args([
            "--map-root-user",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ]);
        command.args(["chromedriver", "--port=0"]);
        let mut driver = Process::start("chromedriver", command, Signal::SIGKILL, profile.path());
        let port = driver.word_after("started successfully on port ").await;
        let driver_address = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
        let mut flags: Vec<String> = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
        flags.push(format!(
            "--user-data-dir={}",
            profile.path().join("profile").display()
        ));
        let capabilities = json!({
            "goog:chromeOptions": {"args": flags},
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let Value::Object(capabilities) = capabilities else {
            unreachable!("the literal above is an object");
        };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&driver_address)
            .await
            .expect("chromium starts: is it installed, of chromedriver's version?");
        Self {
            client,
            driver_address,
            _driver: driver,
            _profile: profile,
        }
    }

    /// Opens an address.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.expect("the page is loaded");
    }

    /// The page's title.
    pub async fn title(&self) -> String {
        self.client.title().await.expect("a page has a title")
    }

    /// Waits for the first element that a CSS selector finds.
    pub async fn find(&self, css: &str) -> Element {
        let what = format!("the page has `{css}`");
        self.until(&what, async || {
            self.client.find(Locator::Css(css)).await.ok()
        })
        .await
    }

    /// Waits until an XPath finds something.
    pub async fn find_by_path(&self, path: &str) -> Element {
        let what = format!("the page has `{path}`");
        self.until(&what, async || {
            self.client.find(Locator::XPath(path)).await.ok()
        })
        .await
    }

    /// Clicks what an XPath finds, once it is there and holds still.
    pub async fn click(&self, path: &str) {
        let what = format!("`{path}` can be clicked");
        self.until(&what, async || {
            let element = self.client.find(Locator::XPath(path)).await.ok()?;
            element.click().await.ok()
        })
        .await;
    }

    /// Goes into a frame: from now on all that is found is in there.
    pub async fn enter(&self, css: &str) {
        let frame = self.find(css).await;
        frame.enter_frame().await.expect("it is a frame");
    }

    /// All visible text of the page.
    pub async fn text(&self) -> String {
        let text = self
            .run("return document.body ? document.body.innerText : ''")
            .await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the page shows a text.
    pub async fn shows(&self, text: &str) {
        let what = format!("the page shows `{text}`");
        self.until(&what, async || {
            self.text().await.contains(text).then_some(())
        })
        .await;
    }

    /// Waits until `condition` gives something; else shows what the page looks like.
    pub async fn until<T>(&self, what: &str, condition: impl AsyncFnMut() -> Option<T>) -> T {
        if let Some(found) = in_time(condition).await {
            return found;
        }
        let picture = std::env::temp_dir().join(format!("e2e-{}.png", std::process::id()));
        std::fs::write(&picture, self.screenshot().await).expect("a picture can be written");
        let (picture, text) = (picture.display(), self.text().await);
        panic!("waited in vain until {what}; the page is in {picture} and says:\n{text}");
    }

    /// Runs a script in the page; gives what it returns.
    pub async fn run(&self, script: &str) -> Value {
        self.run_with(script, Vec::new()).await
    }

    /// Runs a script with arguments.
    pub async fn run_with(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client
            .execute(script, arguments)
            .await
            .unwrap_or_else(|error| panic!("{script} fails: {error}"))
    }

    /// What the page complained about on its console since the last call.
    pub async fn console_errors(&self) -> Vec<String> {
        let session = self.client.session_id().await.expect("a session");
        let session = session.expect("it is open");
        let url = format!("{}/session/{session}/se/log", self.driver_address);
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let reply = client
            .post(url)
            .json(&json!({"type": "browser"}))
            .send()
            .await;
        let log: Value = reply
            .expect("chromedriver answers")
            .json()
            .await
            .expect("JSON");
        let entries = log["value"].as_array().expect("a list of entries");
        let severe = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        severe.map(|entry| entry["message"].to_string()).collect()
    }

    /// Makes the window another size.
    pub async fn resize(&self, width: u32, height: u32) {
        self.client
            .set_window_size(width, height)
            .await
            .expect("windows have a size");
    }

    /// Lets pages believe that the person likes dark (or light) ones.
    pub async fn prefer_colours(&self, scheme: &str) {
        let session = self.client.session_id().await.expect("a session");
        let session = session.expect("it is open");
        let url = format!("{}/session/{session}/goog/cdp/execute", self.driver_address);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        let command =
            json!({"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}});
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let reply = client
            .post(url)
            .json(&command)
            .send()
            .await
            .expect("chromedriver answers");
        assert!(reply.status().is_success(), "{}", reply.status());
    }

    /// The window as a PNG.
    pub async fn screenshot(&self) -> Vec<u8> {
        self.client
            .screenshot()
            .await
            .expect("a window can be drawn")
    }
}
