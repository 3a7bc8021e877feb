//! What runs: all that descends from a process (in sandboxes nothing gets another parent outside), and
//! what was called in some way.

use std::collections::HashMap;
use std::fs;

/// A process below another one.
pub(crate) struct Descendant {
    /// Its number, as the machine counts.
    pub(crate) pid: i32,
    /// The name of its program, cut off by the kernel.
    pub(crate) name: String,
}

/// The children of `root`, their children, and so on; without `root`.
pub(crate) fn below(root: i32) -> Vec<Descendant> {
    let mut children: HashMap<i32, Vec<Descendant>> = HashMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let Some((name, rest)) = stat.rsplit_once(')') else {
            continue;
        };
        let parent = rest.split_whitespace().nth(1);
        if let Some(parent) = parent.and_then(|parent| parent.parse().ok()) {
            let name = name.split_once('(').map_or("", |(_, name)| name).to_owned();
            children
                .entry(parent)
                .or_default()
                .push(Descendant { pid, name });
        }
    }
    let (mut found, mut open) = (Vec::new(), vec![root]);
    while let Some(parent) = open.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            open.push(child.pid);
            found.push(child);
        }
    }
    found
}

/// The command lines of the machine's processes that contain a text.
pub fn processes_with(text: &str) -> Vec<String> {
    let entries = fs::read_dir("/proc").expect("there is /proc");
    entries
        .filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(text))
        .collect()
}
