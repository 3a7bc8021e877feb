//! System calls that programs have no business with.
//!
//! Most of these the kernel refuses to whoever has no capabilities, too. That the answer is the
//! filter's shows where it differs: `userfaultfd` for user mode, `io_uring_setup`, `keyctl`, tracing
//! oneself, `personality`, `modify_ldt`, `io_setup`, `sync` need no right at all.

use super::{PLAIN, outcome, refused, succeeds_outside};
use crate::fixture::Service;

attempts! { PLAIN;
    mount_a_file_system,
    mount_with_the_new_calls,
    unmount_what_is_in_the_way,
    change_the_root,
    make_namespaces,
    enter_a_namespace,
    clone_with_flags_in_memory,
    use_keyrings,
    use_userfaultfd,
    use_io_uring,
    use_asynchronous_io_of_the_kernel,
    load_a_module,
    load_another_kernel,
    load_a_program_into_the_kernel,
    watch_performance_counters,
    watch_a_whole_file_system,
    swap_account_and_limit,
    change_the_clock,
    reboot_the_machine,
    read_the_kernels_log,
    change_the_host_name,
    change_its_personality,
    change_its_segments,
    write_out_every_disk,
    type_into_a_terminal,
    call_with_the_numbers_of_x32,
    call_with_the_numbers_of_32_bits,
    call_what_is_newer_than_the_filter,
}

const REFUSED: [&str; 1] = ["EPERM"];

async fn each_is_refused(service: &Service, attempts: &[String]) {
    let sandbox = service.create().await;
    for attempt in attempts {
        refused(&sandbox, attempt, &REFUSED).await;
    }
}

fn call(number: libc::c_long, arguments: &str) -> String {
    format!("call({number}, {arguments})")
}

async fn mount_a_file_system(service: Service) {
    let mount = call(libc::SYS_mount, "b'none', b'/tmp', b'tmpfs', 0, 0");
    succeeds_outside(&mount);
    let bind = call(libc::SYS_mount, "b'/usr', b'/tmp', 0, 4096, 0");
    succeeds_outside(&bind);
    let remount = call(libc::SYS_mount, "0, b'/usr', 0, 0x20 | 0x1000, 0");
    let proc = call(libc::SYS_mount, "b'proc', b'/tmp', b'proc', 0, 0");
    each_is_refused(&service, &[mount, bind, remount, proc]).await;
}

async fn mount_with_the_new_calls(service: Service) {
    let open = call(libc::SYS_fsopen, "b'tmpfs', 0");
    succeeds_outside(&open);
    let clone = call(libc::SYS_open_tree, "-100, b'/tmp', 1");
    succeeds_outside(&clone);
    let others = [
        call(libc::SYS_fsconfig, "-1, 6, 0, 0, 0"),
        call(libc::SYS_fsmount, "-1, 0, 0"),
        call(libc::SYS_fspick, "-100, b'/tmp', 0"),
        call(libc::SYS_move_mount, "-100, b'/usr', -100, b'/tmp', 0"),
        call(libc::SYS_mount_setattr, "-100, b'/', 0x8000, bytes(32), 32"),
        // statmount and listmount, which the libc crate does not name.
        call(457, "bytes(32), bytes(512), 512, 0"),
        call(458, "bytes(32), bytes(512), 64, 0"),
    ];
    each_is_refused(&service, &[vec![open, clone], others.to_vec()].concat()).await;
}

async fn unmount_what_is_in_the_way(service: Service) {
    let outside = format!(
        "{}\n{}",
        call(libc::SYS_mount, "b'none', b'/tmp', b'tmpfs', 0, 0"),
        call(libc::SYS_umount2, "b'/tmp', 0")
    );
    succeeds_outside(&outside);
    let paths = ["/tmp", "/proc/keys", "/proc/sys", "/usr", "/"];
    let attempts = paths.map(|path| call(libc::SYS_umount2, &format!("b'{path}', 2")));
    each_is_refused(&service, &attempts).await;
}

async fn change_the_root(service: Service) {
    let chroot = call(libc::SYS_chroot, "b'/tmp'");
    succeeds_outside(&chroot);
    let pivot = call(libc::SYS_pivot_root, "b'/', b'/'");
    each_is_refused(&service, &[chroot, pivot]).await;
}

async fn make_namespaces(service: Service) {
    let flags = [
        libc::CLONE_NEWUSER,
        libc::CLONE_NEWNS,
        libc::CLONE_NEWPID,
        libc::CLONE_NEWNET,
        libc::CLONE_NEWIPC,
        libc::CLONE_NEWUTS,
        libc::CLONE_NEWCGROUP,
        libc::CLONE_NEWUSER | libc::CLONE_NEWNS,
        0x80, // CLONE_NEWTIME
    ];
    let unshare = flags.map(|flags| call(libc::SYS_unshare, &flags.to_string()));
    succeeds_outside(&unshare[0]);
    let clone = flags[..8].iter().map(|flags| {
        call(
            libc::SYS_clone,
            &format!("{}, 0, 0, 0, 0", flags | libc::SIGCHLD),
        )
    });
    each_is_refused(&service, &[unshare.to_vec(), clone.collect()].concat()).await;
    // What programs use all the time.
    let sandbox = service.create().await;
    assert_eq!(
        outcome(
            &sandbox,
            "child = os.fork()\nif child == 0: os._exit(0)\nos.waitpid(child, 0)"
        )
        .await,
        "done"
    );
}

async fn enter_a_namespace(service: Service) {
    let enter = |name: &str| {
        call(
            libc::SYS_setns,
            &format!("os.open('/proc/self/ns/{name}', os.O_RDONLY), 0"),
        )
    };
    succeeds_outside(&enter("net"));
    let attempts = ["user", "mnt", "net", "pid", "ipc", "uts", "cgroup"].map(enter);
    each_is_refused(&service, &attempts).await;
}

async fn clone_with_flags_in_memory(service: Service) {
    let sandbox = service.create().await;
    let arguments = format!(
        "struct.pack('11Q', {}, 0, 0, 0, {}, 0, 0, 0, 0, 0, 0), 88",
        libc::CLONE_NEWUSER,
        libc::SIGCHLD
    );
    // For C libraries this means: use clone instead. They do, and a filter sees those flags.
    refused(&sandbox, &call(libc::SYS_clone3, &arguments), &["ENOSYS"]).await;
    assert_eq!(
        outcome(
            &sandbox,
            "import threading\nt = threading.Thread(target=print)\nt.start(); t.join()"
        )
        .await,
        "done"
    );
}

async fn use_keyrings(service: Service) {
    let get = call(libc::SYS_keyctl, "0, -3, 1");
    succeeds_outside(&get);
    let attempts = [
        get,
        call(libc::SYS_keyctl, "1, b'name'"),
        call(libc::SYS_add_key, "b'user', b'name', b'value', 5, -3"),
        call(libc::SYS_request_key, "b'user', b'name', 0, -3"),
    ];
    each_is_refused(&service, &attempts).await;
}

async fn use_userfaultfd(service: Service) {
    let attempts = [
        call(libc::SYS_userfaultfd, "1"),
        call(libc::SYS_userfaultfd, "os.O_CLOEXEC"),
    ];
    each_is_refused(&service, &attempts).await;
    let sandbox = service.create().await;
    refused(
        &sandbox,
        "os.open('/dev/userfaultfd', os.O_RDWR)",
        &["ENOENT", "EACCES"],
    )
    .await;
}

async fn use_io_uring(service: Service) {
    let attempts = [
        call(
            libc::SYS_io_uring_setup,
            "4, ctypes.create_string_buffer(120)",
        ),
        call(libc::SYS_io_uring_enter, "-1, 0, 0, 0, 0, 0"),
        call(libc::SYS_io_uring_register, "-1, 0, 0, 0"),
    ];
    each_is_refused(&service, &attempts).await;
}

async fn use_asynchronous_io_of_the_kernel(service: Service) {
    let setup = call(libc::SYS_io_setup, "1, ctypes.create_string_buffer(8)");
    succeeds_outside(&setup);
    each_is_refused(&service, &[setup]).await;
}

async fn load_a_module(service: Service) {
    let attempts = [
        call(libc::SYS_init_module, "bytes(64), 64, b''"),
        call(
            libc::SYS_finit_module,
            "os.open('/dev/null', os.O_RDONLY), b'', 0",
        ),
        call(libc::SYS_delete_module, "b'no_such_module', os.O_NONBLOCK"),
    ];
    each_is_refused(&service, &attempts).await;
}

async fn load_another_kernel(service: Service) {
    let attempts = [
        call(libc::SYS_kexec_load, "0, 0, 0, 0"),
        call(libc::SYS_kexec_file_load, "-1, -1, 0, 0, 0"),
    ];
    each_is_refused(&service, &attempts).await;
}

async fn load_a_program_into_the_kernel(service: Service) {
    each_is_refused(
        &service,
        &[call(
            libc::SYS_bpf,
            "0, ctypes.create_string_buffer(72), 72",
        )],
    )
    .await;
}

async fn watch_performance_counters(service: Service) {
    let open = "ctypes.create_string_buffer(struct.pack('IIQ', 1, 120, 0), 120), 0, -1, -1, 0";
    each_is_refused(&service, &[call(libc::SYS_perf_event_open, open)]).await;
}

async fn watch_a_whole_file_system(service: Service) {
    each_is_refused(&service, &[call(libc::SYS_fanotify_init, "0, 0")]).await;
}

async fn swap_account_and_limit(service: Service) {
    let attempts = [
        call(libc::SYS_swapon, "b'/no/such/file', 0"),
        call(libc::SYS_swapoff, "b'/no/such/file'"),
        call(libc::SYS_acct, "b'/no/such/file'"),
        call(libc::SYS_quotactl, "0x800007, 0, 0, 0"),
    ];
    each_is_refused(&service, &attempts).await;
}

async fn change_the_clock(service: Service) {
    // Without a time to set: where it is not refused, nothing happens.
    let attempts = [
        call(libc::SYS_settimeofday, "0, 0"),
        call(libc::SYS_clock_settime, "0, 0"),
        call(libc::SYS_adjtimex, "0"),
        call(libc::SYS_clock_adjtime, "0, 0"),
    ];
    each_is_refused(&service, &attempts).await;
}

async fn reboot_the_machine(service: Service) {
    // Only asks that Ctrl-Alt-Del be a signal, as it is.
    each_is_refused(
        &service,
        &[call(libc::SYS_reboot, "0xfee1dead, 672274793, 0, 0")],
    )
    .await;
}

async fn read_the_kernels_log(service: Service) {
    each_is_refused(
        &service,
        &[
            call(libc::SYS_syslog, "10, 0, 0"),
            call(libc::SYS_syslog, "3, bytes(99), 99"),
        ],
    )
    .await;
}

async fn change_the_host_name(service: Service) {
    let attempts = [
        call(libc::SYS_sethostname, "b'other', 5"),
        call(libc::SYS_setdomainname, "b'other', 5"),
    ];
    each_is_refused(&service, &attempts).await;
    let sandbox = service.create().await;
    let name = sandbox
        .python("import socket; print(socket.gethostname())")
        .await
        .stdout;
    assert_eq!(name.trim(), sandbox.id);
}

async fn change_its_personality(service: Service) {
    // No randomisation of addresses; pages that are executable by being readable.
    let attempts = ["0x0040000", "0x0400000"].map(|flags| call(libc::SYS_personality, flags));
    succeeds_outside(&attempts[0]);
    each_is_refused(&service, &attempts).await;
    let sandbox = service.create().await;
    assert_eq!(
        outcome(&sandbox, &call(libc::SYS_personality, "0xffffffff")).await,
        "done"
    );
}

async fn change_its_segments(service: Service) {
    #[cfg(target_arch = "x86_64")]
    let attempts = [
        call(
            libc::SYS_modify_ldt,
            "0, ctypes.create_string_buffer(16), 16",
        ),
        call(libc::SYS_iopl, "3"),
        call(libc::SYS_ioperm, "0, 1, 1"),
    ];
    #[cfg(not(target_arch = "x86_64"))]
    let attempts = [call(libc::SYS_vmsplice, "-1, 0, 0, 0")];
    each_is_refused(&service, &attempts).await;
}

async fn write_out_every_disk(service: Service) {
    each_is_refused(&service, &[call(libc::SYS_sync, "0")]).await;
}

async fn type_into_a_terminal(service: Service) {
    let attempts = ["TIOCSTI", "TIOCSETD", "0x541C"].map(|request| {
        let request = match request.strip_prefix("TIO") {
            Some(_) => format!("termios.{request}"),
            None => request.to_owned(),
        };
        format!("import fcntl, pty, termios\nours, theirs = pty.openpty()\nfcntl.ioctl(theirs, {request}, b'x\\0\\0\\0')")
    });
    each_is_refused(&service, &attempts).await;
}

#[cfg(target_arch = "x86_64")]
async fn call_with_the_numbers_of_x32(service: Service) {
    let sandbox = service.create().await;
    for number in [libc::SYS_getpid, libc::SYS_mount, libc::SYS_ptrace] {
        refused(
            &sandbox,
            &call(0x4000_0000 + number, "0, 0, 0, 0, 0"),
            &["ENOSYS"],
        )
        .await;
    }
}

#[cfg(target_arch = "x86_64")]
async fn call_with_the_numbers_of_32_bits(service: Service) {
    let sandbox = service.create().await;
    // mov eax, 20 (getpid, there); int 0x80; ret
    let code = "import ctypes, mmap
page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
print('before', flush=True)
print(ctypes.CFUNCTYPE(ctypes.c_long)(address)())";
    let output = sandbox.python(code).await;
    assert_eq!(output.stdout, "before\n", "{output:?}");
    assert_eq!(output.end["status"], "signal: SIGSYS", "{output:?}");
}

/// There is one numbering only.
#[cfg(not(target_arch = "x86_64"))]
async fn call_with_the_numbers_of_x32(service: Service) {
    call_what_is_newer_than_the_filter(service).await;
}

#[cfg(not(target_arch = "x86_64"))]
async fn call_with_the_numbers_of_32_bits(service: Service) {
    call_what_is_newer_than_the_filter(service).await;
}

async fn call_what_is_newer_than_the_filter(service: Service) {
    let sandbox = service.create().await;
    for number in [463, 467, 600, 4000] {
        refused(&sandbox, &call(number, "0, 0, 0, 0, 0"), &["ENOSYS"]).await;
    }
}
