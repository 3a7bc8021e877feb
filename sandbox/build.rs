//! Compiles the zygote's library, which the service carries within itself.

use std::env;
use std::path::Path;
use std::process::Command;

const SOURCE: &str = "python/zygote/pages.rs";

fn main() {
    println!("cargo::rerun-if-changed=python/zygote");
    let variable = |name| env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"));
    let library = Path::new(&variable("OUT_DIR")).join("pages.so");
    let status = Command::new(variable("RUSTC"))
        .args(["--crate-type", "cdylib", "--edition", "2024"])
        .args([
            "-C",
            "opt-level=3",
            "-C",
            "panic=abort",
            "-C",
            "strip=symbols",
        ])
        .arg("--target")
        .arg(variable("TARGET"))
        .arg("-o")
        .arg(library)
        .arg(SOURCE)
        .status()
        .expect("cargo's own compiler can be run");
    assert!(status.success(), "{SOURCE} does not compile");
}
