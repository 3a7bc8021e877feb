//! Reaching a target: the address that was checked is the address that is connected to.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::entry::Target;
use super::policy::{Policy, Refusal};

/// Looking up a name.
const LOOK_UP_WITHIN: Duration = Duration::from_secs(10);
/// Connecting to one of its addresses.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// An open connection, and what was checked about it.
pub struct Reached {
    /// The connection.
    pub stream: TcpStream,
    /// Where it leads.
    pub address: IpAddr,
    /// Whether that is this machine.
    pub own: bool,
}

/// Why a target was not reached.
#[derive(Debug, Error)]
pub enum DialError {
    /// The rules.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Its name leads nowhere.
    #[error("its name was not found: {0}")]
    Name(io::Error),
    /// Nobody accepts connections there.
    #[error("it does not accept the connection: {0}")]
    Connect(io::Error),
    /// The name server or the target is silent.
    #[error("it did not answer within {} s", CONNECT_WITHIN.as_secs())]
    Silent,
}

/// Connects to whomever a program named, if the rules admit name and address.
///
/// A name that nobody answers for occupies a thread of the service until the system gives up:
/// `lookups` keeps one sandbox from taking them all.
pub async fn dial(
    target: &Target,
    policy: &Policy,
    lookups: &Arc<Semaphore>,
) -> Result<Reached, DialError> {
    policy.admits(target)?;
    let mut outcome = Err(DialError::Name(io::ErrorKind::NotFound.into()));
    for address in addresses(target, lookups).await? {
        outcome = match admitted(target, address, policy) {
            Ok(own) => connect(address, target.port, own).await,
            Err(refusal) => Err(refusal.into()),
        };
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

async fn addresses(target: &Target, lookups: &Arc<Semaphore>) -> Result<Vec<IpAddr>, DialError> {
    if let Some(address) = target.address() {
        return Ok(vec![address]);
    }
    let (name, port) = (target.host.to_string(), target.port);
    let look_up = async {
        let place = lookups.clone().acquire_owned().await;
        let look_up = move || {
            let _place = place;
            (name.as_str(), port).to_socket_addrs()
        };
        tokio::task::spawn_blocking(look_up).await?
    };
    let found = timeout(LOOK_UP_WITHIN, look_up).await;
    let found = found.map_err(|_| DialError::Silent)?;
    let found = found.map_err(DialError::Name)?;
    Ok(found.map(|address| address.ip()).collect())
}

fn admitted(target: &Target, address: IpAddr, policy: &Policy) -> Result<bool, Refusal> {
    let own = is_own(address);
    policy.admits_address(target, address, own)?;
    Ok(own)
}

async fn connect(address: IpAddr, port: u16, own: bool) -> Result<Reached, DialError> {
    let connect = TcpStream::connect(SocketAddr::new(address, port));
    let stream = timeout(CONNECT_WITHIN, connect).await;
    let stream = stream.map_err(|_| DialError::Silent)?;
    let stream = stream.map_err(DialError::Connect)?;
    stream.set_nodelay(true).map_err(DialError::Connect)?;
    Ok(Reached {
        stream,
        address,
        own,
    })
}

/// An address that a socket can be bound to is this machine's.
fn is_own(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}
