"""Entering a sandbox's namespaces, and giving up all rights there, as its init has done."""

import ctypes
import os
import resource
import struct

libc = ctypes.CDLL(None, use_errno=True)
libc.sbrk.restype = ctypes.c_size_t

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_MM = 35
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_SET_MM_MAP = 14
PR_CAP_AMBIENT_CLEAR_ALL = 4
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION_3 = 0x20080522
LANDLOCK_RESTRICT_SELF = 446
MADV_COLLAPSE = 25
SIGKILL = 9
EINVAL = 22
# As the init gives them.
PROGRAMS = 500


class Failed(Exception):
    pass


def check(outcome, step):
    if outcome < 0:
        raise Failed(f"{step}: {os.strerror(ctypes.get_errno())}")
    return outcome


def prctl(option, *arguments):
    numbers = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    return libc.prctl(option, *numbers)


def die_with_parent():
    check(prctl(PR_SET_PDEATHSIG, SIGKILL), "die with the parent")


def adopt_orphans():
    check(prctl(PR_SET_CHILD_SUBREAPER, 1), "adopt orphans")


def enter(namespaces, user):
    """Enter the namespaces, the user namespace first: it gives the rights that the others ask for.

    The pid namespace holds for the next child.
    """
    for descriptor in namespaces:
        check(libc.setns(descriptor, 0), "enter a namespace")
    try:
        os.setgroups([])
    except PermissionError:
        pass  # an ordinary user may not change groups in a namespace; the kernel insists
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def limit(limits):
    """What every process of the sandbox is limited to, by the names of setrlimit(2)."""
    for name, value in limits.items():
        number = getattr(resource, name)
        most = resource.getrlimit(number)[1]
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(number, (value, value))


def raise_oom_score():
    """Programs go first when memory runs out, not what they are forked from."""
    try:
        with open("/proc/self/oom_score_adj", "r+") as score:
            if int(score.read()) < PROGRAMS:
                score.seek(0)
                score.write(str(PROGRAMS))
    except (OSError, ValueError):
        pass  # it is only the order in which processes go


def confine(landlock, filters):
    """Give up all capabilities and the way to get any back, then everything else, for good."""
    os.setsid()
    for capability in range(64):
        if prctl(PR_CAPBSET_DROP, capability) < 0:
            if ctypes.get_errno() != EINVAL:
                raise Failed("drop a capability")
            break  # the kernel knows no more of them
    check(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL), "drop ambient capabilities")
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    check(libc.capset(header, (ctypes.c_uint32 * 6)()), "drop capabilities")
    check(prctl(PR_SET_NO_NEW_PRIVS, 1), "set no-new-privileges")
    # As after an exec: the programs of a sandbox may look at each other.
    check(prctl(PR_SET_DUMPABLE, 1), "open /proc/self")
    os.umask(0o022)
    if landlock is not None:
        check(libc.syscall(LANDLOCK_RESTRICT_SELF, landlock, 0), "restrict files with landlock")
    for instructions in filters:
        install(instructions)


def install(instructions):
    """Install one seccomp filter: `struct sock_filter`s of eight bytes each."""
    text = ctypes.create_string_buffer(instructions, len(instructions))
    program = struct.pack("@HP", len(instructions) // 8, ctypes.addressof(text))
    program = ctypes.create_string_buffer(program, len(program))
    outcome = libc.prctl(
        PR_SET_SECCOMP,
        ctypes.c_ulong(SECCOMP_MODE_FILTER),
        ctypes.c_ulong(ctypes.addressof(program)),
    )
    check(outcome, "install a seccomp filter")


def gather_pages():
    """Into huge ones, as far as the system can: a fork copies one entry in place of 512."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            area, rights, _, _, inode = line.split()[:5]
            start, end = (int(number, 16) for number in area.split("-"))
            if rights == "rw-p" and inode == "0" and end - start >= 2 << 20:
                libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_COLLAPSE)


def show_as(arguments):
    """Show this command line in /proc, for `ps` and its like. Not worth failing for."""
    libc.prctl(PR_SET_NAME, ctypes.c_char_p(os.path.basename(arguments[0])[:15]), 0, 0, 0)
    text = b"".join(argument + b"\0" for argument in arguments)
    global shown  # the kernel reads it for as long as the process lives
    # More than Python's own allocator gives, whose memory is a file's: the kernel shows no such.
    shown = ctypes.create_string_buffer(text, len(text) + 512)
    with open("/proc/self/stat", "rb") as stat:
        fields = stat.read().rpartition(b")")[2].split()
    # Field n of proc(5) is fields[n - 3] here.
    number = {n: int(fields[n - 3]) for n in (26, 27, 28, 45, 46, 47, 50, 51)}
    start = ctypes.addressof(shown)
    layout = struct.pack(
        "@11QPIi",
        # Code, data and heap as they are.
        *(number[26], number[27], number[45], number[46], number[47], libc.sbrk(0), number[28]),
        *(start, start + len(text)),
        *(number[50], number[51]),
        *(0, 0, -1),  # no other auxiliary vector, no other program file
    )
    layout = ctypes.create_string_buffer(layout, len(layout))
    libc.prctl(
        PR_SET_MM,
        ctypes.c_ulong(PR_SET_MM_MAP),
        ctypes.c_ulong(ctypes.addressof(layout)),
        ctypes.c_ulong(len(layout)),
        ctypes.c_ulong(0),
    )

