//! Who a sandbox's user is outside, when the service is root: an id that nobody else has.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Config;
use crate::protocol::Isolation;

/// A user id outside that one sandbox alone has. Given back when dropped.
pub struct OutsideId {
    /// User id and group id.
    pub id: u32,
    taken: Arc<Mutex<BTreeSet<u32>>>,
}

impl OutsideId {
    /// `None` where the service has no ids to give away.
    pub fn take(first: Option<u32>, taken: &Arc<Mutex<BTreeSet<u32>>>) -> Option<Self> {
        let mut id = first?;
        let mut ids = taken.lock().unwrap_or_else(PoisonError::into_inner);
        while !ids.insert(id) {
            id += 1;
        }
        let taken = taken.clone();
        Some(Self { id, taken })
    }
}

/// Where the user ids for sandboxes begin: as asked for, or, where a container has fewer ids, near
/// the end of those it has. `None`: the service can give away no id but its own.
pub fn first_outside_id(config: &Config) -> Option<u32> {
    /// More than there are sandboxes at a time.
    const ROOM: u32 = 1024;
    if config.isolation == Isolation::None || !nix::unistd::geteuid().is_root() {
        return None;
    }
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let ranges: Vec<(u32, u32)> = map
        .lines()
        .filter_map(|line| {
            let mut numbers = line.split_whitespace().map(str::parse::<u32>);
            let (start, _outside, count) = (numbers.next()?, numbers.next()?, numbers.next()?);
            Some((start.ok()?, count.ok()?))
        })
        .collect();
    let wanted = config.uid_base;
    let fits = |(start, count): &(u32, u32)| {
        wanted >= *start && wanted - start < count.saturating_sub(ROOM)
    };
    if ranges.iter().any(fits) {
        return Some(wanted);
    }
    // Short of the end: 65534 and 65535 have meanings of their own.
    let large = ranges.iter().filter(|(_, count)| *count > 4 * ROOM);
    large.map(|(start, count)| start + count - 2 * ROOM).max()
}

impl Drop for OutsideId {
    fn drop(&mut self) {
        self.taken
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.id);
    }
}
