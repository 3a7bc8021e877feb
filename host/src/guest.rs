//! What one running instance holds, and the interfaces that reach it.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::bindings::{keyvalue, spin};
use crate::files::Mount;
use crate::key_value::Database;
use crate::limits::MemoryLimit;
use crate::outbound::allowed_hosts::AllowedHosts;
use crate::outbound::{Outbound, OutboundClient};
use crate::output::Output;
use crate::variables::{self, Variables};

/// A component, compiled and linked, with what the manifest grants it.
pub(crate) struct Component {
    pub(crate) id: Arc<str>,
    pub(crate) proxy: ProxyPre<Guest>,
    pub(crate) variables: Variables,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) allowed_hosts: AllowedHosts,
    pub(crate) stores: Vec<String>,
}

/// What all components share.
pub(crate) struct Services {
    pub(crate) database: Arc<Database>,
    pub(crate) client: OutboundClient,
    pub(crate) cpu_limit: Duration,
    pub(crate) memory_limit: usize,
}

/// The state of one instance; it lives as long as its request.
pub(crate) struct Guest {
    pub(crate) table: ResourceTable,
    pub(crate) component: Arc<Component>,
    pub(crate) services: Arc<Services>,
    pub(crate) memory: MemoryLimit,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
}

impl Guest {
    pub(crate) fn new(
        component: Arc<Component>,
        services: Arc<Services>,
    ) -> wasmtime::Result<Self> {
        let mut wasi = WasiCtx::builder();
        wasi.envs(&component.environment)
            .stdout(Output::new(&component.id))
            .stderr(Output::new(&component.id));
        for mount in &component.mounts {
            wasi.preopened_dir(&mount.directory, &mount.destination, FsPerms::ReadOnly)?;
        }
        Ok(Self {
            table: ResourceTable::new(),
            memory: MemoryLimit::new(services.memory_limit),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            outbound: Outbound::new(Arc::clone(&component), services.client.clone()),
            component,
            services,
        })
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.outbound,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

/// Gives components WASI 0.2, wasi:http, and the interfaces in `wit/`.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    spin::key_value::add_to_linker::<_, HasSelf<_>>(linker, |guest| guest)?;
    spin::variables::add_to_linker::<_, HasSelf<_>>(linker, |guest| guest)?;
    keyvalue::store::add_to_linker::<_, HasSelf<_>>(linker, |guest| guest)?;
    keyvalue::atomics::add_to_linker::<_, HasSelf<_>>(linker, |guest| guest)?;
    keyvalue::batch::add_to_linker::<_, HasSelf<_>>(linker, |guest| guest)
}

impl spin::variables::Host for Guest {
    async fn get(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<String, spin::variables::Error>> {
        use spin::variables::Error;
        if !variables::is_name(&name) {
            return Ok(Err(Error::InvalidName(name)));
        }
        let value = self.component.variables.get(&name);
        Ok(value.map(Into::into).ok_or_else(|| {
            Error::Undefined(format!(
                "the manifest gives component `{}` no variable `{name}`",
                self.component.id
            ))
        }))
    }
}
