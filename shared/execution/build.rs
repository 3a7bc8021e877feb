//! Packs the programs that go into sandboxes: a component should be small, and texts pack well.
//!
//! Each of these folders becomes a file `NAME.lz4` in `OUT_DIR`, which `programs.rs` reads.

use std::path::Path;
use std::{env, fs, io};

const FOLDERS: [(&str, &str); 2] = [("launcher", "src/app"), ("check", "src/check")];

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script its folder by the environment"
)]
fn main() -> io::Result<()> {
    let out = env::var_os("OUT_DIR").expect("cargo gives every build script its folder");
    for (name, folder) in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        let mut bundle = Vec::new();
        add(Path::new(folder), "", &mut bundle)?;
        let packed = lz4_flex::block::compress_prepend_size(&bundle);
        fs::write(Path::new(&out).join(name).with_extension("lz4"), packed)?;
    }
    Ok(())
}

/// Adds every Python file below a folder: a line with its path there, one with its size, its text.
fn add(folder: &Path, prefix: &str, bundle: &mut Vec<u8>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().display());
        if path.is_dir() {
            add(&path, &format!("{name}/"), bundle)?;
        } else if path.extension().is_some_and(|extension| extension == "py") {
            let text = fs::read_to_string(&path)?;
            bundle.extend(format!("{name}\n{}\n{text}", text.len()).into_bytes());
        }
    }
    Ok(())
}
