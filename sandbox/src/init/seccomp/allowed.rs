//! The system calls that programs may make without a condition, by what they are for.
//!
//! Modelled on what container engines permit to a container without capabilities. What is missing is
//! missing for a reason:
//!
//! - mounts, namespaces, other roots: `mount`, `umount2`, `pivot_root`, `chroot`, `setns`, the new
//!   mount calls (`fsopen`, `open_tree`, `move_mount`, `mount_setattr`, …) and `statmount`;
//! - other processes' memory and descriptors: `ptrace`, `process_vm_*`, `process_madvise`,
//!   `pidfd_getfd`, `kcmp`;
//! - large parts of the kernel with a history of holes: `bpf`, `perf_event_open`, `userfaultfd`,
//!   `io_uring_*`, `keyctl` and its kin, `modify_ldt`, `vmsplice`, `fanotify_*`;
//! - what is the machine's: modules, `kexec_*`, `reboot`, `swapon`, clocks, `syslog`, `quotactl`,
//!   `acct`, host names, `ioperm`, NUMA placement, `open_by_handle_at`;
//! - what all sandboxes share a small amount of, or could stall: `io_setup` (the machine has 65536
//!   events), `sync` (it writes out every disk of the machine; `fsync` and `syncfs` are allowed).

use libc::*;

/// Everywhere.
pub const ALLOWED: &[&[c_long]] = &[
    FILES, DIRECTORIES, DESCRIPTORS, MEMORY, PROCESSES, IDENTITY, SCHEDULING, SIGNALS, TIME, SOCKETS,
    SHARED, SELF_RESTRICTION,
];

const FILES: &[c_long] = &[
    SYS_openat, SYS_openat2, SYS_close, SYS_close_range, SYS_read, SYS_write, SYS_readv, SYS_writev,
    SYS_pread64, SYS_pwrite64, SYS_preadv, SYS_pwritev, SYS_preadv2, SYS_pwritev2, SYS_lseek,
    SYS_fstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs, SYS_faccessat, SYS_faccessat2,
    SYS_truncate, SYS_ftruncate, SYS_fallocate, SYS_fadvise64, SYS_readahead, SYS_fsync, SYS_fdatasync,
    SYS_syncfs, SYS_copy_file_range, SYS_sendfile, SYS_splice, SYS_tee,
    SYS_fchmod, SYS_fchmodat, SYS_fchown, SYS_fchownat, SYS_utimensat, SYS_umask, SYS_flock,
    SYS_getxattr, SYS_lgetxattr, SYS_fgetxattr, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr,
    SYS_listxattr, SYS_llistxattr, SYS_flistxattr, SYS_removexattr, SYS_lremovexattr, SYS_fremovexattr,
    since::FCHMODAT2, since::CACHESTAT,
];

const DIRECTORIES: &[c_long] = &[
    SYS_getdents64, SYS_getcwd, SYS_chdir, SYS_fchdir, SYS_mkdirat, SYS_mknodat, SYS_unlinkat,
    SYS_renameat2, SYS_linkat, SYS_symlinkat, SYS_readlinkat, SYS_inotify_init1,
    SYS_inotify_add_watch, SYS_inotify_rm_watch,
];

const DESCRIPTORS: &[c_long] = &[
    SYS_dup, SYS_dup3, SYS_fcntl, SYS_pipe2, SYS_eventfd2, SYS_epoll_create1, SYS_epoll_ctl,
    SYS_epoll_pwait, SYS_epoll_pwait2, SYS_ppoll, SYS_pselect6, SYS_memfd_create,
];

const MEMORY: &[c_long] = &[
    SYS_brk, SYS_mmap, SYS_munmap, SYS_mremap, SYS_mprotect, SYS_madvise, SYS_msync, SYS_mincore,
    SYS_mlock, SYS_mlock2, SYS_mlockall, SYS_munlock, SYS_munlockall, SYS_remap_file_pages,
    SYS_membarrier, SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect, since::MAP_SHADOW_STACK,
    since::MSEAL,
];

const PROCESSES: &[c_long] = &[
    // clone3 gets its own answer, see `super::unknown`.
    SYS_clone3, SYS_execve, SYS_execveat, SYS_exit, SYS_exit_group, SYS_wait4, SYS_waitid, SYS_getpid,
    SYS_getppid, SYS_gettid, SYS_getpgid, SYS_setpgid, SYS_getsid, SYS_setsid, SYS_pidfd_open,
    SYS_prctl, SYS_getrusage, SYS_prlimit64, SYS_set_tid_address,
    SYS_set_robust_list, SYS_get_robust_list, SYS_rseq, SYS_futex, SYS_futex_waitv, since::FUTEX_WAKE,
    since::FUTEX_WAIT, since::FUTEX_REQUEUE, SYS_uname, SYS_sysinfo, SYS_getrandom,
    SYS_restart_syscall,
];

/// To ask, and to change to what one is already.
const IDENTITY: &[c_long] = &[
    SYS_getuid, SYS_geteuid, SYS_getresuid, SYS_getgid, SYS_getegid, SYS_getresgid, SYS_getgroups,
    SYS_setuid, SYS_setreuid, SYS_setresuid, SYS_setfsuid, SYS_setgid, SYS_setregid, SYS_setresgid,
    SYS_setfsgid, SYS_setgroups, SYS_capget, SYS_capset,
];

const SCHEDULING: &[c_long] = &[
    SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_setaffinity, SYS_sched_getparam,
    SYS_sched_setparam, SYS_sched_getscheduler, SYS_sched_setscheduler, SYS_sched_getattr,
    SYS_sched_setattr, SYS_sched_get_priority_max, SYS_sched_get_priority_min,
    SYS_sched_rr_get_interval, SYS_getpriority, SYS_setpriority, SYS_ioprio_get, SYS_ioprio_set,
    SYS_getcpu,
];

const SIGNALS: &[c_long] = &[
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending, SYS_rt_sigsuspend,
    SYS_rt_sigtimedwait, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_sigaltstack, SYS_signalfd4,
    SYS_kill, SYS_tkill, SYS_tgkill, SYS_pidfd_send_signal,
];

const TIME: &[c_long] = &[
    SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday,
    SYS_times, SYS_getitimer, SYS_setitimer, SYS_timer_create, SYS_timer_delete, SYS_timer_getoverrun,
    SYS_timer_gettime, SYS_timer_settime, SYS_timerfd_create, SYS_timerfd_gettime, SYS_timerfd_settime,
];

/// Making one has conditions, see `super::conditional`.
const SOCKETS: &[c_long] = &[
    SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_connect, SYS_shutdown, SYS_getsockname,
    SYS_getpeername, SYS_getsockopt, SYS_setsockopt, SYS_sendto, SYS_sendmsg, SYS_sendmmsg,
    SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg,
];

/// Within the sandbox's own ipc namespace.
const SHARED: &[c_long] = &[
    SYS_shmget, SYS_shmat, SYS_shmdt, SYS_shmctl, SYS_semget, SYS_semop, SYS_semctl, SYS_semtimedop,
    SYS_msgget, SYS_msgsnd, SYS_msgrcv, SYS_msgctl, SYS_mq_open, SYS_mq_unlink, SYS_mq_timedsend,
    SYS_mq_timedreceive, SYS_mq_notify, SYS_mq_getsetattr,
];

/// A program may lock itself up further.
const SELF_RESTRICTION: &[c_long] = &[
    SYS_seccomp, SYS_landlock_create_ruleset, SYS_landlock_add_rule, SYS_landlock_restrict_self,
];

/// What not every architecture has, or the libc crate does not name on every one.
#[cfg(target_arch = "x86_64")]
pub const OF_THIS_ARCHITECTURE: &[c_long] = &[
    SYS_open, SYS_creat, SYS_stat, SYS_lstat, SYS_access, SYS_mkdir, SYS_rmdir, SYS_unlink, SYS_rename,
    SYS_link, SYS_symlink, SYS_readlink, SYS_mknod, SYS_chmod, SYS_chown, SYS_lchown, SYS_utime,
    SYS_utimes, SYS_futimesat, SYS_getdents, SYS_dup2, SYS_pipe, SYS_poll, SYS_select, SYS_epoll_create,
    SYS_epoll_wait, SYS_eventfd, SYS_signalfd, SYS_inotify_init, SYS_fork, SYS_vfork, SYS_getpgrp,
    SYS_pause, SYS_alarm, SYS_time, SYS_arch_prctl, SYS_sync_file_range, SYS_renameat, SYS_getrlimit,
    SYS_setrlimit,
];
/// renameat (which rename is, there), sync_file_range, getrlimit, setrlimit.
#[cfg(target_arch = "aarch64")]
pub const OF_THIS_ARCHITECTURE: &[c_long] = &[38, 84, 163, 164];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub const OF_THIS_ARCHITECTURE: &[c_long] = &[];

/// Calls that the libc crate does not name yet; their numbers are the same on every architecture.
pub mod since {
    use libc::c_long;

    pub const CACHESTAT: c_long = 451;
    pub const FCHMODAT2: c_long = 452;
    pub const MAP_SHADOW_STACK: c_long = 453;
    pub const FUTEX_WAKE: c_long = 454;
    pub const FUTEX_WAIT: c_long = 455;
    pub const FUTEX_REQUEUE: c_long = 456;
    pub const MSEAL: c_long = 462;
}
