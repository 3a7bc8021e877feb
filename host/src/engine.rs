//! The wasmtime engine: pooled instances, a clock for the processor limit.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use wasmtime::{Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::Config;

/// How often a running component looks at its processor limit and lets others run.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// A component is several core modules: the program, and adapters that its toolchain adds.
const CORE_INSTANCES_PER_COMPONENT: u32 = 8;

/// One of the program's own, and one of the adapters'; a few to spare.
const TABLES_PER_COMPONENT: u32 = 4;

/// Memory that an instance slot keeps between two requests instead of returning it to the system.
const KEEP_RESIDENT: usize = 256 * 1024;

/// An engine whose epoch advances every [`TICK`] for as long as the engine lives.
pub(crate) fn new(config: &Config) -> anyhow::Result<Engine> {
    let mut settings = wasmtime::Config::new();
    settings
        .epoch_interruption(true)
        // Nobody looks at a component's stack from outside, and registering it reads all of it.
        .native_unwind_info(false)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config)));
    let engine = Engine::new(&settings).map_err(|error| {
        anyhow!("could not set up the instance pool: {error:#}; try a smaller --max-instances")
    })?;
    start_clock(&engine).context("could not start the clock thread")?;
    Ok(engine)
}

fn pool(config: &Config) -> PoolingAllocationConfig {
    let instances = config.max_instances;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances * CORE_INSTANCES_PER_COMPONENT)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .total_memories(instances)
        .max_memories_per_component(1)
        .total_tables(instances * TABLES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .total_stacks(instances)
        .max_memory_size(config.memory_limit())
        .max_unused_warm_slots(64)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(KEEP_RESIDENT)
        .pagemap_scan(Enabled::Auto);
    pool
}

/// The thread holds the engine weakly, and ends when the engine does.
fn start_clock(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new()
        .name("epoch".into())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        })?;
    Ok(())
}
