//! What one request may use: processor time between two waits, and memory.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use wasmtime::{ResourceLimiter, Store, UpdateDeadline};

use crate::engine::TICK;

/// A component ran too long without waiting for anything.
#[derive(Debug, thiserror::Error)]
#[error("it used more than {} ms of processor time without waiting", .0.as_millis())]
pub(crate) struct CpuLimitReached(Duration);

/// A component asked for too much memory.
#[derive(Debug, thiserror::Error)]
#[error("it needed more than {} MiB of memory", .0 / (1024 * 1024))]
pub(crate) struct MemoryLimitReached(usize);

/// Counts the ticks that a component has run since it last waited for the host.
///
/// wasmtime calls back at every tick of a running component, and the component yields there. Each
/// poll of its future that does not follow such a yield therefore follows a wait, and begins the
/// count anew: a stream may live for hours, a loop may not.
#[derive(Debug, Default)]
pub(crate) struct CpuMeter {
    ticks: AtomicU64,
    yielded: AtomicBool,
}

impl CpuMeter {
    /// Ends the component in `store` with [`CpuLimitReached`] once it has run for `limit`.
    pub(crate) fn watch<T>(self: &Arc<Self>, store: &mut Store<T>, limit: Duration) {
        let meter = Arc::clone(self);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(move |_| {
            let ran = meter.ticks.fetch_add(1, Relaxed);
            if TICK.saturating_mul(u32::try_from(ran).unwrap_or(u32::MAX)) >= limit {
                return Err(CpuLimitReached(limit).into());
            }
            meter.yielded.store(true, Relaxed);
            Ok(UpdateDeadline::Yield(1))
        });
    }

    /// Wraps the future in which the component runs.
    pub(crate) fn measure<F>(self: Arc<Self>, future: F) -> Measured<F> {
        Measured {
            meter: self,
            future: Box::pin(future),
        }
    }
}

pub(crate) struct Measured<F> {
    meter: Arc<CpuMeter>,
    future: Pin<Box<F>>,
}

impl<F: Future> Future for Measured<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        if !self.meter.yielded.swap(false, Relaxed) {
            self.meter.ticks.store(0, Relaxed);
        }
        self.future.as_mut().poll(cx)
    }
}

/// Ends a component that grows its memories beyond `limit` bytes altogether.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    used: usize,
    limit: usize,
}

impl MemoryLimit {
    pub(crate) fn new(limit: usize) -> Self {
        Self { used: 0, limit }
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used + (desired - current);
        if used > self.limit {
            return Err(MemoryLimitReached(self.limit).into());
        }
        self.used = used;
        Ok(true)
    }

    /// Tables are small and bounded by the instance pool.
    fn table_growing(
        &mut self,
        _current: usize,
        _desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(true)
    }
}
