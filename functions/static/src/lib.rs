//! Every other path: the page and its assets, from the files that the manifest mounts at `/`.

use std::path::PathBuf;

use edge::{Call, Edge, HttpError, Reply, Reporter, variable};
use http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, LOCATION, VARY,
};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    edge::serve(request, out, route).await;
}

async fn route(call: &mut Call, edge: &Edge, _: &mut Reporter) -> Result<Reply, HttpError> {
    if !matches!(call.method.as_str(), "GET" | "HEAD") {
        return Err(HttpError::not_found(
            "there is nothing to do at this address: see /docs",
        ));
    }
    match call.segments().as_slice() {
        [] if call.accepts("text/html") => page(call, edge),
        ["index.html"] => page(call, edge),
        [] => Ok(
            Reply::text(307, "Welcome to Conductor: its routes are at /docs\n")
                .header(LOCATION, "/docs"),
        ),
        segments
            if segments
                .iter()
                .any(|part| part.starts_with('.') || part.contains('\\')) =>
        {
            Err(nothing_here(call))
        }
        segments => match file(call, segments)? {
            Some(reply) => Ok(reply),
            // The page's own routes have no file and no extension.
            None if call.accepts("text/html") && !segments.concat().contains('.') => {
                page(call, edge)
            }
            None => Err(nothing_here(call)),
        },
    }
}

fn nothing_here(call: &Call) -> HttpError {
    HttpError::not_found(format!(
        "there is nothing at /{}: see /docs",
        call.path.join("/")
    ))
}

fn page(call: &Call, edge: &Edge) -> Result<Reply, HttpError> {
    let reply = file(call, &["index.html"])?.ok_or_else(|| {
        HttpError::internal(
            "index.html is not mounted: build the frontend with `cargo xtask build`",
        )
    })?;
    let reply = reply.header(CONTENT_SECURITY_POLICY, content_security_policy());
    Ok(edge::owner::welcome(call, edge, reply))
}

/// The page runs its own code only, and frames apps only from where apps live.
fn content_security_policy() -> String {
    let template = variable("sandbox_app_url");
    let (scheme, host) = template.split_once("://").unwrap_or(("https", ""));
    let after_id = host.split_once("}.").map_or("", |(_, rest)| rest);
    let after_id = after_id.split('/').next().unwrap_or_default();
    let apps = if after_id.is_empty() || after_id.contains('{') {
        format!("{scheme}:")
    } else {
        format!("{scheme}://*.{after_id}")
    };
    format!(
        "default-src 'self'; img-src 'self' data:; frame-src {apps}; frame-ancestors 'self'; \
         base-uri 'none'; form-action 'self'; object-src 'none'"
    )
}

/// The file, packed if the client takes that; `None` if there is none.
fn file(call: &Call, segments: &[&str]) -> Result<Option<Reply>, HttpError> {
    let path: PathBuf = std::iter::once("/")
        .chain(segments.iter().copied())
        .collect();
    let name = *segments.last().unwrap_or(&"");
    let accepted = call.header("accept-encoding").unwrap_or_default();
    let packings = [("br", "br"), ("gzip", "gz")];
    let packed = packings
        .into_iter()
        .filter(|(coding, _)| accepted.contains(coding))
        .find_map(|(coding, extension)| {
            let path = PathBuf::from(format!("{}.{extension}", path.display()));
            Some((std::fs::read(path).ok()?, Some(coding)))
        });
    let found = packed.or_else(|| std::fs::read(&path).ok().map(|bytes| (bytes, None)));
    let Some((bytes, coding)) = found else {
        return Ok(None);
    };
    let etag = format!("\"{:016x}\"", fingerprint(&bytes));
    let is_known = call
        .header(IF_NONE_MATCH.as_str())
        .is_some_and(|known| known.contains(&etag));
    let mut reply = if is_known {
        Reply::bytes(304, content_type(name), Vec::new())
    } else {
        Reply::bytes(200, content_type(name), bytes)
    };
    if let Some(coding) = coding {
        reply = reply.header(CONTENT_ENCODING, coding);
    }
    let caching = if is_hashed(name) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    Ok(Some(
        reply
            .header(ETAG, etag)
            .header(CACHE_CONTROL, caching)
            .header(VARY, "accept-encoding"),
    ))
}

/// Whether a name carries the hash of its contents, as `app.1a2b3c4d.js` does.
fn is_hashed(name: &str) -> bool {
    name.rsplit('.')
        .skip(1)
        .take(1)
        .any(|part| part.len() >= 8 && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// FNV-1a, 64 bits: tells versions of a file apart, and protects nothing.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "wasm" => "application/wasm",
        "json" => "application/json; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
