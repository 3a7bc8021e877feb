//! An app built with Gradio.

use fantoccini::elements::Element;
use fantoccini::key::Key;

use crate::Browser;

/// The page of a Gradio app.
pub struct GradioApp<'a> {
    browser: &'a Browser,
}

impl<'a> GradioApp<'a> {
    /// Opens it and waits until it is drawn.
    pub async fn open(browser: &'a Browser, url: &str) -> Self {
        browser.open(url).await;
        browser.find(".gradio-container .block").await;
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
        let path = format!("{}//input[@type='range']", block(label));
        let slider = self.browser.find_by_path(&path).await;
        for _ in 0..steps {
            press(&slider, Key::Right).await;
        }
    }

    /// Waits until the field with this label has this value.
    pub async fn has_value(&self, label: &str, value: &str) {
        let field = self.field(label).await;
        let what = format!("`{label}` is {value}");
        self.browser
            .until(&what, async || {
                let shown = field.prop("value").await.ok().flatten()?;
                (shown == value).then_some(())
            })
            .await;
    }

    /// Waits until so many charts are drawn.
    pub async fn draws_charts(&self, count: usize) {
        let what = format!("{count} charts are drawn");
        self.browser.until(&what, async || {
            let script =
                "return document.querySelectorAll('.vega-embed canvas, .vega-embed svg').length";
            (self.browser.run(script).await.as_u64()? >= count as u64).then_some(())
        })
        .await;
    }

    /// Types a text into the field with this label.
    pub async fn fill(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.clear().await.expect("fields can be cleared");
        field.send_keys(text).await.expect("fields take keys");
    }

    /// Presses the button with this text.
    pub async fn press(&self, text: &str) {
        let path = format!("//button[normalize-space()='{text}']");
        self.browser.click(&path).await;
    }

    /// Chooses from the list with this label.
    pub async fn choose(&self, label: &str, option: &str) {
        let path = format!("{}//input", block(label));
        self.browser.click(&path).await;
        let path = format!("//*[@role='option'][contains(normalize-space(), '{option}')]");
        self.browser.click(&path).await;
    }

    async fn field(&self, label: &str) -> Element {
        let fields = "*[self::textarea or (self::input and (@type='text' or @type='number'))]";
        self.browser
            .find_by_path(&format!("{}//{fields}", block(label)))
            .await
    }
}

/// The innermost block that carries a label.
fn block(label: &str) -> String {
    let has_label = format!(".//*[@data-testid='block-info'][normalize-space()='{label}']");
    format!("(//*[contains(concat(' ', @class, ' '), ' block ')][{has_label}])[last()]")
}

async fn press(element: &Element, key: Key) {
    let key = char::from(key).to_string();
    element.send_keys(&key).await.expect("elements take keys");
}
