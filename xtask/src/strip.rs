//! What a deployed component need not carry.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use wasmparser::{BinaryReader, BinaryReaderError};

/// The number of the sections that mean nothing to a runtime.
const CUSTOM: u8 = 0;

/// Takes the names of its parts out of a component, which the linker always puts in: 11 KB for debuggers.
///
/// The file is made anew: it is a hard link to cargo's own copy.
pub fn strip(file: &Path) -> Result<()> {
    let built = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let stripped = without_custom_sections(&built)
        .with_context(|| format!("{} is not a component", file.display()))?;
    fs::remove_file(file)
        .and_then(|()| fs::write(file, stripped))
        .with_context(|| format!("cannot replace {}", file.display()))
}

/// The component without the custom sections that are its own; those of its modules stay.
fn without_custom_sections(component: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut reader = BinaryReader::new(component, 0);
    let mut kept = reader.read_bytes(8)?.to_vec();
    while !reader.eof() {
        let begin = component.len() - reader.bytes_remaining();
        let id = reader.read_u8()?;
        let size = reader.read_var_u32()?;
        reader.read_bytes(size as usize)?;
        if id != CUSTOM {
            kept.extend(&component[begin..component.len() - reader.bytes_remaining()]);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"\0asm\x0d\0\x01\0";

    #[test]
    fn a_component_keeps_all_but_its_custom_sections() {
        let names = [&[CUSTOM, 0x82, 0x01][..], &[7; 130]].concat();
        let types = [7, 2, 1, 0x40];
        let exports = [11, 1, 0];
        let built = [HEAD, &names, &types, &names, &exports].concat();
        let stripped = without_custom_sections(&built).expect("it is a component");
        assert_eq!(stripped, [HEAD, &types, &exports].concat());
    }

    #[test]
    fn half_a_component_is_refused() {
        assert!(without_custom_sections(&[HEAD, &[7, 2, 1]].concat()).is_err());
    }

    #[test]
    fn cargos_own_copy_stays_as_it_is() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (file, own) = (folder.path().join("f.wasm"), folder.path().join("own.wasm"));
        let built = [HEAD, &[CUSTOM, 2, 1, b'n']].concat();
        fs::write(&own, &built).expect("written");
        fs::hard_link(&own, &file).expect("linked");

        strip(&file).expect("it is a component");

        assert_eq!(fs::read(&file).expect("there"), HEAD);
        assert_eq!(fs::read(&own).expect("there"), built);
    }
}
