//! Asking about data: as much of its profile as the model can read.

use model::event::ClientGone;
use model::ports::Outside;

use crate::prompts::{PROFILE_BYTES, SMALL_PROFILE_BYTES};
use crate::{Chat, Client, Completion, LlmError, Step};

impl<O: Outside> Client<'_, O> {
    /// As [`complete`](Self::complete), of a chat that holds at most so many bytes of a profile:
    /// where they are too many for the model's context, it is asked once more with fewer.
    pub async fn complete_within_context(
        &self,
        has_profile: bool,
        chat: impl Fn(usize) -> Chat,
        mut tell: impl AsyncFnMut(Step<'_>) -> Result<(), ClientGone>,
    ) -> Result<Completion, LlmError> {
        let mut has_begun = false;
        let hear = async |step: Step<'_>| {
            has_begun |= matches!(step, Step::Delta(_));
            tell(step).await
        };
        match self.complete(&chat(PROFILE_BYTES), hear).await {
            Err(LlmError::ContextTooLong { .. }) if has_profile => {}
            answered => return answered,
        }
        if has_begun {
            tell(Step::Anew)
                .await
                .map_err(|ClientGone| LlmError::CallerGone)?;
        }
        self.complete(&chat(SMALL_PROFILE_BYTES), tell).await
    }
}
