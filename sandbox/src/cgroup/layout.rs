//! Where the machine keeps control groups, and in which of them the service itself is.
//!
//! Version 1 has a hierarchy for each controller or few of them, version 2 one for all. On hybrid
//! machines both are there, and each controller belongs to one of them.

use std::path::{Path, PathBuf};

/// What a group can do for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Controller {
    /// Limits memory, tells how much is used.
    Memory,
    /// Limits processes and threads.
    Pids,
    /// Limits processor time.
    Cpu,
    /// Tells processor time.
    CpuTime,
    /// Freezes.
    Freezer,
}

/// The two interfaces of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// One hierarchy for each set of controllers.
    V1,
    /// The unified hierarchy.
    V2,
}

/// A mounted hierarchy that has something we need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Which files its groups have.
    pub version: Version,
    /// Where it is mounted.
    pub root: PathBuf,
    /// The service's own group.
    pub own: PathBuf,
    /// What it offers, as far as we need it.
    pub controllers: Vec<Controller>,
}

/// Reads `/proc/self/mountinfo` and `/proc/self/cgroup`. `offered` tells the controllers of a group
/// of version 2: the content of its `cgroup.controllers`.
pub fn read(
    mountinfo: &str,
    membership: &str,
    offered: impl Fn(&Path) -> String,
) -> Vec<Hierarchy> {
    membership
        .lines()
        .filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            hierarchy(mountinfo, fields.next()?, fields.next()?, &offered)
        })
        .collect()
}

fn hierarchy(
    mountinfo: &str,
    names: &str,
    path: &str,
    offered: impl Fn(&Path) -> String,
) -> Option<Hierarchy> {
    let version = match names {
        "" => Version::V2,
        _ => Version::V1,
    };
    let names: Vec<&str> = names.split(',').collect();
    let (root, own) = mountinfo
        .lines()
        .filter_map(Mount::read)
        .filter(|mount| match version {
            Version::V1 => mount.kind == "cgroup" && names.iter().all(|name| mount.has(name)),
            Version::V2 => mount.kind == "cgroup2",
        })
        .find_map(|mount| {
            // Without a cgroup namespace, a container's mount shows only what is below its root.
            let below = Path::new(path).strip_prefix(mount.root).ok()?;
            let outside = below.components().any(|part| part.as_os_str() == "..");
            // Collected anew: joined with nothing, a path would end with a slash.
            let own: PathBuf = mount.point.join(below).components().collect();
            (!outside).then(|| (mount.point.to_owned(), own))
        })?;
    let mut controllers: Vec<_> = match version {
        Version::V1 => names.into_iter().flat_map(named).collect(),
        Version::V2 => offered(&own).split_whitespace().flat_map(named).collect(),
    };
    if version == Version::V2 {
        // Every group of version 2 has these, also on a hybrid machine.
        controllers.retain(|controller| !matches!(controller, Controller::CpuTime));
        controllers.extend([Controller::CpuTime, Controller::Freezer]);
    }
    (!controllers.is_empty()).then_some(Hierarchy {
        version,
        root,
        own,
        controllers,
    })
}

fn named(name: &str) -> Option<Controller> {
    Some(match name {
        "memory" => Controller::Memory,
        "pids" => Controller::Pids,
        "cpu" => Controller::Cpu,
        "cpuacct" => Controller::CpuTime,
        "freezer" => Controller::Freezer,
        _ => return None,
    })
}

/// A line of `/proc/self/mountinfo`.
struct Mount<'a> {
    root: &'a str,
    point: &'a Path,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let (place, system) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let mut system = system.split(' ');
        Some(Self {
            root: place.next()?,
            point: Path::new(place.next()?),
            kind: system.next()?,
            options: system.nth(1)?,
        })
    }

    fn has(&self, controller: &str) -> bool {
        self.options.split(',').any(|option| option == controller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One line a hierarchy: version, own group, controllers.
    fn check(mountinfo: &str, membership: &str, offered: &str, expected: &[&str]) {
        let found: Vec<String> = read(mountinfo, membership, |_| offered.to_owned())
            .iter()
            .map(|found| {
                format!(
                    "{:?} {} {:?}",
                    found.version,
                    found.own.display(),
                    found.controllers
                )
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn version_1_has_a_hierarchy_for_each() {
        check(
            "25 20 0:22 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
             26 20 0:23 / /sys/fs/cgroup/memory rw,nosuid shared:10 - cgroup cgroup rw,memory\n\
             27 20 0:24 / /sys/fs/cgroup/pids rw,nosuid shared:11 - cgroup cgroup rw,pids\n\
             28 20 0:25 / /sys/fs/cgroup/devices rw,nosuid shared:12 - cgroup cgroup rw,devices\n",
            "4:devices:/\n3:pids:/user.slice\n2:memory:/\n1:cpu,cpuacct:/\n",
            "",
            &[
                "V1 /sys/fs/cgroup/pids/user.slice [Pids]",
                "V1 /sys/fs/cgroup/memory [Memory]",
                "V1 /sys/fs/cgroup/cpu,cpuacct [Cpu, CpuTime]",
            ],
        );
    }

    #[test]
    fn version_2_delegated_by_systemd_has_one_for_all() {
        check(
            "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
            "0::/system.slice/conductor.service\n",
            "cpuset cpu io memory pids\n",
            &[
                "V2 /sys/fs/cgroup/system.slice/conductor.service [Cpu, Memory, Pids, CpuTime, Freezer]",
            ],
        );
    }

    #[test]
    fn a_hybrid_machine_has_both() {
        check(
            "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
             33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n\
             35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n",
            "9:name=systemd:/\n4:memory:/job/1\n2:cpuacct:/\n1:cpu:/\n0::/\n",
            "hugetlb\n",
            &[
                "V1 /sys/fs/cgroup/memory/job/1 [Memory]",
                "V1 /sys/fs/cgroup/cpuacct [CpuTime]",
                "V1 /sys/fs/cgroup/cpu [Cpu]",
                "V2 /sys/fs/cgroup/unified [CpuTime, Freezer]",
            ],
        );
    }

    #[test]
    fn a_container_sees_its_own_part() {
        let mount = "40 39 0:35 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
        check(
            mount,
            "2:memory:/docker/abc/x\n",
            "",
            &["V1 /sys/fs/cgroup/memory/x [Memory]"],
        );
        check(mount, "2:memory:/elsewhere\n", "", &[]);
    }

    #[test]
    fn a_machine_may_have_none() {
        check(
            "20 1 0:19 / /proc rw - proc proc rw\n",
            "0::/\n1:pids:/\n",
            "memory",
            &[],
        );
    }
}
