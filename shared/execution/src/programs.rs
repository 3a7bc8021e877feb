//! The programs that go into sandboxes, packed by the build script.

use lz4_flex::block;

use crate::client::NewFile;

/// Where they go.
const FOLDER: &str = "/home/user/.conductor/";

/// What starts apps.
const LAUNCHER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/launcher.lz4"));
/// What checks programs.
const CHECK: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/check.lz4"));

/// Some files: their paths in a sandbox, and their texts.
pub(crate) type Files = Vec<(String, String)>;

pub(crate) fn launcher() -> Files {
    unpack(LAUNCHER)
}

pub(crate) fn check() -> Files {
    unpack(CHECK)
}

/// These files, and the program of a person or a model beside them.
pub(crate) fn new_files<'a>(files: &'a Files, path: &'a str, code: &'a str) -> Vec<NewFile<'a>> {
    let files = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()));
    let files = files.chain([(path, code)]);
    let new = files.map(|(path, text)| NewFile {
        path,
        bytes: text.as_bytes(),
    });
    new.collect()
}

fn unpack(packed: &[u8]) -> Files {
    let bundle = block::decompress_size_prepended(packed).unwrap_or_default();
    let bundle = String::from_utf8(bundle).unwrap_or_default();
    let mut rest = bundle.as_str();
    let mut files = Files::new();
    while let Some((path, size, after)) = next(rest) {
        let (text, others) = after.split_at(size);
        files.push((format!("{FOLDER}{path}"), text.to_owned()));
        rest = others;
    }
    files
}

/// The path and the size of the next file, and what follows.
fn next(rest: &str) -> Option<(&str, usize, &str)> {
    let (path, rest) = rest.split_once('\n')?;
    let (size, rest) = rest.split_once('\n')?;
    Some((path, size.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &Files) -> Vec<&str> {
        let names = files.iter().map(|(path, _)| path.strip_prefix(FOLDER));
        names.map(|name| name.expect("it goes there")).collect()
    }

    #[test]
    fn every_program_is_there_as_it_was_written() {
        let (launcher, check) = (launcher(), check());
        assert_eq!(
            names(&launcher),
            [
                "conductor_app.py",
                "conductor_idle.py",
                "conductor_launch.py",
                "conductor_memory.py",
                "conductor_stopped.py"
            ]
        );
        assert!(names(&check).contains(&"check_app.py"));
        assert!(names(&check).contains(&"conductor_check/worker.py"));
        for (folder, files) in [("app", &launcher), ("check", &check)] {
            for (name, (_, text)) in names(files).into_iter().zip(files) {
                let file = format!("{}/src/{folder}/{name}", env!("CARGO_MANIFEST_DIR"));
                let written = std::fs::read_to_string(&file).expect("it is in the sources");
                assert_eq!(*text, written, "{file}");
            }
        }
    }
}
