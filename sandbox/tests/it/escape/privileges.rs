//! Rights: getting some, or the rights of somebody else.

use super::{PLAIN, refused, succeeds_outside};
use crate::fixture::Service;

attempts! { PLAIN;
    find_a_right_it_has,
    become_root,
    raise_a_capability,
    allow_new_privileges_again,
    run_a_setuid_program,
    make_a_setuid_program,
    give_a_file_capabilities,
    give_a_file_away,
    make_a_user_namespace,
    join_a_group,
    raise_a_limit,
    take_priority,
}

async fn find_a_right_it_has(service: Service) {
    let sandbox = service.create().await;
    let status = "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp)' /proc/self/status | tr -s '[:blank:]' ' ' | sed 's/ $//'";
    let status = sandbox.shell(status).await.stdout;
    for line in [
        "Uid: 1000 1000 1000 1000",
        "Gid: 1000 1000 1000 1000",
        "CapInh: 0000000000000000",
        "CapPrm: 0000000000000000",
        "CapEff: 0000000000000000",
        "CapBnd: 0000000000000000",
        "CapAmb: 0000000000000000",
        "NoNewPrivs: 1",
        "Seccomp: 2",
    ] {
        assert!(
            status.lines().any(|found| found == line),
            "{line} is not in\n{status}"
        );
    }
    let shown = sandbox
        .shell("cat /proc/self/setgroups; cat /proc/self/uid_map | tr -s ' '")
        .await
        .stdout;
    assert!(shown.contains(" 1000 "), "{shown}");
}

async fn become_root(service: Service) {
    let sandbox = service.create().await;
    for attempt in [
        "os.setuid(0)",
        "os.setresuid(0, 0, 0)",
        "os.setgid(0)",
        "os.setuid(65534)",
        "os.seteuid(1)",
    ] {
        refused(&sandbox, attempt, &["EPERM", "EINVAL"]).await;
    }
}

fn prctl(arguments: &str) -> String {
    format!("if libc.prctl({arguments}) == -1: raise OSError(ctypes.get_errno(), '')")
}

async fn raise_a_capability(service: Service) {
    let sandbox = service.create().await;
    // Version 3, then effective, permitted and inheritable of both halves.
    let set = format!(
        "call({}, struct.pack('Ii', 0x20080522, 0), struct.pack('6I', *[1 << 21] * 3, 0, 0, 0))",
        libc::SYS_capset
    );
    succeeds_outside(&set);
    refused(&sandbox, &set, &["EPERM"]).await;
    let ambient = prctl("47, 2, 21, 0, 0");
    refused(&sandbox, &ambient, &["EPERM"]).await;
    let securebits = prctl("28, 0, 0, 0, 0");
    refused(&sandbox, &securebits, &["EPERM"]).await;
}

async fn allow_new_privileges_again(service: Service) {
    let sandbox = service.create().await;
    refused(&sandbox, &prctl("38, 0, 0, 0, 0"), &["EINVAL"]).await;
}

async fn run_a_setuid_program(service: Service) {
    let sandbox = service.create().await;
    let programs = sandbox
        .shell("find /usr /bin /sbin -perm /6000 -type f 2>/dev/null")
        .await
        .stdout;
    assert!(
        programs.lines().any(|path| path.ends_with("/su")),
        "{programs}"
    );
    let who = "for how in '' 'sg root -c' 'su -c' 'newgrp root -c'; do $how id -u < /dev/null 2>/dev/null; done";
    assert_eq!(
        sandbox.shell(who).await.stdout,
        "1000\n",
        "only id by itself answers"
    );
    // No mount honours the bit, should the programs' promise not be enough.
    let mounts = sandbox
        .shell("awk '{print $5, $6}' /proc/self/mountinfo | grep -v nosuid")
        .await;
    assert_eq!(mounts.stdout, "");
}

async fn make_a_setuid_program(service: Service) {
    let sandbox = service.create().await;
    let who = "cp /usr/bin/id mine; chmod 6755 mine; ./mine -u; ./mine -g";
    assert_eq!(sandbox.shell(who).await.stdout, "1000\n1000\n");
    // The machine's own root or others must not be served by it either.
    let state = service.state.join("sandboxes").join(&sandbox.id);
    use std::os::unix::fs::PermissionsExt;
    for folder in [&service.state, &state] {
        let mode = std::fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} is open to others", folder.display());
    }
}

async fn give_a_file_capabilities(service: Service) {
    let sandbox = service.create().await;
    let attempt = "open('file', 'w').close()\nos.setxattr('file', 'security.capability', struct.pack('<5I', 0x02000001, 1 << 21, 0, 0, 0))";
    refused(&sandbox, attempt, &["EPERM", "EOPNOTSUPP"]).await;
    let attempt = "open('file', 'w').close()\nos.setxattr('file', 'trusted.note', b'x')";
    refused(&sandbox, attempt, &["EPERM", "EOPNOTSUPP"]).await;
}

async fn give_a_file_away(service: Service) {
    let sandbox = service.create().await;
    for owner in ["0, 0", "0, -1", "-1, 0", "65534, 65534"] {
        let attempt = format!("open('file', 'w').close()\nos.chown('file', {owner})");
        refused(&sandbox, &attempt, &["EPERM", "EINVAL"]).await;
    }
}

async fn make_a_user_namespace(service: Service) {
    let sandbox = service.create().await;
    let attempt = format!("call({}, {})", libc::SYS_unshare, libc::CLONE_NEWUSER);
    succeeds_outside(&attempt);
    refused(&sandbox, &attempt, &["EPERM"]).await;
    assert_ne!(sandbox.shell("unshare -Ur true").await.end["exitCode"], 0);
}

async fn join_a_group(service: Service) {
    let sandbox = service.create().await;
    refused(&sandbox, "os.setgroups([0])", &["EPERM", "EINVAL"]).await;
    let groups = sandbox
        .python("import os; print(os.getgroups())")
        .await
        .stdout;
    assert!(!groups.contains("[0") && !groups.contains(" 0"), "{groups}");
}

async fn raise_a_limit(service: Service) {
    let sandbox = service.create().await;
    for limit in [
        "RLIMIT_NOFILE",
        "RLIMIT_CORE",
        "RLIMIT_NICE",
        "RLIMIT_RTPRIO",
    ] {
        let attempt = format!(
            "import resource\nhard = resource.getrlimit(resource.{limit})[1]\ntry: resource.setrlimit(resource.{limit}, (hard, hard + 1))\nexcept ValueError: raise OSError(errno.EPERM, '')"
        );
        refused(&sandbox, &attempt, &["EPERM"]).await;
    }
}

async fn take_priority(service: Service) {
    let sandbox = service.create().await;
    refused(&sandbox, "os.nice(-5)", &["EPERM", "EACCES"]).await;
    refused(
        &sandbox,
        "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))",
        &["EPERM"],
    )
    .await;
}
