//! `/proc` and `/sys`: what they tell of the machine, and its switches in them.

use super::{PLAIN, outcome_on_the_machine, refused};
use crate::fixture::Service;

attempts! { PLAIN;
    set_where_core_dumps_go,
    change_a_setting_of_the_kernel,
    pull_the_magic_key,
    read_the_memory_of_the_machine,
    learn_the_kernels_addresses,
    learn_how_the_machine_was_started,
    learn_of_disks_and_devices,
    learn_of_keys_and_locks,
    learn_the_names_of_cgroups,
    look_into_sys,
    look_for_the_state_directory,
    spare_itself_when_memory_runs_out,
}

async fn set_where_core_dumps_go(service: Service) {
    let sandbox = service.create().await;
    refused(
        &sandbox,
        "open('/proc/sys/kernel/core_pattern', 'w')",
        &["EROFS", "EACCES"],
    )
    .await;
    let limit = sandbox
        .python("import resource; print(resource.getrlimit(resource.RLIMIT_CORE))")
        .await;
    assert_eq!(limit.stdout, "(0, 0)\n", "and none is written");
}

async fn change_a_setting_of_the_kernel(service: Service) {
    let sandbox = service.create().await;
    for setting in [
        "kernel/modprobe",
        "kernel/hotplug",
        "kernel/hostname",
        "kernel/unprivileged_bpf_disabled",
        "kernel/yama/ptrace_scope",
        "vm/overcommit_memory",
        "vm/drop_caches",
        "fs/suid_dumpable",
        "net/ipv4/ip_forward",
        "net/ipv4/ip_unprivileged_port_start",
        "user/max_user_namespaces",
    ] {
        let write = format!("os.open('/proc/sys/{setting}', os.O_WRONLY)");
        refused(&sandbox, &write, &["EROFS", "EACCES", "ENOENT"]).await;
    }
    let user_namespaces = sandbox
        .shell("cat /proc/sys/user/max_user_namespaces")
        .await;
    assert_eq!(user_namespaces.stdout, "0\n");
}

async fn pull_the_magic_key(service: Service) {
    let sandbox = service.create().await;
    // Opened only: what could be written would be done.
    refused(
        &sandbox,
        "os.open('/proc/sysrq-trigger', os.O_WRONLY)",
        &["EROFS", "EACCES", "ENOENT"],
    )
    .await;
}

async fn read_the_memory_of_the_machine(service: Service) {
    let sandbox = service.create().await;
    for path in [
        "/proc/kcore",
        "/proc/kpageflags",
        "/proc/kmsg",
        "/proc/slabinfo",
        "/dev/mem",
        "/dev/kmem",
        "/dev/port",
    ] {
        // Nothing is there, or nothing in it.
        let read =
            format!("if open('{path}', 'rb').read(1) == b'': raise OSError(errno.ENODATA, '')");
        refused(&sandbox, &read, &["ENODATA", "ENOENT", "EACCES"]).await;
        refused(
            &sandbox,
            &format!("os.open('{path}', os.O_WRONLY)"),
            &["EROFS", "EACCES", "ENOENT"],
        )
        .await;
    }
}

/// Each of the files is empty inside; the machine itself has something to say in the first.
async fn is_told_nothing(service: Service, files: &[&str]) {
    let sandbox = service.create().await;
    let read = |path: &str| {
        format!("if open('/proc/{path}').read() == '': raise OSError(errno.ENODATA, '')")
    };
    assert_eq!(outcome_on_the_machine(&read(files[0])), "done");
    for path in files {
        refused(&sandbox, &read(path), &["ENODATA", "ENOENT", "EACCES"]).await;
    }
}

async fn learn_the_kernels_addresses(service: Service) {
    is_told_nothing(
        service,
        &[
            "kallsyms",
            "modules",
            "iomem",
            "ioports",
            "timer_list",
            "vmallocinfo",
            "config.gz",
        ],
    )
    .await;
}

async fn learn_how_the_machine_was_started(service: Service) {
    is_told_nothing(service, &["cmdline"]).await;
}

async fn learn_of_disks_and_devices(service: Service) {
    is_told_nothing(
        service,
        &[
            "devices",
            "partitions",
            "diskstats",
            "interrupts",
            "mdstat",
            "mtrr",
        ],
    )
    .await;
}

async fn learn_of_keys_and_locks(service: Service) {
    is_told_nothing(service, &["key-users", "keys", "locks"]).await;
}

async fn learn_the_names_of_cgroups(service: Service) {
    let sandbox = service.create().await;
    let groups = sandbox
        .shell("cut -d: -f3- /proc/self/cgroup | sort -u")
        .await;
    assert_eq!(groups.stdout, "/\n");
}

async fn look_into_sys(service: Service) {
    let sandbox = service.create().await;
    let found = sandbox.shell("find /sys | wc -l; ls -A /proc/fs /proc/bus /proc/irq /proc/acpi /proc/tty 2>/dev/null | grep -v :").await;
    assert_eq!(found.stdout.trim(), "1");
}

async fn look_for_the_state_directory(service: Service) {
    let sandbox = service.create().await;
    // Programs see where their own directories come from; that alone must open nothing.
    let roots = sandbox
        .shell("awk '{print $4}' /proc/self/mountinfo | sort -u")
        .await
        .stdout;
    for root in roots.lines().filter(|root| root.contains(&sandbox.id)) {
        refused(
            &sandbox,
            &format!("os.open('{root}', os.O_RDONLY)"),
            &["ENOENT", "EACCES"],
        )
        .await;
    }
}

async fn spare_itself_when_memory_runs_out(service: Service) {
    let sandbox = service.create().await;
    refused(
        &sandbox,
        "with open('/proc/self/oom_score_adj', 'w') as file: file.write('-1000')",
        &["EACCES"],
    )
    .await;
}
