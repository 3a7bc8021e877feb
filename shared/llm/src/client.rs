//! One chat completion: asked, read as it comes, tried again, continued.

use std::pin::{Pin, pin};
use std::time::Duration;

use http::header::LOCATION;
use model::event::ClientGone;
use model::ports::{Body as _, Http as _, Outside, Random as _, SendError, Timer as _};

use crate::answer::{AnswerReader, Finish, Piece};
use crate::extract::is_inside_a_block;
use crate::refusal::{Refusal, said};
use crate::request::Fields;
use crate::stitch::{Joined, Stitch};
use crate::{Chat, Completion, LlmConfig, LlmError, Step, Usage, retry};

/// More text than any program that is worth running.
const TEXT_LIMIT: usize = 1024 * 1024;
/// How much of an error's body is read.
const REFUSAL_LIMIT: usize = 64 * 1024;
/// How often an answer that was cut off is continued.
const CONTINUATIONS: u32 = 5;
/// How often a caller is told that the wait goes on: so soon it is noticed that it went away.
const TELL: Duration = Duration::from_secs(2);
/// How long a stream may go on after its last word: for the usage, which some servers never send.
const FAREWELL: Duration = Duration::from_secs(3);

/// Asks one language model.
#[derive(Debug)]
pub struct Client<'a, O> {
    /// The way to the network, the clock and the jitter.
    pub outside: &'a O,
    /// Which model, and how long.
    pub config: &'a LlmConfig,
}

impl<O: Outside> Client<'_, O> {
    /// Asks and gives the whole answer; `tell` hears of it as it comes.
    ///
    /// Passing failures are tried again, an answer that is cut off is continued, and the text that
    /// was told is always the beginning of the answer (see [`Step::Anew`]). Dropping the future, or
    /// an error from `tell`, closes the connection: the model stops working.
    pub async fn complete(
        &self,
        chat: &Chat,
        mut tell: impl AsyncFnMut(Step<'_>) -> Result<(), ClientGone>,
    ) -> Result<Completion, LlmError> {
        self.complete_for(chat, &mut tell).await
    }

    async fn complete_for(
        &self,
        chat: &Chat,
        tell: &mut dyn Listener,
    ) -> Result<Completion, LlmError> {
        let timer = self.outside.timer();
        let limit = self.config.total_timeout();
        let conversation = Conversation {
            outside: self.outside,
            config: self.config,
            chat,
            tell,
            fields: Fields::default(),
            text: String::new(),
            usage: Usage::default(),
            requests: 0,
            deadline: timer.elapsed() + limit,
            told: timer.elapsed(),
        };
        let answer = timer.within(limit, conversation.run()).await;
        answer.unwrap_or(Err(LlmError::TimedOut {
            seconds: limit.as_secs(),
        }))
    }
}

/// Who hears of an answer as it comes. Not a parameter of all that follows: that would be compiled anew
/// for each caller, 25 KB each time.
trait Listener {
    fn hear<'a>(
        &'a mut self,
        step: Step<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<(), ClientGone>> + 'a>>;
}

impl<F: AsyncFnMut(Step<'_>) -> Result<(), ClientGone>> Listener for F {
    fn hear<'a>(
        &'a mut self,
        step: Step<'a>,
    ) -> Pin<Box<dyn Future<Output = Result<(), ClientGone>> + 'a>> {
        Box::pin(self(step))
    }
}

/// The way to one answer.
struct Conversation<'a, O> {
    outside: &'a O,
    config: &'a LlmConfig,
    chat: &'a Chat,
    tell: &'a mut dyn Listener,
    fields: Fields,
    /// The answer so far.
    text: String,
    usage: Usage,
    requests: u32,
    /// When, on the clock that never goes back, the time is over.
    deadline: Duration,
    /// When the caller last heard of us.
    told: Duration,
}

/// How one request ended that was answered.
enum Ended {
    /// The model says that this is all.
    Whole,
    /// It may go on: its length limit, or the way to it, cut the answer off.
    Cut(LlmError),
}

/// Why one request failed.
enum Failure {
    /// Another attempt is of no use.
    Final(LlmError),
    /// Another attempt may succeed, after the pause that the server wants.
    Passing(LlmError, Option<Duration>),
    /// The server dislikes a field that was left out now.
    Adapted,
}

impl From<LlmError> for Failure {
    fn from(error: LlmError) -> Self {
        Self::Final(error)
    }
}

impl<O: Outside> Conversation<'_, O> {
    async fn run(mut self) -> Result<Completion, LlmError> {
        let (mut failures, mut continuations, mut asked_for_its_end) = (0, 0, false);
        loop {
            let length = self.text.len();
            let (error, pause) = match self.ask(failures + 1).await {
                Err(Failure::Adapted) => continue,
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(error, pause)) => (error, pause),
                // An open block may be a program that some limit cut without a word.
                Ok(Ended::Whole) if !asked_for_its_end && is_inside_a_block(&self.text) => {
                    asked_for_its_end = true;
                    self.step(Step::Continuing(&LlmError::CutOff)).await?;
                    continue;
                }
                Ok(Ended::Whole) => return Ok(self.completion()),
                Ok(Ended::Cut(error)) => (error, None),
            };
            if self.text.len() > length {
                failures = 0;
                continuations += 1;
                if continuations > CONTINUATIONS {
                    return Err(error);
                }
                self.step(Step::Continuing(&error)).await?;
                continue;
            }
            failures += 1;
            if failures > self.config.max_retries {
                return Err(error);
            }
            self.wait(failures, error, pause).await?;
        }
    }

    fn completion(self) -> Completion {
        let is_told = self.usage != Usage::default();
        Completion {
            text: self.text,
            usage: is_told.then_some(self.usage),
            requests: self.requests,
        }
    }

    /// Waits before the next attempt; an error if the time is over before that.
    async fn wait(
        &mut self,
        failures: u32,
        error: LlmError,
        wanted: Option<Duration>,
    ) -> Result<(), LlmError> {
        let seed = self.outside.random().bytes();
        let pause = wanted.unwrap_or_else(|| retry::backoff(failures, seed));
        let timer = self.outside.timer();
        if timer.elapsed() + pause >= self.deadline {
            return Err(error);
        }
        let reason = &error;
        self.step(Step::Retrying { reason, pause }).await?;
        let sleep = timer.sleep(pause);
        // One second more: the pause itself is never too long.
        self.patiently(pause + Duration::from_secs(1), sleep)
            .await?;
        Ok(())
    }

    /// Sends one request and reads its answer into the text.
    async fn ask(&mut self, attempts: u32) -> Result<Ended, Failure> {
        let timer = self.outside.timer();
        let request = self.fields.request(self.config, self.chat, &self.text)?;
        self.requests += 1;
        let patience = self.config.operation_timeout();
        let sent = self
            .patiently(patience, self.outside.http().send(request))
            .await?;
        let Some(response) = sent else {
            return Err(Failure::Final(self.silent()));
        };
        let response = response.map_err(|error| self.unsent(error))?;
        if !response.status().is_success() {
            return Err(self.refused(response, attempts).await?);
        }
        let mut body = response.into_body();
        let mut reading = Reading::new(self);
        let mut patience_ends = timer.elapsed() + patience;
        let broken = loop {
            let left = patience_ends.saturating_sub(timer.elapsed());
            let Some(chunk) = reading.of.patiently(left, body.chunk()).await? else {
                if reading.finish.is_some() {
                    break None;
                }
                // Nothing was said yet: to ask again would only make a slow model slower.
                if reading.is_silent() {
                    return Err(Failure::Final(reading.of.silent()));
                }
                break Some(reading.of.silent());
            };
            match chunk {
                None => break reading.end().await?,
                Some(Err(error)) => {
                    let reason = said(&error.to_string(), reading.of.config);
                    break Some(LlmError::BrokenOff { reason });
                }
                Some(Ok(bytes)) => {
                    let pieces = reading.reader.push(&bytes)?;
                    if !pieces.is_empty() {
                        patience_ends = timer.elapsed() + patience;
                    }
                    if reading.take(pieces).await? {
                        break None;
                    }
                    if reading.finish.is_some() {
                        patience_ends = timer.elapsed() + patience.min(FAREWELL);
                    }
                }
            }
        };
        drop(body);
        reading.conclude(broken, attempts).await
    }

    fn silent(&self) -> LlmError {
        LlmError::Silent {
            seconds: self.config.operation_timeout_seconds,
        }
    }

    fn unsent(&self, error: SendError) -> Failure {
        let url = self.config.shown_url();
        match error {
            SendError::NotAllowed { .. } => Failure::Final(LlmError::NotAllowed { url }),
            SendError::Unreachable { reason, .. } => {
                let reason = said(&reason, self.config);
                Failure::Passing(LlmError::Unreachable { url, reason }, None)
            }
            SendError::Broken { reason, .. } => {
                let reason = said(&reason, self.config);
                Failure::Passing(LlmError::BrokenOff { reason }, None)
            }
        }
    }

    /// What to make of an answer with another status than a good one.
    async fn refused<B: model::ports::Body>(
        &mut self,
        response: http::Response<B>,
        attempts: u32,
    ) -> Result<Failure, LlmError> {
        let (head, mut body) = response.into_parts();
        let status = head.status.as_u16();
        if head.status.is_redirection() {
            let location = head.headers.get(LOCATION).map(|place| place.as_bytes());
            let location = String::from_utf8_lossy(location.unwrap_or(b"nowhere"));
            let location = said(location.split('?').next().unwrap_or_default(), self.config);
            let url = self.config.shown_url();
            return Ok(Failure::Final(LlmError::Moved { url, location }));
        }
        let mut bytes = Vec::new();
        let patience = self.config.operation_timeout();
        // What it said so far is all that is known if it says no more.
        while let Some(Some(Ok(chunk))) = self.patiently(patience, body.chunk()).await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() > REFUSAL_LIMIT {
                bytes.truncate(REFUSAL_LIMIT);
                break;
            }
        }
        let refusal = Refusal::of_body(status, &bytes, self.config);
        let now = self.outside.timer().now();
        let pause = retry::retry_after(&head.headers, now);
        let should_retry = retry::should_retry(&head.headers);
        Ok(self.judged(refusal, attempts, pause, should_retry))
    }

    fn judged(
        &mut self,
        refusal: Refusal,
        attempts: u32,
        pause: Option<Duration>,
        should_retry: Option<bool>,
    ) -> Failure {
        if self.fields.adapt(&refusal, self.chat) {
            return Failure::Adapted;
        }
        let is_passing = should_retry.unwrap_or(refusal.is_passing());
        let model = self.chat.model_of(self.config);
        let mut error = refusal.into_error(attempts, model, self.config);
        if let LlmError::RateLimited { retry_after, .. } = &mut error {
            *retry_after = pause;
        }
        if is_passing {
            Failure::Passing(error, pause)
        } else {
            Failure::Final(error)
        }
    }

    /// What `work` gives, or `None` if it takes longer than `limit`; the caller hears meanwhile that
    /// the wait goes on.
    async fn patiently<T>(
        &mut self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Result<Option<T>, LlmError> {
        let timer = self.outside.timer();
        let deadline = timer.elapsed() + limit;
        let mut work = pin!(work);
        loop {
            let now = timer.elapsed();
            let left = deadline.saturating_sub(now);
            let until_told = (self.told + TELL).saturating_sub(now);
            let pause = left.min(until_told);
            if let Some(done) = timer.within(pause, work.as_mut()).await {
                return Ok(Some(done));
            }
            if left <= until_told {
                return Ok(None);
            }
            self.step(Step::Waiting).await?;
        }
    }

    async fn step(&mut self, step: Step<'_>) -> Result<(), LlmError> {
        self.told = self.outside.timer().elapsed();
        let heard = self.tell.hear(step).await;
        heard.map_err(|ClientGone| LlmError::CallerGone)
    }
}

/// One answer on its way into the text.
struct Reading<'r, 'a, O> {
    of: &'r mut Conversation<'a, O>,
    reader: AnswerReader<'a>,
    stitch: Stitch,
    finish: Option<Finish>,
    usage: Option<Usage>,
    declined: String,
    error: Option<Refusal>,
    is_done: bool,
    is_alive: bool,
}

impl<'r, 'a, O: Outside> Reading<'r, 'a, O> {
    fn new(of: &'r mut Conversation<'a, O>) -> Self {
        Self {
            reader: AnswerReader::new(of.config),
            stitch: Stitch::after(&of.text),
            of,
            finish: None,
            usage: None,
            declined: String::new(),
            error: None,
            is_done: false,
            is_alive: false,
        }
    }

    fn is_silent(&self) -> bool {
        !self.is_alive
    }

    /// Takes pieces in; true if none will follow.
    async fn take(&mut self, pieces: Vec<Piece>) -> Result<bool, LlmError> {
        let mut text = String::new();
        for piece in pieces {
            self.is_alive = true;
            match piece {
                Piece::Text(more) => text.push_str(&more),
                Piece::SignOfLife => {}
                Piece::Refusal(more) => self.declined.push_str(&more),
                Piece::Finish(finish) => self.finish = Some(finish),
                Piece::Usage(usage) => self.usage = Some(usage),
                Piece::Error(error) => self.error = Some(error),
                Piece::Done => self.is_done = true,
            }
        }
        if !text.is_empty() {
            let joined = self.stitch.push(text);
            self.join(joined).await?;
        }
        Ok(self.is_done || self.error.is_some())
    }

    /// The body ended: takes in what was left in it, and says whether it ended too early.
    async fn end(&mut self) -> Result<Option<LlmError>, LlmError> {
        let reader = std::mem::replace(&mut self.reader, AnswerReader::new(self.of.config));
        let pieces = reader.finish()?;
        self.take(pieces).await?;
        let is_whole = self.is_done || self.finish.is_some() || self.error.is_some();
        let reason = "it ends before its end".to_owned();
        Ok((!is_whole).then_some(LlmError::BrokenOff { reason }))
    }

    async fn join(&mut self, joined: Option<Joined>) -> Result<(), LlmError> {
        let text = match joined {
            None => return Ok(()),
            Some(Joined::More(text)) => text,
            Some(Joined::Anew(text)) => {
                self.of.text.clear();
                self.of.step(Step::Anew).await?;
                text
            }
        };
        if self.of.text.len() + text.len() > TEXT_LIMIT {
            return Err(LlmError::TooLong { limit: TEXT_LIMIT });
        }
        self.of.text.push_str(&text);
        self.of.step(Step::Delta(&text)).await
    }

    /// What became of the request, once nothing of its answer will follow.
    async fn conclude(mut self, broken: Option<LlmError>, attempts: u32) -> Result<Ended, Failure> {
        let stitch = std::mem::replace(&mut self.stitch, Stitch::after(""));
        self.join(stitch.finish()).await?;
        if let Some(usage) = self.usage {
            self.of.usage.prompt_tokens += usage.prompt_tokens;
            self.of.usage.completion_tokens += usage.completion_tokens;
        }
        if let Some(error) = self.error {
            return Err(self.of.judged(error, attempts, None, None));
        }
        if let Some(error) = broken {
            return Ok(Ended::Cut(error));
        }
        let declined = |message: &str| LlmError::Declined {
            message: said(message, self.of.config),
        };
        if !self.declined.is_empty() {
            return Err(Failure::Final(declined(&self.declined)));
        }
        match self.finish {
            Some(Finish::Filter) => Err(Failure::Final(declined("its content filter stopped it"))),
            Some(Finish::Length) if self.of.text.is_empty() => {
                // All its tokens went into thoughts.
                Err(Failure::Final(LlmError::CutOff))
            }
            Some(Finish::Length) => Ok(Ended::Cut(LlmError::CutOff)),
            Some(Finish::Error) => {
                let reason = "the model failed underway".to_owned();
                Ok(Ended::Cut(LlmError::BrokenOff { reason }))
            }
            _ if self.of.text.trim().is_empty() => {
                if !std::mem::take(&mut self.of.text).is_empty() {
                    self.of.step(Step::Anew).await?;
                }
                Err(Failure::Passing(LlmError::Empty, None))
            }
            _ => Ok(Ended::Whole),
        }
    }
}
