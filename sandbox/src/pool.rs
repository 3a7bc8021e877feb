//! Sandboxes that were made before anyone asked: with a started kernel, and nothing of a caller in
//! them.
//!
//! A claimed one gets its caller's settings; one that takes its place is made in the background.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use tokio::sync::Notify;

use crate::sandbox::Sandbox;

/// A sandbox in waiting.
pub struct Waiting {
    /// Not in the service's list yet.
    pub sandbox: Sandbox,
    /// What its kernel was started with.
    pub environment: BTreeMap<String, String>,
}

/// Sandboxes in waiting, oldest first.
pub struct Pool {
    size: usize,
    waiting: Mutex<VecDeque<Waiting>>,
    taken: Notify,
}

impl Pool {
    /// An empty one, for so many.
    pub fn new(size: usize) -> Self {
        Self {
            size,
            waiting: Mutex::default(),
            taken: Notify::new(),
        }
    }

    /// One that is still alive. Its place is to be filled again.
    pub fn take(&self) -> Option<Waiting> {
        loop {
            let waiting = self.lock().pop_front()?;
            self.taken.notify_one();
            // One that has ended meanwhile is dropped, and with it its directories.
            if waiting.sandbox.init.ended().now_or_never().is_none() {
                return Some(waiting);
            }
        }
    }

    /// Adds one.
    pub fn put(&self, waiting: Waiting) {
        self.lock().push_back(waiting);
    }

    /// Resolves when there is room for one more.
    pub async fn room(&self) {
        loop {
            let taken = self.taken.notified();
            if self.lock().len() < self.size {
                return;
            }
            taken.await;
        }
    }

    /// All of them, at the end.
    pub fn drain(&self) -> Vec<Waiting> {
        self.lock().drain(..).collect()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
