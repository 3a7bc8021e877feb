//! An application, ready to serve: everything that can be wrong with it has been said.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use wasmtime::Engine;
use wasmtime::component::Linker;
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::files;
use crate::guest::{self, Component, Guest, Services};
use crate::key_value::Database;
use crate::machine_code::MachineCode;
use crate::manifest::{self, Manifest};
use crate::outbound::OutboundClient;
use crate::outbound::allowed_hosts::AllowedHosts;
use crate::routes::Routes;
use crate::variables::{self, Variables};
use crate::{Config, engine};

/// A loaded application.
pub struct App {
    pub(crate) routes: Routes<Arc<Component>>,
    pub(crate) services: Arc<Services>,
    /// One permit per slot of the instance pool.
    pub(crate) slots: Arc<Semaphore>,
    /// Instances that go on after their connection has what it needs.
    pub(crate) running: TaskTracker,
    pub(crate) shutdown_grace: Duration,
}

impl App {
    /// Reads the manifest, resolves its variables, compiles its components and opens the store.
    pub fn load(config: &Config) -> anyhow::Result<Self> {
        let begin = Instant::now();
        let manifest = Manifest::read(&config.manifest)?;
        let variables = resolve_variables(config, &manifest)?;
        let engine = engine::new(config)?;
        let mut linker = Linker::new(&engine);
        guest::link(&mut linker)
            .map_err(|error| anyhow!("could not link the host's interfaces: {error:#}"))?;

        let loader = Loader {
            engine,
            code: MachineCode::open(&config.compiled_dir())?,
            linker,
            manifest: &manifest,
            variables,
            state_dir: &config.state_dir,
        };
        let mut components = BTreeMap::new();
        for (id, declared) in &manifest.component {
            let component = loader
                .load(id, declared)
                .with_context(|| format!("component `{id}`"))?;
            components.insert(id.as_str(), Arc::new(component));
        }
        let routes = manifest.trigger.http.iter().map(|trigger| {
            let component = &components[trigger.component.as_str()];
            (trigger.route.clone(), Arc::clone(component))
        });
        let app = Self {
            routes: Routes::new(routes)?,
            services: Arc::new(Services {
                database: Arc::new(open_database(&config.state_dir)?),
                client: OutboundClient::new(config.ca_file.as_deref())?,
                cpu_limit: config.cpu_limit_ms,
                memory_limit: config.memory_limit(),
            }),
            slots: Arc::new(Semaphore::new(config.max_instances as usize)),
            running: TaskTracker::new(),
            shutdown_grace: config.shutdown_grace_ms,
        };
        tracing::info!(
            components = components.len(),
            duration_ms = begin.elapsed().as_millis(),
            "loaded {} {}",
            manifest.application.name,
            manifest.application.version
        );
        Ok(app)
    }
}

/// Compiles the components of a manifest into files, and does no more.
pub fn compile(config: &Config) -> anyhow::Result<()> {
    let manifest = Manifest::read(&config.manifest)?;
    let engine = engine::new(config)?;
    let code = MachineCode::open(&config.compiled_dir())?;
    for (id, declared) in &manifest.component {
        compile_component(&engine, &code, &manifest, declared)
            .with_context(|| format!("component `{id}`"))?;
    }
    Ok(())
}

/// Compiles a component, or finds what was compiled before.
fn compile_component(
    engine: &Engine,
    code: &MachineCode,
    manifest: &Manifest,
    declared: &manifest::Component,
) -> anyhow::Result<wasmtime::component::Component> {
    let path = manifest.directory.join(declared.source.path());
    anyhow::ensure!(
        path.is_file(),
        "there is no file {}; build the components first",
        path.display()
    );
    let wasm = std::fs::read(&path);
    let wasm = wasm.with_context(|| format!("could not read {}", path.display()))?;
    code.component(engine, &wasm)
        .with_context(|| format!("could not compile {}", path.display()))
}

/// The environment over the `.env` file over the manifest's defaults.
fn resolve_variables(config: &Config, manifest: &Manifest) -> anyhow::Result<Variables> {
    let beside_manifest = manifest.directory.join(".env");
    let file = match &config.env_file {
        Some(file) => Some(file.clone()),
        None => Some(beside_manifest).filter(|file| file.is_file()),
    };
    let mut given = BTreeMap::new();
    if let Some(file) = file {
        // The parser's error would quote the line, which may hold a secret.
        let lines = dotenvy::from_path_iter(&file)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| {
                anyhow!(
                    "could not read {}: {}",
                    file.display(),
                    without_content(&error)
                )
            })?;
        given.extend(lines);
    }
    given.extend(
        std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }),
    );
    for name in variables::undeclared(&manifest.variables, &given) {
        tracing::warn!("{name} is set, but the manifest declares no such variable");
    }
    Ok(Variables::resolve(&manifest.variables, &given)?)
}

fn without_content(error: &dotenvy::Error) -> String {
    match error {
        dotenvy::Error::LineParse(_, position) => {
            format!(
                "a line cannot be understood from its character {} on; write NAME=value",
                position + 1
            )
        }
        other => other.to_string(),
    }
}

fn open_database(state_dir: &Path) -> anyhow::Result<Database> {
    std::fs::create_dir_all(state_dir)
        .with_context(|| format!("could not make the state directory {}", state_dir.display()))?;
    Ok(Database::open(&state_dir.join("key_value.sqlite"))?)
}

/// What loading every component needs.
struct Loader<'a> {
    engine: Engine,
    code: MachineCode,
    linker: Linker<Guest>,
    manifest: &'a Manifest,
    variables: Variables,
    state_dir: &'a Path,
}

impl Loader<'_> {
    fn load(&self, id: &str, declared: &manifest::Component) -> anyhow::Result<Component> {
        let hosts = declared
            .allowed_outbound_hosts
            .iter()
            .map(|template| self.variables.fill(template))
            .collect::<Result<Vec<_>, _>>()?;
        let copies = self.state_dir.join("files").join(id);
        Ok(Component {
            id: id.into(),
            proxy: self.link(declared)?,
            variables: self.variables.for_component(&declared.variables)?,
            environment: declared.environment.clone().into_iter().collect(),
            mounts: files::mounts(&declared.files, &self.manifest.directory, &copies)?,
            allowed_hosts: AllowedHosts::parse(hosts.iter().map(String::as_str))?,
            stores: declared.key_value_stores.clone(),
        })
    }

    fn link(&self, declared: &manifest::Component) -> anyhow::Result<ProxyPre<Guest>> {
        let component = compile_component(&self.engine, &self.code, self.manifest, declared)?;
        let linked = self.linker.instantiate_pre(&component);
        linked.and_then(ProxyPre::new).map_err(|error| {
            anyhow!(
                "{} is not a component that this host can run: {error:#}",
                declared.source.path().display()
            )
        })
    }
}
