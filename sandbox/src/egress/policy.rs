//! Who may be reached: what a sandbox asks for, within what the operator allows. No sockets here.

use std::net::IpAddr;
use std::sync::Arc;

use thiserror::Error;

use super::address::is_public;
use super::entry::{Entry, Target};

/// What a caller asks for. Without any list: all that the operator allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// If there are any, these only; they win over `deny`.
    pub allow: Vec<Entry>,
    /// Addresses that are not to be reached.
    pub deny: Vec<Entry>,
    /// Nothing, except what `allow` names.
    pub offline: bool,
}

/// An entry that the operator does not allow.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "network.allowOut has '{0}', which is beyond what this sandbox service allows; leave it out, or have its operator \
     start it with --allow-egress {0}"
)]
pub struct Beyond(pub Entry);

/// Why somebody may not be reached.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// The operator's list does not have it.
    #[error("the sandbox service does not allow it; its operator can, with --allow-egress")]
    Operator,
    /// The sandbox's own lists leave it out.
    #[error("the sandbox's network.allowOut or denyOut leaves it out")]
    Sandbox,
    /// It leads to a private, local or otherwise special address.
    #[error(
        "its address is not a public one; the operator can allow that very address with --allow-egress"
    )]
    Special,
}

/// The rules of one sandbox.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    ceiling: Arc<[Entry]>,
    ask: Ask,
}

impl Policy {
    /// What is asked for, within the operator's list.
    pub fn new(ceiling: &Arc<[Entry]>, ask: Ask) -> Result<Self, Beyond> {
        let beyond = ask
            .allow
            .iter()
            .find(|asked| !asked.is_all() && !ceiling.iter().any(|own| own.covers(asked)));
        match beyond {
            Some(entry) => Err(Beyond(entry.clone())),
            None => Ok(Self {
                ceiling: ceiling.clone(),
                ask,
            }),
        }
    }

    /// Whether anybody can be reached at all.
    pub fn is_open(&self) -> bool {
        let ask = &self.ask;
        let denied = ask.offline || ask.deny.iter().any(Entry::is_all);
        !self.ceiling.is_empty() && (!denied || !ask.allow.is_empty())
    }

    /// What was asked for.
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    /// Before a name is looked up: looking up is speaking to a name server.
    pub fn admits(&self, target: &Target) -> Result<(), Refusal> {
        let address = target.address();
        if !self.ceiling.iter().any(|entry| entry.means(target)) {
            return Err(match address {
                Some(address) if !is_public(address) => Refusal::Special,
                _ => Refusal::Operator,
            });
        }
        let allow = &self.ask.allow;
        let left = allow.is_empty() || allow.iter().any(|entry| entry.leaves(target));
        if !self.is_open() || !left {
            return Err(Refusal::Sandbox);
        }
        match address {
            Some(address) => self.admits_address(target, address, false),
            None => Ok(()),
        }
    }

    /// Before an address is connected to. `own`: it is this machine's, so nobody's but the operator's.
    pub fn admits_address(
        &self,
        target: &Target,
        address: IpAddr,
        own: bool,
    ) -> Result<(), Refusal> {
        let named = |entry: &Entry| entry.names(address, target.port);
        if (own || !is_public(address)) && !self.ceiling.iter().any(named) {
            return Err(Refusal::Special);
        }
        let denied = |entry: &Entry| entry.holds(address, target.port);
        if self.ask.allow.is_empty() && self.ask.deny.iter().any(denied) {
            return Err(Refusal::Sandbox);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
