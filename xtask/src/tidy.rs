//! `cargo xtask tidy`: being written.

use anyhow::Result;

use crate::steps::Steps;
use crate::workspace::Workspace;

pub fn run(_workspace: &Workspace, _steps: &Steps) -> Result<()> {
    Ok(())
}
