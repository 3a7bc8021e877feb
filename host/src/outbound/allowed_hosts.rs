//! `allowed_outbound_hosts`: which origins a component may send requests to.
//!
//! An entry is `scheme://host[:port]`; `*` stands for any scheme, host or port, `*.example.com`
//! for any subdomain, `8000..9000` for a range of ports without its end, all as in Spin. Unlike
//! Spin, which denies everything without a word when an entry holds a path, this host refuses
//! such an entry at start.

#[cfg(test)]
mod tests;

use std::ops::Range;

use url::Host;

/// An entry that cannot be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{entry}` is not an allowed outbound host: {reason}")]
pub struct AllowedHostError {
    /// The entry, with its variables filled in.
    pub entry: String,
    /// What is wrong, and what to write instead.
    pub reason: String,
}

/// The origins that one component may reach.
#[derive(Debug, Default)]
pub struct AllowedHosts {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    /// `None` is any scheme.
    scheme: Option<String>,
    host: HostPattern,
    ports: Ports,
}

#[derive(Debug)]
enum HostPattern {
    Any,
    /// With the leading dot.
    SubdomainOf(String),
    Exactly(Host),
}

#[derive(Debug)]
enum Ports {
    Any,
    One(u16),
    Range(Range<u16>),
}

impl AllowedHosts {
    /// Understands the entries of a manifest, variables already filled in.
    ///
    /// An entry that became empty (`""`, `http://`, `https://`) belongs to an optional service that
    /// is not configured, and allows nothing.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, AllowedHostError> {
        let configured = entries
            .into_iter()
            .map(str::trim)
            .filter(|entry| !matches!(*entry, "" | "http://" | "https://"));
        let entry = |text: &str| {
            parse_entry(text).map_err(|reason| AllowedHostError {
                entry: text.into(),
                reason,
            })
        };
        Ok(Self {
            entries: configured.map(entry).collect::<Result<_, _>>()?,
        })
    }

    /// Whether a request to this origin may be sent; no port means the scheme's own.
    pub fn allow(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let (Ok(host), Some(port)) = (Host::parse(host), port.or_else(|| own_port(scheme))) else {
            return false;
        };
        self.entries
            .iter()
            .any(|entry| entry.allows(scheme, &host, port))
    }
}

impl Entry {
    fn allows(&self, scheme: &str, host: &Host, port: u16) -> bool {
        self.scheme.as_ref().is_none_or(|allowed| allowed == scheme)
            && match (&self.host, host) {
                (HostPattern::Any, _) => true,
                (HostPattern::SubdomainOf(suffix), Host::Domain(domain)) => {
                    domain.ends_with(suffix.as_str())
                }
                (HostPattern::SubdomainOf(_), _) => false,
                (HostPattern::Exactly(allowed), host) => allowed == host,
            }
            && match &self.ports {
                Ports::Any => true,
                Ports::One(allowed) => *allowed == port,
                Ports::Range(range) => range.contains(&port),
            }
    }
}

fn parse_entry(entry: &str) -> Result<Entry, String> {
    let (scheme, rest) = entry
        .split_once("://")
        .ok_or("write scheme://host[:port], for example https://example.com")?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#', '@']) {
        return Err("it must be an origin, without a path: scheme://host[:port]".into());
    }
    let (host, port) = split_port(authority);
    Ok(Entry {
        scheme: parse_scheme(scheme)?,
        host: parse_host(host)?,
        ports: parse_ports(port, scheme)?,
    })
}

/// Splits at the last colon, unless that colon is inside an IPv6 address's brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            (host, Some(port).filter(|port| !port.is_empty()))
        }
        _ => (authority, None),
    }
}

fn parse_scheme(scheme: &str) -> Result<Option<String>, String> {
    match scheme {
        "*" => Ok(None),
        _ if !scheme.is_empty() && scheme.chars().all(char::is_alphabetic) => {
            Ok(Some(scheme.into()))
        }
        _ => Err(format!("`{scheme}` is not a scheme; use http, https or *")),
    }
}

fn parse_host(host: &str) -> Result<HostPattern, String> {
    let not_a_host = |error| format!("`{host}` is not a host name or address: {error}");
    match host {
        "*" => Ok(HostPattern::Any),
        "self" | "self.alt" => {
            Err("requests to the application itself are not supported; write its own origin".into())
        }
        _ if host.ends_with(".spin.internal") => {
            Err("service chaining is not supported by this host".into())
        }
        _ => match host.strip_prefix("*.") {
            Some(domain) if !domain.contains('*') => match Host::parse(domain)
                .map_err(not_a_host)?
            {
                Host::Domain(domain) => Ok(HostPattern::SubdomainOf(format!(".{domain}"))),
                _ => Err("a wildcard needs a domain after it, for example *.example.com".into()),
            },
            _ if host.contains('*') => {
                Err("a wildcard may only be the whole host or its first label".into())
            }
            _ => Ok(HostPattern::Exactly(Host::parse(host).map_err(not_a_host)?)),
        },
    }
}

fn parse_ports(port: Option<&str>, scheme: &str) -> Result<Ports, String> {
    let number = |text: &str| {
        text.parse::<u16>().map_err(|_| {
            format!("`{text}` is not a port; use a number, a range like 8000..9000, or *")
        })
    };
    match port {
        None => own_port(scheme).map(Ports::One).ok_or_else(|| {
            format!("the scheme `{scheme}` has no port of its own; write :<port> or :*")
        }),
        Some("*") => Ok(Ports::Any),
        Some(text) => match text.split_once("..") {
            Some((start, end)) => Ok(Ports::Range(number(start)?..number(end)?)),
            None => Ok(Ports::One(number(text)?)),
        },
    }
}

fn own_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}
