//! The network and the clock of tests.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use super::{Body, BrokenBody, Http, SendError, Timer};
use crate::Timestamp;

/// A body that gives the chunks it was made of.
#[derive(Debug, Default, Clone)]
pub struct ScriptedBody {
    chunks: VecDeque<Result<Vec<u8>, BrokenBody>>,
    stalls: bool,
}

impl Body for ScriptedBody {
    async fn chunk(&mut self) -> Option<Result<Vec<u8>, BrokenBody>> {
        if self.chunks.is_empty() && self.stalls {
            std::future::pending::<()>().await;
        }
        self.chunks.pop_front()
    }
}

/// A network that answers each request with the next response of its script, and keeps the requests.
#[derive(Debug, Default)]
pub struct ScriptedHttp {
    replies: RefCell<VecDeque<Result<http::Response<ScriptedBody>, SendError>>>,
    /// What was sent so far.
    pub requests: RefCell<Vec<http::Request<Vec<u8>>>>,
}

impl ScriptedHttp {
    /// Adds a response with one chunk to the script.
    pub fn reply(self, status: u16, body: &str) -> Self {
        self.reply_in_chunks(status, &[body])
    }

    /// Adds a response that says this and then nothing more, and does not end.
    pub fn reply_that_stalls(self, status: u16, body: &str) -> Self {
        let http = self.reply(status, body);
        if let Some(Ok(response)) = http.replies.borrow_mut().back_mut() {
            response.body_mut().stalls = true;
        }
        http
    }

    /// Adds a response whose body comes in these chunks.
    pub fn reply_in_chunks(self, status: u16, chunks: &[&str]) -> Self {
        let chunks = chunks
            .iter()
            .map(|chunk| Ok(chunk.as_bytes().to_vec()))
            .collect();
        let response = http::Response::builder()
            .status(status)
            .body(ScriptedBody {
                chunks,
                stalls: false,
            })
            .expect("a status and a body make a response");
        self.replies.borrow_mut().push_back(Ok(response));
        self
    }

    /// Adds a response that breaks off after these chunks.
    pub fn reply_that_breaks(self, status: u16, chunks: &[&str]) -> Self {
        let http = self.reply_in_chunks(status, chunks);
        if let Some(Ok(response)) = http.replies.borrow_mut().back_mut() {
            let broken = BrokenBody("the connection is gone".to_owned());
            response.body_mut().chunks.push_back(Err(broken));
        }
        http
    }

    /// Gives the response that was added last a header.
    pub fn with_header(self, name: &'static str, value: &str) -> Self {
        if let Some(Ok(response)) = self.replies.borrow_mut().back_mut() {
            let value = value.parse().expect("a header's value");
            response.headers_mut().insert(name, value);
        }
        self
    }

    /// Adds a failure to the script.
    pub fn fail(self, error: SendError) -> Self {
        self.replies.borrow_mut().push_back(Err(error));
        self
    }

    /// `METHOD path` of each request so far.
    pub fn lines(&self) -> Vec<String> {
        let line = |request: &http::Request<Vec<u8>>| {
            let path = request
                .uri()
                .path_and_query()
                .map_or("/", |path| path.as_str());
            format!("{} {path}", request.method())
        };
        self.requests.borrow().iter().map(line).collect()
    }
}

impl Http for ScriptedHttp {
    type Body = ScriptedBody;

    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> Result<http::Response<ScriptedBody>, SendError> {
        let url = request.uri().to_string();
        self.requests.borrow_mut().push(request);
        let reply = self.replies.borrow_mut().pop_front();
        reply.unwrap_or_else(|| {
            Err(SendError::Unreachable {
                url,
                reason: "the script has ended".to_owned(),
            })
        })
    }
}

/// The most that a [`ManualTimer`] moves on between two looks of those who sleep.
const STEP: Duration = Duration::from_millis(100);

/// A clock that moves only while somebody sleeps, step by step, so that several may sleep at once.
#[derive(Debug, Default)]
pub struct ManualTimer {
    millis: Cell<u64>,
}

impl ManualTimer {
    /// Moves the clock on.
    pub fn advance(&self, duration: Duration) {
        self.millis
            .set(self.millis.get() + duration.as_millis() as u64);
    }
}

impl Timer for ManualTimer {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.millis.get())
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.millis.get())
    }

    async fn sleep(&self, duration: Duration) {
        let end = self.elapsed() + duration;
        poll_fn(|context| {
            let left = end.saturating_sub(self.elapsed());
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.advance(left.min(STEP));
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// All fakes together.
#[derive(Debug, Default)]
pub struct Fakes {
    /// The store.
    pub store: super::MemoryKeyValue,
    /// The network.
    pub http: ScriptedHttp,
    /// The clock.
    pub timer: ManualTimer,
    /// How many ids were drawn: each is its number.
    pub drawn: CountingRandom,
}

/// "Random" bytes that count 1, 2, 3 …
#[derive(Debug, Default)]
pub struct CountingRandom(Cell<u128>);

impl super::Random for CountingRandom {
    fn bytes(&self) -> [u8; 16] {
        self.0.set(self.0.get() + 1);
        self.0.get().to_be_bytes()
    }
}

impl super::Outside for Fakes {
    type Store = super::MemoryKeyValue;
    type Network = ScriptedHttp;
    type Clock = ManualTimer;
    type Entropy = CountingRandom;

    fn store(&self) -> &super::MemoryKeyValue {
        &self.store
    }

    fn http(&self) -> &ScriptedHttp {
        &self.http
    }

    fn timer(&self) -> &ManualTimer {
        &self.timer
    }

    fn random(&self) -> &CountingRandom {
        &self.drawn
    }
}
