//! An app built with Streamlit.

use fantoccini::key::Key;

use crate::Browser;

/// The page of a Streamlit app.
pub struct StreamlitApp<'a> {
    browser: &'a Browser,
}

impl<'a> StreamlitApp<'a> {
    /// Opens it and waits until its script has run.
    pub async fn open(browser: &'a Browser, url: &str) -> Self {
        browser.open(url).await;
        Self::here(browser).await
    }

    /// The app that the browser shows already.
    pub async fn here(browser: &'a Browser) -> Self {
        browser
            .find("[data-testid=stApp][data-test-script-state=notRunning] [data-testid=stElementContainer]")
            .await;
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

    /// Opens the sidebar, which hides where there is little room.
    pub async fn open_the_sidebar(&self) {
        let button = "//*[@data-testid='stExpandSidebarButton']";
        self.browser.click(button).await;
    }

    /// Moves the slider with this label by some steps to the right.
    pub async fn slide(&self, label: &str, steps: usize) {
        let path = format!("{}//input[@type='range']", widget("stSlider", label));
        let slider = self.browser.find_by_path(&path).await;
        let key = char::from(Key::Right).to_string();
        for _ in 0..steps {
            slider.send_keys(&key).await.expect("sliders take keys");
        }
    }

    /// Waits until the metric with this label has this value.
    pub async fn has_metric(&self, label: &str, value: &str) {
        let path = format!(
            "{}//*[@data-testid='stMetricValue']",
            widget("stMetric", label)
        );
        let what = format!("the metric `{label}` is {value}");
        self.browser
            .until(&what, async || {
                // Streamlit may put another element in its place at any time.
                let metric = self.browser.find_by_path(&path).await;
                let shown = metric.text().await.ok()?;
                (shown.trim() == value).then_some(())
            })
            .await;
    }

    /// Waits until so many charts are drawn.
    pub async fn draws_charts(&self, count: usize) {
        let what = format!("{count} charts are drawn");
        self.browser.until(&what, async || {
            let script =
                "return document.querySelectorAll('[data-testid=stVegaLiteChart] > :is(svg, canvas)').length";
            (self.browser.run(script).await.as_u64()? >= count as u64).then_some(())
        })
        .await;
    }

    /// Types a text into the empty field with this label.
    pub async fn fill(&self, label: &str, text: &str) {
        let path = format!("{}//input", widget("stTextInput", label));
        let field = self.browser.find_by_path(&path).await;
        let text = format!("{text}{}", char::from(Key::Enter));
        field.send_keys(&text).await.expect("fields take keys");
    }

    /// Presses the button with this text.
    pub async fn press(&self, text: &str) {
        let path = format!("//button[normalize-space()='{text}']");
        self.browser.click(&path).await;
    }

    /// Chooses from the filter with this label.
    pub async fn choose(&self, label: &str, option: &str) {
        let path = format!("{}//input", widget("stMultiSelect", label));
        self.browser.click(&path).await;
        let path = format!("//*[@role='option'][normalize-space()='{option}']");
        self.browser.click(&path).await;
    }
}

/// The widget of a kind that carries a label.
fn widget(kind: &str, label: &str) -> String {
    format!("//*[@data-testid='{kind}'][.//*[normalize-space(text())='{label}']]")
}
