//! What stands between a sandbox and the machine, in words: printed when the service starts.

use crate::config::Config;
use crate::confinement::Confinement;
use crate::init;
use crate::protocol::Isolation;
use crate::storage::Disks;

/// The active layers, one line each, outermost first.
pub fn active(config: &Config, disks: &Disks, confinement: &Confinement) -> Vec<String> {
    let mut layers = match config.isolation {
        Isolation::None => vec![
            "NO ISOLATION: programs run with the rights of this service".to_owned(),
            disks.layer(&config.limits),
        ],
        Isolation::Namespaces => vec![
            "own user, pid, mount, network, ipc and uts namespaces; own root file system"
                .to_owned(),
            "no capabilities, no new privileges".to_owned(),
            init::seccomp::layer(),
            init::landlock::layer(),
            disks.layer(&config.limits),
        ],
    };
    layers.extend(confinement.layers());
    layers
}
