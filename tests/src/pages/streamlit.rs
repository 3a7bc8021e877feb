//! An app built with Streamlit.

use fantoccini::key::Key;

use crate::Browser;
use crate::wait::until;

/// The page of a Streamlit app.
pub struct StreamlitApp<'a> {
    browser: &'a Browser,
}

impl<'a> StreamlitApp<'a> {
    /// Opens it and waits until its script has run.
    pub async fn open(browser: &'a Browser, url: &str) -> Self {
        browser.open(url).await;
        browser.find("[data-testid=stApp][data-test-script-state=notRunning] [data-testid=stElementContainer]").await;
        Self { browser }
    }

    /// Waits for a text.
    pub async fn shows(&self, text: &str) {
        self.browser.shows(text).await;
    }

    /// All visible text.
    pub async fn text(&self) -> String {
        self.browser.text().await
    }

    /// Moves the slider with this label by some steps to the right.
    pub async fn slide(&self, label: &str, steps: usize) {
        let path = format!("{}//*[@role='slider']", widget("stSlider", label));
        let slider = self.browser.find_by_path(&path).await;
        let key = char::from(Key::Right).to_string();
        for _ in 0..steps {
            slider.send_keys(&key).await.expect("sliders take keys");
        }
    }

    /// The value of the metric with this label.
    pub async fn metric(&self, label: &str) -> String {
        let path = format!(
            "{}//*[@data-testid='stMetricValue']",
            widget("stMetric", label)
        );
        let value = self.browser.find_by_path(&path).await;
        value
            .text()
            .await
            .expect("metrics have a text")
            .trim()
            .to_owned()
    }

    /// Waits until a metric is something else; gives what.
    pub async fn metric_other_than(&self, label: &str, before: &str) -> String {
        let what = format!("the metric `{label}` is not {before} any more");
        until(&what, async || {
            let now = self.metric(label).await;
            (now != before).then_some(now)
        })
        .await
    }

    /// Types a text into the field with this label.
    pub async fn fill(&self, label: &str, text: &str) {
        let path = format!(
            "//*[@data-testid='stTextInput' or @data-testid='stNumberInput' or @data-testid='stTextArea'][.//label[normalize-space()='{label}']]//*[self::input or self::textarea]"
        );
        let field = self.browser.find_by_path(&path).await;
        let everything = format!("{}a{}", char::from(Key::Control), char::from(Key::Null));
        field
            .send_keys(&everything)
            .await
            .expect("fields take keys");
        field.send_keys(text).await.expect("fields take keys");
    }

    /// Presses the button with this text.
    pub async fn press(&self, text: &str) {
        let path = format!("//button[normalize-space()='{text}']");
        let button = self.browser.find_by_path(&path).await;
        button.click().await.expect("buttons can be clicked");
    }

    /// Adds the first open choice of the filter with this label.
    pub async fn choose_the_first(&self, label: &str) {
        let path = format!("{}//input", widget("stMultiSelect", label));
        let field = self.browser.find_by_path(&path).await;
        field.click().await.expect("filters can be opened");
        let option = self.browser.find("[role=option]").await;
        option.click().await.expect("choices can be clicked");
    }
}

/// The widget of a kind that carries a label.
fn widget(kind: &str, label: &str) -> String {
    format!("//*[@data-testid='{kind}'][.//*[normalize-space(text())='{label}']]")
}
