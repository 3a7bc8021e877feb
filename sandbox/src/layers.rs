//! What stands between a sandbox and the machine, in words: printed when the service starts.

use crate::config::Config;
use crate::confinement::Confinement;
use crate::egress::Entry;
use crate::init;
use crate::protocol::Isolation;
use crate::storage::Disks;

/// The active layers, one line each, outermost first.
pub fn active(config: &Config, disks: &Disks, confinement: &Confinement) -> Vec<String> {
    let mut layers = match config.isolation {
        Isolation::None => vec![
            "NO ISOLATION: programs run with the rights of this service, its network included"
                .to_owned(),
            disks.layer(&config.limits),
        ],
        Isolation::Namespaces => vec![
            "own user, pid, mount, network, ipc and uts namespaces; own root file system"
                .to_owned(),
            "no capabilities, no new privileges".to_owned(),
            init::seccomp::layer(),
            init::landlock::layer(),
            disks.layer(&config.limits),
            egress(config),
        ],
    };
    layers.extend(confinement.layers());
    layers
}

fn egress(config: &Config) -> String {
    if config.allow_egress.is_empty() {
        return "no egress".to_owned();
    }
    let entries: Vec<_> = config.allow_egress.iter().map(Entry::to_string).collect();
    format!("egress through a proxy, at most to {}", entries.join(", "))
}
