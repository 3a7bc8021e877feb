//! Which component answers a path.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use anyhow::{Context as _, bail};
use routefinder::RouteSpec;

/// The routes of an application, each with a `T` (its component).
#[derive(Debug)]
pub(crate) struct Routes<T> {
    router: routefinder::Router<Route<T>>,
}

#[derive(Debug)]
pub(crate) struct Route<T> {
    /// As written in the manifest.
    pub(crate) written: String,
    /// Absolute, and without a trailing slash.
    pub(crate) pattern: String,
    pub(crate) target: T,
}

/// What a path matched, in the terms of Spin's headers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RouteMatch<'a, T> {
    pub(crate) target: &'a T,
    /// The route as written in the manifest.
    pub(crate) written: &'a str,
    /// The route, absolute and without a trailing slash.
    pub(crate) pattern: &'a str,
    /// What stood in the place of `...`, with its slash; empty without one.
    pub(crate) path_info: String,
    /// The `:name` parts of the path.
    pub(crate) parameters: Vec<(String, String)>,
}

impl<T> Routes<T> {
    pub(crate) fn new(routes: impl IntoIterator<Item = (String, T)>) -> anyhow::Result<Self> {
        let mut router = routefinder::Router::new();
        let mut patterns = BTreeSet::new();
        for (written, target) in routes {
            let pattern = absolute(&written);
            let spec = specification(&pattern).with_context(|| {
                format!("`{written}` is not a route; write /exact, /with/:parameter or /prefix/...")
            })?;
            if !patterns.insert(pattern.clone()) {
                bail!("the route `{written}` is declared twice; remove one of them");
            }
            let Ok(()) = router.add(
                spec,
                Route {
                    written,
                    pattern,
                    target,
                },
            );
        }
        Ok(Self { router })
    }

    /// The best match: exact before parameter before wildcard, then the longest prefix.
    pub(crate) fn find(&self, path: &str) -> Option<RouteMatch<'_, T>> {
        let found = self.router.best_match(path)?;
        let captures = found.captures();
        let path_info = match (captures.wildcard(), path.ends_with('/')) {
            (None, _) | (Some(""), false) => String::new(),
            (Some(""), true) => "/".into(),
            (Some(rest), false) => format!("/{rest}"),
            (Some(rest), true) => format!("/{rest}/"),
        };
        let parameters = captures
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let route = found.handler();
        Some(RouteMatch {
            target: &route.target,
            written: &route.written,
            pattern: &route.pattern,
            path_info,
            parameters,
        })
    }
}

/// Spin's form of a route: a leading slash, no trailing one.
fn absolute(route: &str) -> String {
    let route = route.strip_suffix('/').unwrap_or(route);
    if route.is_empty() || route.starts_with('/') {
        route.into()
    } else {
        format!("/{route}")
    }
}

fn specification(pattern: &str) -> anyhow::Result<RouteSpec> {
    let text = match pattern.strip_suffix("/...") {
        Some(prefix) => format!("{prefix}/*"),
        None => pattern.into(),
    };
    text.parse().map_err(|error| anyhow::anyhow!("{error}"))
}
