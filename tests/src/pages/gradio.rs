//! An app built with Gradio.

use fantoccini::elements::Element;
use fantoccini::key::Key;

use crate::Browser;
use crate::wait::until;

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

    /// Waits until the number field with this label has this value.
    pub async fn has_number(&self, label: &str, value: &str) {
        let path = format!("{}//input[@type='number']", block(label));
        let field = self.browser.find_by_path(&path).await;
        let what = format!("`{label}` is {value}");
        until(&what, async || {
            let shown = field.prop("value").await.ok().flatten()?;
            (shown == value).then_some(())
        })
        .await;
    }

    /// Types a text into the field with this label.
    pub async fn fill(&self, label: &str, text: &str) {
        let fields = "*[self::textarea or (self::input and (@type='text' or @type='number'))]";
        let path = format!("{}//{fields}", block(label));
        let field = self.browser.find_by_path(&path).await;
        field.clear().await.expect("fields can be cleared");
        field.send_keys(text).await.expect("fields take keys");
    }

    /// Presses the button with this text.
    pub async fn press(&self, text: &str) {
        let path = format!("//button[normalize-space()='{text}']");
        let button = self.browser.find_by_path(&path).await;
        button.click().await.expect("buttons can be clicked");
    }

    /// Takes the first choice out of the dropdown with this label that holds several.
    pub async fn remove_a_choice(&self, label: &str) {
        let path = format!("{}//*[contains(@class, 'token-remove')]", block(label));
        let remove = self.browser.find_by_path(&path).await;
        remove.click().await.expect("choices can be removed");
    }
}

/// The block that carries a label.
fn block(label: &str) -> String {
    format!(
        "(//*[contains(concat(' ', @class, ' '), ' block ')][.//*[normalize-space(text())='{label}']])[last()]"
    )
}

async fn press(element: &Element, key: Key) {
    let key = char::from(key).to_string();
    element.send_keys(&key).await.expect("elements take keys");
}
