use std::fs;

use super::*;

/// The smallest component.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

struct Fixture {
    folder: tempfile::TempDir,
    engine: Engine,
    code: MachineCode,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().expect("a temporary folder");
    Fixture {
        code: MachineCode::open(folder.path()).expect("it is ours"),
        engine: Engine::default(),
        folder,
    }
}

impl Fixture {
    fn load(&self) {
        let loaded = self.code.component(&self.engine, EMPTY);
        loaded.expect("it can be loaded");
    }

    /// The only file.
    fn file(&self) -> PathBuf {
        let mut files = fs::read_dir(&self.folder).expect("it is there");
        let file = files.next().expect("a file").expect("it can be read");
        assert!(files.next().is_none(), "there is one file");
        file.path()
    }
}

#[test]
fn nobody_else_can_read_or_write_the_file() {
    let fixture = fixture();
    fixture.load();
    let mode = fixture.file().metadata().expect("it is there").mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn the_file_is_mapped_and_its_code_is_not_copied() {
    let fixture = fixture();
    let component = fixture.code.component(&fixture.engine, EMPTY);
    let path = fixture.file();
    let maps = fs::read_to_string("/proc/self/maps").expect("Linux tells");
    let path = path.to_str().expect("UTF-8");
    assert!(maps.contains(path), "{maps}");
    drop(component.expect("it can be loaded"));
}

#[test]
fn a_file_that_others_could_write_is_replaced_and_not_run() {
    let fixture = fixture();
    fixture.load();
    let path = fixture.file();
    let compiled = path.metadata().expect("it is there").ino();
    fs::set_permissions(&path, Permissions::from_mode(0o620)).expect("it is ours");
    assert!(map(&fixture.engine, &path).is_none());
    fixture.load();
    let replaced = fixture.file().metadata().expect("it is there");
    assert_ne!(replaced.ino(), compiled);
    assert_eq!(replaced.mode() & 0o777, 0o600);
}

#[test]
fn only_what_this_user_or_root_alone_can_write_is_trusted() {
    let (root, user, another) = (Uid::from_raw(0), Uid::from_raw(1000), Uid::from_raw(1001));
    for (owner, mode, reader, trusted) in [
        (user, 0o100_600, user, true),
        (user, 0o100_755, user, true),
        (root, 0o100_600, user, true),
        (another, 0o100_600, user, false),
        (user, 0o100_600, root, false),
        (user, 0o100_620, user, false),
        (root, 0o100_602, user, false),
    ] {
        assert_eq!(
            is_trusted(owner, mode, reader),
            trusted,
            "{owner} {mode:o} {reader}"
        );
    }
}

#[test]
fn a_file_that_was_cut_off_is_compiled_anew() {
    let fixture = fixture();
    fixture.load();
    let path = fixture.file();
    let whole = fs::read(&path).expect("it is there");
    for length in [0, 1, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).expect("nobody has it mapped");
        assert!(map(&fixture.engine, &path).is_none(), "{length}");
        fixture.load();
        assert_eq!(fs::read(&path).expect("it is there"), whole);
    }
}

#[test]
fn other_settings_have_a_file_of_their_own() {
    let fixture = fixture();
    let mut settings = wasmtime::Config::new();
    settings.epoch_interruption(true);
    let other = Engine::new(&settings).expect("an engine");
    assert_ne!(name(&fixture.engine, EMPTY), name(&other, EMPTY));
}

#[test]
fn what_was_not_used_for_longest_goes() {
    let fixture = fixture();
    for age in 1..=KEPT as u64 {
        let file = File::create(fixture.folder.path().join(format!("{age}.cwasm")));
        let used = SystemTime::now() - std::time::Duration::from_hours(age);
        file.and_then(|file| file.set_modified(used)).expect("made");
    }
    fixture.load();
    let kept = |age: usize| fixture.folder.path().join(format!("{age}.cwasm")).exists();
    assert!(kept(1) && kept(KEPT - 1) && !kept(KEPT));
}

#[test]
fn without_a_place_for_files_it_is_compiled_at_each_start() {
    let fixture = fixture();
    fs::remove_dir(&fixture.folder).expect("it is empty");
    fixture.load();
}
