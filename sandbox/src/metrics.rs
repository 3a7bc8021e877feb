//! What sandboxes use, as a series of samples.
//!
//! One task takes a sample of every sandbox every few seconds; whoever asks gets a fresh one at the
//! end. Numbers are those of [`Confinement`](crate::confinement::Confinement) and of the disk.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clock;
use crate::sandbox::Sandbox;
use crate::service::Service;

const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// A little more than an hour.
const SAMPLES: usize = 750;
/// A share of processor time over less than this says nothing.
const SHORTEST: Duration = Duration::from_millis(100);

/// What a sandbox uses at one time.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When.
    pub time: DateTime<Utc>,
    /// Processor time since the sample before, in percent of what it may use.
    pub cpu_used_pct: f64,
    /// Bytes of memory, without cached files.
    pub mem_used: u64,
    /// Bytes of cached files.
    pub mem_cache: u64,
    /// Bytes on its disk.
    pub disk_used: u64,
    /// Bytes its disk holds.
    pub disk_total: u64,
    /// Processes that were killed for want of memory, since the sandbox was made.
    pub oom_kills: u64,
    cpu_time: Duration,
}

/// The samples of one sandbox, oldest first.
#[derive(Default)]
pub struct History(Mutex<VecDeque<Sample>>);

impl History {
    /// Samples from one time to another, the newest of them taken now.
    pub fn between(
        &self,
        sandbox: &Sandbox,
        start: Option<DateTime<Utc>>,
        end: Option<DateTime<Utc>>,
    ) -> Vec<Sample> {
        self.take(sandbox);
        let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = |sample: &&Sample| {
            start.is_none_or(|start| sample.time >= start)
                && end.is_none_or(|end| sample.time <= end)
        };
        samples.iter().filter(asked).copied().collect()
    }

    /// Takes a sample.
    pub fn take(&self, sandbox: &Sandbox) -> Sample {
        let confinement = &sandbox.confinement;
        let (time, cpu_time, memory) = (Utc::now(), confinement.cpu_time(), confinement.memory());
        let (disk_used, disk_total) = sandbox.disk();
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |sample: &Sample| (time - sample.time).to_std().unwrap_or_default();
        let before = samples
            .iter()
            .rev()
            .find(|sample| since(sample) >= SHORTEST);
        let (elapsed, used) = match before {
            Some(before) => (since(before), cpu_time.saturating_sub(before.cpu_time)),
            None => (
                (time - sandbox.started_at)
                    .to_std()
                    .unwrap_or_default()
                    .max(SHORTEST),
                cpu_time,
            ),
        };
        let share = used.as_secs_f64() / elapsed.as_secs_f64() / f64::from(sandbox.limits.cpus);
        let sample = Sample {
            time,
            // To two digits; the clocks are not read at the same moment.
            cpu_used_pct: (share.min(1.0) * 10_000.0).round() / 100.0,
            mem_used: memory.charged.saturating_sub(memory.cache),
            mem_cache: memory.cache,
            disk_used,
            disk_total,
            oom_kills: confinement.counters().oom_kills,
            cpu_time,
        };
        // Asking often does not push the hour out.
        let crowded = samples.len() >= 2 && since(&samples[samples.len() - 2]) < SAMPLE_EVERY;
        if crowded {
            samples.pop_back();
        }
        samples.push_back(sample);
        if samples.len() > SAMPLES {
            samples.pop_front();
        }
        sample
    }
}

impl Sample {
    /// As the control API shows it.
    pub fn of_api(&self, sandbox: &Sandbox) -> serde_json::Value {
        serde_json::json!({
            "timestamp": clock::rfc3339(self.time),
            "timestampUnix": self.time.timestamp(),
            "cpuCount": sandbox.limits.cpu_count(),
            "cpuUsedPct": self.cpu_used_pct,
            "memUsed": self.mem_used,
            "memTotal": sandbox.limits.memory,
            "memCache": self.mem_cache,
            "diskUsed": self.disk_used,
            "diskTotal": self.disk_total,
        })
    }

    /// As envd shows it, and with the number of kills.
    pub fn of_envd(&self, sandbox: &Sandbox) -> serde_json::Value {
        serde_json::json!({
            "ts": self.time.timestamp(),
            "cpu_count": sandbox.limits.cpu_count(),
            "cpu_used_pct": self.cpu_used_pct,
            "mem_total": sandbox.limits.memory,
            "mem_used": self.mem_used,
            "mem_cache": self.mem_cache,
            "disk_used": self.disk_used,
            "disk_total": self.disk_total,
            "oom_kills": self.oom_kills,
        })
    }
}

/// Takes samples for as long as the service is there.
pub async fn sample(service: Weak<Service>) {
    loop {
        tokio::time::sleep(SAMPLE_EVERY).await;
        let Some(sandboxes) = service.upgrade().map(|service| service.list()) else {
            return;
        };
        let _ = tokio::task::spawn_blocking(move || take_all(&sandboxes)).await;
    }
}

fn take_all(sandboxes: &[Arc<Sandbox>]) {
    for sandbox in sandboxes {
        sandbox.history.take(sandbox);
    }
}
