//! What the service counts about itself, for Prometheus.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// From a claim out of a pool to a machine that swaps.
const CREATE_SECONDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// Counters since the service started.
pub struct Meters {
    registry: Registry,
    sandboxes: IntGaugeVec,
    created: IntCounter,
    ended: IntCounter,
    create_seconds: Histogram,
    executions: IntCounterVec,
    egress: IntCounterVec,
}

impl Default for Meters {
    fn default() -> Self {
        Self::new().expect("the names below are well-formed, and each is there once")
    }
}

impl Meters {
    fn new() -> prometheus::Result<Self> {
        let meters = Self {
            registry: Registry::new_custom(Some("conductor".to_owned()), None)?,
            sandboxes: IntGaugeVec::new(
                Opts::new("sandboxes", "Sandboxes that there are, by state."),
                &["state"],
            )?,
            created: IntCounter::new("sandboxes_created_total", "Sandboxes made.")?,
            ended: IntCounter::new("sandboxes_ended_total", "Sandboxes ended, in whatever way.")?,
            create_seconds: Histogram::with_opts(
                HistogramOpts::new(
                    "sandbox_create_seconds",
                    "How long it took to make a sandbox.",
                )
                .buckets(CREATE_SECONDS.to_vec()),
            )?,
            executions: IntCounterVec::new(
                Opts::new(
                    "executions_total",
                    "Executions that are over, by what became of them.",
                ),
                &["outcome"],
            )?,
            egress: IntCounterVec::new(
                Opts::new(
                    "egress_total",
                    "Connections that sandboxes wanted to the outside.",
                ),
                &["outcome"],
            )?,
        };
        meters
            .registry
            .register(Box::new(meters.sandboxes.clone()))?;
        meters.registry.register(Box::new(meters.created.clone()))?;
        meters.registry.register(Box::new(meters.ended.clone()))?;
        meters
            .registry
            .register(Box::new(meters.create_seconds.clone()))?;
        meters
            .registry
            .register(Box::new(meters.executions.clone()))?;
        meters.registry.register(Box::new(meters.egress.clone()))?;
        Ok(meters)
    }

    /// A sandbox was made.
    pub fn created(&self, within: Duration) {
        self.created.inc();
        self.create_seconds.observe(within.as_secs_f64());
    }

    /// A sandbox has ended.
    pub fn ended(&self) {
        self.ended.inc();
    }

    /// An execution is over: `ok`, `interrupted`, or the kind of its error.
    pub fn executed(&self, outcome: &str) {
        self.executions.with_label_values(&[outcome]).inc();
    }

    /// A program wanted to reach somebody: `allowed`, `refused` or `failed`.
    pub fn egress(&self, outcome: &str) {
        self.egress.with_label_values(&[outcome]).inc();
    }

    /// Everything, in Prometheus' text format.
    pub fn text(&self, running: usize, paused: usize) -> String {
        for (state, count) in [("running", running), ("paused", paused)] {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.sandboxes.with_label_values(&[state]).set(count);
        }
        let encoded = TextEncoder::new().encode_to_string(&self.registry.gather());
        encoded.unwrap_or_else(|error| format!("# {error}\n"))
    }
}
