"""A sandbox's own zygote: forks a process for each program that a shim (`shim.rs`) asks for.

It has the rights of the programs it serves and no more, so what they do to it hurts only themselves.

The messages, each in the order of the machine, over one connection per program. The shim begins:

    length          u32, of all that follows
    numbers         umask, mode, flags, niceness, and how many descriptors, arguments, variables: u32
    signals         ignored and blocked ones, as bit masks: u64
    limits          16 pairs of u64, as `getrlimit` numbers them
    processors      the 128 bytes of `sched_getaffinity`
    descriptors     the number of each in the program, u32; they travel beside the first byte
    texts           interpreter, its name as called, directory, arguments, variables, each with a zero
                    byte at its end

The server says `A` (all is here), the shim `g` (go: from here on it will not start the program by
itself), the server `P` and the pid, at last `X` and the wait status; `S` when the program stopped.
Meanwhile the shim passes on signals: `s`, their number, and whether the whole process group gets it.
If it goes away, it was killed, and so is the program.
"""

import array
import errno
import os
import select
import signal
import socket
import struct

BACKLOG = 128
# After a start, until it gives back what that has copied of the shared memory.
REST_MS = 1000
# The kernel's own limit per message.
DESCRIPTORS = 253
LONGEST = 16 << 20
NUMBERS = struct.Struct("=7I2Q32Q128s")
LENGTH = struct.Struct("=I")


class Request:
    """What a shim wants started."""

    def __init__(self, data, received):
        fields = NUMBERS.unpack_from(data)
        self.umask, self.mode, self.flags, self.niceness = fields[:4]
        descriptors, arguments, variables = fields[4:7]
        self.ignored, self.blocked = fields[7:9]
        self.limits = list(zip(fields[9:41:2], fields[10:41:2]))
        self.processors = fields[41]
        numbers = struct.unpack_from(f"={descriptors}I", data, NUMBERS.size)
        texts = data[NUMBERS.size + 4 * descriptors :].split(b"\0")
        if len(received) != descriptors or len(texts) != 3 + arguments + variables + 1:
            raise ValueError("a request that does not add up")
        self.descriptors = dict(zip(numbers, received))
        self.interpreter, self.name, self.directory = texts[:3]
        self.arguments = texts[3 : 3 + arguments]
        self.variables = texts[3 + arguments : -1]


class Connection:
    """A shim, and its program once there is one."""

    def __init__(self, conn):
        self.socket = conn
        self.data = bytearray()
        self.descriptors = []
        self.request = None
        self.pid = None
        self.signals = b""

    def read(self):
        """Take in what is there; False when the shim is gone."""
        try:
            data, ancillary, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(DESCRIPTORS * 4))
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        for level, kind, payload in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                numbers = array.array("i")
                numbers.frombytes(payload[: len(payload) - len(payload) % 4])
                self.descriptors.extend(numbers)
        self.data += data
        return bool(data)

    def whole(self):
        """True once the request is complete."""
        if len(self.data) < LENGTH.size:
            return False
        (length,) = LENGTH.unpack_from(self.data)
        if length > LONGEST:
            raise ValueError("a request that is too long")
        return len(self.data) >= LENGTH.size + length

    def take(self):
        (length,) = LENGTH.unpack_from(self.data)
        self.request = Request(bytes(self.data[LENGTH.size : LENGTH.size + length]), self.descriptors)
        del self.data[: LENGTH.size + length]

    def say(self, message):
        try:
            self.socket.send(message, socket.MSG_NOSIGNAL)
        except OSError:
            pass  # gone, or does not listen: the next read tells

    def let_go(self):
        for descriptor in self.descriptors:
            os.close(descriptor)
        self.descriptors = []
        self.request = None

    def close(self):
        self.let_go()
        self.socket.close()


def listen(path):
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    listener.bind(path)
    listener.listen(BACKLOG)
    return listener


def serve(listener, shelf, fresh):
    """Serve for good. Returns in the children: what to call, and how that ends."""
    woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    poll = select.poll()
    poll.register(woken, select.POLLIN)
    poll.register(listener, select.POLLIN)
    connections, programs = {}, {}
    rested = shelf.give_back is None

    def drop(connection):
        poll.unregister(connection.socket)
        del connections[connection.socket.fileno()]
        if connection.pid is not None:
            send(connection.pid, signal.SIGKILL, True)
            connection.pid = None
        connection.close()

    while True:
        events = poll.poll(None if rested else REST_MS)
        rested = shelf.give_back is None
        if not events and not rested:
            shelf.give_back()
            rested = True
        for descriptor, _ in events:
            if descriptor == woken:
                try:
                    os.read(woken, 4096)
                except BlockingIOError:
                    pass
                reap(programs, drop)
            elif descriptor == listener.fileno():
                try:
                    accepted, _ = listener.accept()
                except OSError as error:
                    if error.errno in (errno.EMFILE, errno.ENFILE):
                        shed(connections, drop)
                    continue
                accepted.setblocking(False)
                connections[accepted.fileno()] = Connection(accepted)
                poll.register(accepted, select.POLLIN)
            elif descriptor in connections:
                connection = connections[descriptor]
                if not connection.read():
                    drop(connection)
                    continue
                try:
                    ready = advance(connection)
                except ValueError:
                    drop(connection)
                    continue
                if not ready:
                    continue
                # What is sent to the new process waits until it can take it.
                mask = signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
                try:
                    pid = os.fork()
                except OSError:
                    pid = None
                if pid != 0:
                    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                if pid is None:
                    drop(connection)  # the shim starts it by itself, and reports what is wrong
                    continue
                if pid == 0:
                    request, leash = connection.request, connection.socket
                    connection.descriptors = []
                    signal.set_wakeup_fd(-1)
                    os.close(woken)
                    os.close(waker)
                    listener.close()
                    for other in connections.values():
                        if other is not connection:
                            other.close()
                    leash.close()
                    return fresh.become(request, shelf)
                try:
                    os.setpgid(pid, pid)
                except OSError:
                    pass  # it has done so itself, and gone on
                connection.pid = pid
                programs[pid] = connection
                connection.let_go()
                connection.say(b"P" + struct.pack("=I", pid))


def advance(connection):
    """True when it is time to fork."""
    if connection.pid is None and connection.request is None:
        if connection.whole():
            connection.take()
            connection.say(b"A")
        return False
    if connection.pid is None:
        go = bytes(connection.data[:1]) == b"g"
        del connection.data[:1]
        return go
    while len(connection.data) >= 3:
        _, number, group = connection.data[:3]
        del connection.data[:3]
        send(connection.pid, number, group)
    return False


def send(pid, number, group):
    try:
        if group:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except (OSError, ValueError):
        pass  # it has just left its group, or this life


def reap(programs, drop):
    while programs:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
        except ChildProcessError:
            return
        if pid == 0:
            return
        connection = programs.get(pid)
        if connection is None:
            continue
        if os.WIFSTOPPED(status):
            connection.say(b"S")
            continue
        del programs[pid]
        if connection.pid is not None:
            connection.pid = None
            connection.say(b"X" + struct.pack("=i", status))
            drop(connection)


def shed(connections, drop):
    """Out of descriptors: those go who have connected and not asked for anything."""
    for connection in [each for each in connections.values() if each.request is None and each.pid is None]:
        drop(connection)
