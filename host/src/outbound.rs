//! Requests that components send: checked against the manifest, then sent by a shared client.

pub mod allowed_hosts;
mod client;
mod error;

use std::sync::Arc;

use http::Request;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

pub(crate) use client::OutboundClient;

use crate::guest::Component;

/// One instance's way out.
pub(crate) struct Outbound {
    component: Arc<Component>,
    client: OutboundClient,
}

/// What wasi:http wants back: the response, and a future that drives its connection.
type Sent = (
    http::Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

impl Outbound {
    pub(crate) fn new(component: Arc<Component>, client: OutboundClient) -> Self {
        Self { component, client }
    }

    fn allows(&self, request: &Request<WasiBody>) -> bool {
        let uri = request.uri();
        let (scheme, host) = (
            uri.scheme_str().unwrap_or_default(),
            uri.host().unwrap_or_default(),
        );
        let allowed = self
            .component
            .allowed_hosts
            .allow(scheme, host, uri.port_u16());
        if !allowed {
            let authority = uri.authority().map_or("", |authority| authority.as_str());
            tracing::warn!(
                component.id = %self.component.id,
                "refused a request to {scheme}://{authority}: it is not in the component's allowed_outbound_hosts"
            );
        }
        allowed
    }
}

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _body_sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        if !self.allows(&request) {
            return Box::new(std::future::ready(Err(Error::HttpRequestDenied)));
        }
        let client = self.client.clone();
        Box::new(async move {
            let response = client.send(request, options.unwrap_or_default()).await?;
            // The client's pool drives the connection, so nothing is left to do here.
            Ok((response, Box::new(std::future::ready(Ok(()))) as _))
        })
    }
}
