//! What a running Conductor has taken of the machine: counted before and after, it tells leaks.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::Conductor;
use crate::process_tree::{self, Descendant};

/// Memory that a service may have grown by: its allocator keeps what a busy moment needed. A leak of
/// one page a sandbox would be seen over some thousands of them.
const GROWTH_MIB: u64 = 32;

/// Numbers of things, and the memory of both services.
#[derive(Clone, Debug, Default)]
pub struct Footprint {
    counts: BTreeMap<&'static str, u64>,
    memory_mib: BTreeMap<&'static str, u64>,
    /// What the things are, so that one too many can be named.
    names: BTreeMap<&'static str, Vec<String>>,
}

impl Footprint {
    /// Counts.
    pub fn of(conductor: &Conductor) -> Self {
        let mut footprint = Self::default();
        let (host, sandbox) = (conductor.host_pid(), conductor.sandbox_pid());
        let state = conductor.folder().join("sandbox");
        let mut runs = fs::read_to_string(state.join("run-directory")).unwrap_or_default();
        if runs.is_empty() {
            runs = state.display().to_string();
        }
        let folder = conductor.folder().display().to_string();
        let named = |process: Descendant| format!("{} {}", process.pid, process.name);
        let processes = process_tree::below(sandbox).into_iter().map(named);
        footprint.note("processes", processes.collect());
        footprint.note("mounts", mounts(sandbox, &[&folder, &runs]));
        footprint.note("loop devices", loop_devices(&folder));
        footprint.note("control groups", groups(&state.join("control-groups")));
        footprint.note("files of the sandboxes", files(&state));
        footprint.note("files of their sockets", files(Path::new(&runs)));
        for (names, pid) in [
            (["sandbox: descriptors", "sandbox: threads"], sandbox),
            (["host: descriptors", "host: threads"], host),
        ] {
            footprint.note(names[0], descriptors(pid));
            footprint.note(names[1], entries(&format!("/proc/{pid}/task")));
        }
        footprint
            .memory_mib
            .insert("sandbox: memory, MiB", memory_mib(sandbox));
        footprint
            .memory_mib
            .insert("host: memory, MiB", memory_mib(host));
        footprint
    }

    fn note(&mut self, what: &'static str, mut names: Vec<String>) {
        names.sort();
        self.counts.insert(what, names.len() as u64);
        self.names.insert(what, names);
    }

    /// What there is more of now than before, in words; nothing if all went back.
    pub fn leaks_since(&self, before: &Self) -> Vec<String> {
        let mut leaks = Vec::new();
        for (what, now) in &self.counts {
            let then = before.counts.get(what).copied().unwrap_or_default();
            // A pool of threads grows and shrinks by itself.
            if *now > then && !what.ends_with("threads") {
                let new = self.new_names(before, what);
                leaks.push(format!("{what}: {then} before, {now} after: {new}"));
            }
        }
        for (what, now) in &self.memory_mib {
            let then = before.memory_mib.get(what).copied().unwrap_or_default();
            if *now > then + GROWTH_MIB {
                leaks.push(format!(
                    "{what}: {then} before, {now} after, more than {GROWTH_MIB} on top"
                ));
            }
        }
        leaks
    }

    /// Of what there is more now than before.
    pub fn more_of_than(&self, before: &Self) -> Vec<&'static str> {
        let then = |what| before.counts.get(what).copied().unwrap_or_default();
        let more = self
            .counts
            .iter()
            .filter(|(what, now)| **now > then(**what));
        more.map(|(what, _)| *what).collect()
    }

    fn new_names(&self, before: &Self, what: &str) -> String {
        let nothing = Vec::new();
        let old = before.names.get(what).unwrap_or(&nothing);
        let all = self.names.get(what).unwrap_or(&nothing);
        let new = all.iter().filter(|name| !old.contains(name));
        let new: Vec<_> = new.take(8).map(String::as_str).collect();
        new.join(", ")
    }

    /// A table of what was there before, at the busiest, and what is there after.
    pub fn table(&self, before: &Self, peak: &Self) -> String {
        let mut table = format!("{:<26}{:>8}{:>8}{:>8}\n", "", "before", "peak", "after");
        let lines = |of: &Self| [of.counts.clone(), of.memory_mib.clone()];
        for (now, (then, peak)) in lines(self)
            .iter()
            .zip(lines(before).iter().zip(lines(peak)))
        {
            for (what, now) in now {
                let of = |column: &BTreeMap<_, _>| column.get(what).copied().unwrap_or_default();
                let (then, peak): (u64, u64) = (of(then), of(&peak));
                table.push_str(&format!("{what:<26}{then:>8}{peak:>8}{now:>8}\n"));
            }
        }
        table
    }
}

/// Mounts that a service sees and that have to do with its folders.
fn mounts(pid: i32, folders: &[&str]) -> Vec<String> {
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    let ours = |line: &&str| folders.iter().any(|folder| line.contains(folder));
    mounts.lines().filter(ours).map(str::to_owned).collect()
}

fn loop_devices(folder: &str) -> Vec<String> {
    let file = |name: &String| {
        let path = format!("/sys/block/{name}/loop/backing_file");
        fs::read_to_string(path).unwrap_or_default()
    };
    let devices = entries("/sys/block").into_iter();
    devices
        .filter(|name| name.starts_with("loop") && file(name).contains(folder))
        .collect()
}

/// Groups below those that the service has noted as its own.
fn groups(note: &Path) -> Vec<String> {
    let note = fs::read_to_string(note).unwrap_or_default();
    let below = |group: &str| {
        let all = fs::read_dir(group).into_iter().flatten().flatten();
        all.filter(|entry| entry.path().is_dir())
            .map(|entry| entry.path().display().to_string())
            .collect::<Vec<_>>()
    };
    note.lines().flat_map(below).collect()
}

fn files(root: &Path) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path: PathBuf = entry.path();
            found.push(path.display().to_string());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path);
            }
        }
    }
    found
}

fn descriptors(pid: i32) -> Vec<String> {
    let folder = format!("/proc/{pid}/fd");
    let target = |name: String| {
        let target = fs::read_link(format!("{folder}/{name}")).unwrap_or_default();
        format!("{name} {}", target.display())
    };
    entries(&folder).into_iter().map(target).collect()
}

fn entries(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

fn memory_mib(pid: i32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}
