//! Chromium and its driver, which the end-to-end tests look through.

use std::process::Command;

use anyhow::{Result, bail};
use nix::unistd::geteuid;

use crate::process;
use crate::steps::Step;

const PACKAGES: [&str; 3] = ["chromium", "chromium-driver", "fonts-dejavu-core"];
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// Installs what is missing where that is possible, else says what to install.
pub fn ensure(step: &Step) -> Result<String> {
    let browser = BROWSERS.iter().find(|name| process::find(name).is_some());
    let driver = process::find("chromedriver");
    if let (Some(browser), Some(_)) = (browser, &driver) {
        return Ok(format!("{browser} and chromedriver are there"));
    }
    if !geteuid().is_root() || process::find("apt-get").is_none() {
        let mut missing = Vec::new();
        if browser.is_none() {
            missing.push("a Chromium or Chrome browser");
        }
        if driver.is_none() {
            missing.push("chromedriver of the same version");
        }
        bail!(
            "the end-to-end tests need {}: on Debian and Ubuntu `sudo apt-get install {}`",
            missing.join(" and "),
            PACKAGES.join(" ")
        );
    }
    apt_get(step, &["update"])?;
    apt_get(
        step,
        &[
            &["install", "--yes", "--no-install-recommends"],
            PACKAGES.as_slice(),
        ]
        .concat(),
    )?;
    Ok("installed chromium and chromedriver".to_owned())
}

fn apt_get(step: &Step, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command
        .arg("--quiet")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    process::run(
        step,
        &format!("apt-get {}", arguments.join(" ")),
        &mut command,
        |step, line| {
            step.doing(line);
            true
        },
    )?;
    Ok(())
}
