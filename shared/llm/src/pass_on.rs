//! What a client of ours hears while a model answers.

use std::time::Duration;

use model::event::{ClientGone, Event, EventSink};

use crate::Step;

/// Passes on what is heard of a model `during` a step of longer work, such as `code`.
///
/// What it writes is a `text_delta` during `specification` and a `code_delta` else; what becomes of
/// the request is `progress`.
pub async fn pass_on(
    events: &mut impl EventSink,
    during: &'static str,
    heard: Step<'_>,
) -> Result<(), ClientGone> {
    let message = match heard {
        Step::Delta(text) => {
            let text = text.to_owned();
            return events
                .emit(match during {
                    "specification" => Event::TextDelta { text },
                    _ => Event::CodeDelta { text },
                })
                .await;
        }
        Step::Waiting => return events.keep_alive().await,
        Step::Anew => "the model began its answer again".to_owned(),
        Step::Retrying { reason, pause } => {
            let rounded = pause + Duration::from_millis(50);
            let (seconds, tenths) = (rounded.as_secs(), rounded.subsec_millis() / 100);
            format!("{reason}; asking again in {seconds}.{tenths} s")
        }
        Step::Continuing(reason) => format!("{reason}; asking the model to go on"),
    };
    let step = during;
    events.emit(Event::Progress { step, message }).await
}
