//! Where things are in this checkout.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A path below the root.
pub(crate) fn path(relative: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    let folder = folder.expect("this crate lies in the workspace");
    folder.join(relative)
}

/// One of the two services, built; what the person's shell sets for the product does not reach it.
pub(crate) fn program(name: &str) -> Command {
    let components = path("target/wasm32-wasip2/component/run_code.wasm");
    for needed in [path("target/debug").join(name), components, path(".venv")] {
        assert!(
            needed.exists(),
            "{} is not there: run `cargo xtask build` first",
            needed.display()
        );
    }
    let mut command = Command::new(path("target/debug").join(name));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SPIN_VARIABLE_") {
            command.env_remove(name);
        }
    }
    command
}
