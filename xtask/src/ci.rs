//! `cargo xtask ci`: what the continuous integration runs, on a machine with nothing built.

use anyhow::Result;

use crate::steps::Steps;
use crate::workspace::Workspace;
use crate::{test, tidy};

pub fn run(workspace: &Workspace, steps: &Steps) -> Result<()> {
    tidy::run(workspace, steps)?;
    test::run(workspace, steps, &test::Options::default())
}
