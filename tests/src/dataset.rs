//! A real data set, as people have them: fetched from the npm registry.

use std::path::Path;
use std::process::Command;

/// Pinned, so that the numbers in tests stay true.
const PACKAGE: &str = "vega-datasets@3.2.1";
/// How many days `seattle-weather.csv` has.
pub const SEATTLE_WEATHER_ROWS: u64 = 1_461;

/// The bytes of `seattle-weather.csv`: four years of days with rain, temperatures, wind and weather.
pub fn seattle_weather() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // npm keeps what it fetched before in its own cache.
    run(
        folder.path(),
        Command::new("npm").args(["pack", "--silent", "--prefer-offline", PACKAGE]),
    );
    let archive = PACKAGE.replace('@', "-") + ".tgz";
    run(folder.path(), Command::new("tar").args(["-xzf", &archive]));
    let file = folder.path().join("package/data/seattle-weather.csv");
    std::fs::read(&file).unwrap_or_else(|error| panic!("{PACKAGE} has no weather: {error}"))
}

fn run(folder: &Path, command: &mut Command) {
    let shown = format!("{command:?}");
    let output = command.current_dir(folder).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{shown} cannot be started ({error}): install Node.js with npm")
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{shown} failed, it needs the npm registry: {said}"
    );
}
