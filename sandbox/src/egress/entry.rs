//! One line of an allow list: whom it means.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use thiserror::Error;
use url::Host;

use super::address::{is_public, is_wholly_public};

/// A host name, `*.example.com`, an address, a block of addresses, or `*`; each with a port or for all.
#[derive(Clone, Debug)]
pub struct Entry {
    hosts: Hosts,
    port: Option<u16>,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    /// Every name, and every public address.
    All,
    /// One name, in its canonical form.
    Name(String),
    /// The names below this one, not itself.
    Below(String),
    /// Addresses.
    Block(IpNet),
}

/// What a text in a list means nobody by.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "'{}' is no host name, '*.' and a host name, address, CIDR block or '*', each with ':port' or without",
    .0.escape_debug()
)]
pub struct EntryError(String);

/// Whom a program wants to reach: a canonical name or an address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name or address.
    pub host: Host<String>,
    /// TCP port.
    pub port: u16,
}

impl Target {
    /// Reads a host as a program spells it: names in any case and script, with a final dot or
    /// without, addresses also in decimal, octal or hexadecimal numbers, as C libraries read them.
    pub fn new(host: &str, port: u16) -> Option<Self> {
        let host = canonical(host)?;
        Some(Self { host, port })
    }

    /// The address, where it is no name.
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

impl PartialEq for Entry {
    /// By meaning, not by spelling.
    fn eq(&self, other: &Self) -> bool {
        (&self.hosts, self.port) == (&other.hosts, other.port)
    }
}

impl Eq for Entry {}

impl Entry {
    /// As it was written.
    pub fn as_asked(&self) -> String {
        self.text.clone()
    }

    /// Whether it means whom a program named. A name is never meant by addresses: looking it up to
    /// find out would already tell a name server what the program wants to say.
    pub fn means(&self, target: &Target) -> bool {
        let host = match (&self.hosts, &target.host) {
            (Hosts::All, Host::Domain(_)) => true,
            (Hosts::All, _) => target.address().is_some_and(is_public),
            (Hosts::Name(own), Host::Domain(name)) => own == name,
            (Hosts::Below(parent), Host::Domain(name)) => is_below(name, parent),
            (Hosts::Block(block), _) => target
                .address()
                .is_some_and(|address| block.contains(&address)),
            _ => false,
        };
        host && self.port.is_none_or(|port| port == target.port)
    }

    /// Whether it means everybody, at every port.
    pub fn is_all(&self) -> bool {
        self.hosts == Hosts::All && self.port.is_none()
    }

    /// Whether it is made of addresses: a block, or all.
    pub fn is_of_addresses(&self) -> bool {
        matches!(self.hosts, Hosts::All | Hosts::Block(_))
    }

    /// As [`Entry::means`], in a list that only narrows: all are all, not the public ones.
    pub fn leaves(&self, target: &Target) -> bool {
        let all = self.hosts == Hosts::All && self.port.is_none_or(|port| port == target.port);
        all || self.means(target)
    }

    /// Whether this address, at this port, is among its addresses.
    pub fn holds(&self, address: IpAddr, port: u16) -> bool {
        let host = match &self.hosts {
            Hosts::All => true,
            Hosts::Block(block) => block.contains(&address),
            _ => false,
        };
        host && self.port.is_none_or(|own| own == port)
    }

    /// Whether its author meant this very address: a block that begins with public addresses, or
    /// spans very many, was not written for its few special ones.
    pub fn names(&self, address: IpAddr, port: u16) -> bool {
        let Hosts::Block(block) = &self.hosts else {
            return false;
        };
        let shortest = if address.is_ipv4() { 8 } else { 7 };
        self.holds(address, port)
            && block.prefix_len() >= shortest
            && is_public(block.network()) == is_public(address)
    }

    /// Whether something of `asked` lies within this entry, and nothing of its hosts outside.
    pub fn covers(&self, asked: &Self) -> bool {
        let hosts = match (&self.hosts, &asked.hosts) {
            (Hosts::All, Hosts::Block(block)) => is_wholly_public(*block),
            (Hosts::All, _) => true,
            (Hosts::Name(own), Hosts::Name(name)) => own == name,
            (Hosts::Below(parent), Hosts::Name(name)) => is_below(name, parent),
            (Hosts::Below(parent), Hosts::Below(name)) => name == parent || is_below(name, parent),
            (Hosts::Block(own), Hosts::Block(block)) => own.contains(block),
            _ => false,
        };
        hosts && (self.port.is_none() || asked.port.is_none() || self.port == asked.port)
    }
}

impl FromStr for Entry {
    type Err = EntryError;

    fn from_str(text: &str) -> Result<Self, EntryError> {
        let error = || EntryError(text.to_owned());
        let (host, port) = split_port(text).ok_or_else(error)?;
        let hosts = hosts_of(host).ok_or_else(error)?;
        Ok(Self {
            hosts,
            port,
            text: text.to_owned(),
        })
    }
}

fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let with_port =
        |host, port: &str| Some((host, Some(port.parse().ok().filter(|port| *port > 0)?)));
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => with_port(host, port),
            None if rest.is_empty() => Some((host, None)),
            None => None,
        };
    }
    match text.split_once(':') {
        // A second colon is an IPv6 address without brackets.
        Some((host, port)) if !port.contains(':') => with_port(host, port),
        _ => Some((text, None)),
    }
}

fn hosts_of(host: &str) -> Option<Hosts> {
    if host == "*" {
        return Some(Hosts::All);
    }
    if let Ok(block) = host.parse::<IpNet>() {
        // E2B's clients write `0.0.0.0/0` for everybody, names included.
        return Some(match block.prefix_len() {
            0 => Hosts::All,
            _ => Hosts::Block(block.trunc()),
        });
    }
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(Hosts::Block(address.into()));
    }
    if let Some(parent) = host.strip_prefix("*.") {
        return match canonical(parent)? {
            Host::Domain(parent) => Some(Hosts::Below(parent)),
            _ => None,
        };
    }
    Some(match canonical(host)? {
        Host::Domain(name) => Hosts::Name(name),
        Host::Ipv4(address) => Hosts::Block(IpAddr::from(address).into()),
        Host::Ipv6(address) => Hosts::Block(IpAddr::from(address).into()),
    })
}

/// The one spelling of a host that is compared, looked up and connected to.
fn canonical(host: &str) -> Option<Host<String>> {
    match Host::parse(host).ok()? {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            let label = |label: &str| (1..=63).contains(&label.len());
            (name.len() <= 253 && !name.contains('*') && name.split('.').all(label))
                .then(|| Host::Domain(name.to_owned()))
        }
        address => Some(address),
    }
}

fn is_below(name: &str, parent: &str) -> bool {
    name.strip_suffix(parent)
        .is_some_and(|rest| rest.ends_with('.'))
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match &self.hosts {
            Hosts::All => "*".to_owned(),
            Hosts::Name(name) => name.clone(),
            Hosts::Below(parent) => format!("*.{parent}"),
            Hosts::Block(block) if block.prefix_len() == block.max_prefix_len() => {
                block.addr().to_string()
            }
            Hosts::Block(block) => block.to_string(),
        };
        match self.port {
            Some(port) if host.contains(':') => write!(formatter, "[{host}]:{port}"),
            Some(port) => write!(formatter, "{host}:{port}"),
            None => formatter.write_str(&host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Entry {
        text.parse().expect("an entry")
    }

    fn target(text: &str) -> Target {
        let (host, port) = text.rsplit_once(':').expect("a port");
        Target::new(host, port.parse().expect("a port")).expect("a host")
    }

    #[test]
    fn an_entry_is_shown_in_its_canonical_form() {
        for (text, shown) in [
            ("*", "*"),
            ("*:443", "*:443"),
            ("Example.COM.", "example.com"),
            ("bücher.example:8080", "xn--bcher-kva.example:8080"),
            ("*.Example.com", "*.example.com"),
            ("0.0.0.0/0", "*"),
            ("::/0", "*"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.0.0.0/8:80", "10.0.0.0/8:80"),
            ("0x7f.1", "127.0.0.1"),
            ("::1", "::1"),
            ("[::1]:80", "[::1]:80"),
            ("[2001:db8::/32]:80", "[2001:db8::/32]:80"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(entry(text).to_string(), shown, "{text}");
            assert_eq!(entry(shown).to_string(), shown, "{shown}");
        }
    }

    #[test]
    fn what_means_nobody_is_no_entry() {
        for text in [
            "",
            " ",
            ".",
            "a b",
            "*.",
            "*.*.com",
            "a.*.com",
            "*example.com",
            "*.10.0.0.1",
            "a..b",
            "host:",
            "host:0",
            "host:99999",
            "host:80:90",
            "http://host",
            "host/path",
            "10.0.0.0/33",
            "[::1",
            "[::1]80",
            "user@host",
            "fe80::1%eth0",
            "1.2.3.4.5",
            "256.1.1.1",
        ] {
            assert!(text.parse::<Entry>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_entry_means_its_hosts_at_its_port() {
        for (text, meant, others) in [
            (
                "example.com",
                vec!["EXAMPLE.com.:1", "example.com:443"],
                vec!["www.example.com:1", "example.org:1", "notexample.com:1"],
            ),
            (
                "*.example.com",
                vec!["a.example.com:1", "a.b.example.com:1"],
                vec!["example.com:1", "aexample.com:1", "example.com.evil.org:1"],
            ),
            (
                "example.com:443",
                vec!["example.com:443"],
                vec!["example.com:80"],
            ),
            (
                "10.0.0.0/8",
                vec!["10.1.2.3:1", "0xa.1:1", "012.0.0.1:1", "167772161:1"],
                vec!["11.0.0.1:1", "ten.example:1"],
            ),
            (
                "*",
                vec!["any.example:1", "8.8.8.8:1", "localhost:1"],
                vec![
                    "127.0.0.1:1",
                    "2130706433:1",
                    "[::1]:1",
                    "[::ffff:8.8.8.8]:1",
                ],
            ),
        ] {
            for one in meant {
                assert!(entry(text).means(&target(one)), "{text} {one}");
            }
            for one in others {
                assert!(!entry(text).means(&target(one)), "{text} {one}");
            }
        }
    }

    #[test]
    fn an_entry_covers_what_lies_within() {
        for (own, asked, covers) in [
            ("*", "example.com", true),
            ("*", "*.example.com:80", true),
            ("*", "8.8.8.0/24", true),
            ("*", "10.0.0.0/8", false),
            ("*", "127.0.0.1", false),
            ("*", "128.0.0.0/1", false),
            ("example.com", "example.com:443", true),
            ("example.com:443", "example.com", true),
            ("example.com:443", "example.com:80", false),
            ("*.example.com", "a.example.com", true),
            ("*.example.com", "*.a.example.com", true),
            ("*.example.com", "*.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.a.example.com", "*.example.com", false),
            ("a.example.com", "*.example.com", false),
            ("10.0.0.0/8", "10.1.0.0/16", true),
            ("10.1.0.0/16", "10.0.0.0/8", false),
            ("10.0.0.0/8", "ten.example", false),
        ] {
            assert_eq!(entry(own).covers(&entry(asked)), covers, "{own} {asked}");
        }
    }

    #[test]
    fn a_wide_block_is_not_written_for_its_private_part() {
        let loopback = "127.0.0.1".parse().expect("an address");
        for (text, names) in [
            ("127.0.0.1", true),
            ("127.0.0.0/8:80", true),
            ("0.0.0.0/0", false),
            ("0.0.0.0/1", false),
            ("*", false),
            ("127.0.0.1:81", false),
        ] {
            assert_eq!(entry(text).names(loopback, 80), names, "{text}");
        }
    }
}
