"""The global zygote: one process of the service that has imported the libraries, and forks.

It talks to the service alone. For each sandbox the service sends one message with descriptors: a
socket for this one sandbox (the *line*), the sandbox's namespaces, its Landlock rules. The zygote
forks, the fork enters the namespaces and forks again, and that one becomes the sandbox's own fork
server (`fork_server`), which has no more rights than any program there. The zygote itself never
hears anything that a sandboxed program says.
"""

import array
import ctypes
import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
import warnings

import conductor_confine as confine
import conductor_effects as effects_part
import conductor_fork_server as fork_server
import conductor_fresh as fresh
import conductor_pages as pages_part
import conductor_shelf as shelf_part
import conductor_warm_up as warm_up

# Ten namespaces and rules at most, and the line.
DESCRIPTORS = 16


def serve(channel, baseline, settings):
    """Returns in a process that is to run a program: what to call, and where it is called from."""
    baseline = frozenset(baseline)
    sys.path.pop(0)  # the working directory, which the program may have, but not the zygote
    confine.die_with_parent()
    confine.adopt_orphans()
    shelf = load(baseline, settings)
    # Ends of children are nobody's concern here: the system forgets them at once.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    channel.sendall(b"ready\n")
    while True:
        message, descriptors = receive(channel)
        if message is None:
            os._exit(0)  # the service is gone
        try:
            pid = os.fork()
        except OSError:
            pid = -1
        if pid == 0:
            channel.close()
            break
        for descriptor in descriptors:
            os.close(descriptor)
    line = socket.socket(fileno=descriptors.pop(0))
    landlock = descriptors.pop() if message["landlock"] else None
    try:
        # The service puts this process under the sandbox's limits before it does anything else.
        line.sendall(struct.pack("=I", os.getpid()))
        if line.recv(1) != b"g":
            os._exit(1)
        filters = [bytes.fromhex(text) for text in message["seccomp"]]
        confine.enter(descriptors, message["user"])
        reader, writer = os.pipe()
        pid = os.fork()
        if pid != 0:
            # As numbered where the service is; the other one may speak after that.
            line.sendall(struct.pack("=I", pid))
            os._exit(0)
        os.close(writer)
        os.read(reader, 1)
        os.close(reader)
        confine.limit(message["limits"])
        confine.confine(landlock, filters)
        for descriptor in descriptors if landlock is None else [*descriptors, landlock]:
            os.close(descriptor)
        listener = fork_server.listen(message["socket"])
        line.sendall(b"ready\n")
    except BaseException as error:
        try:
            line.sendall(f"{type(error).__name__}: {error}\n".encode())
        finally:
            os._exit(1)
    line.close()
    os.chdir("/")
    confine.show_as([b"conductor-zygote"])
    return fork_server.serve(listener, shelf, fresh)


def load(baseline, settings):
    """Import the libraries and put them on the shelf."""
    filters = list(warnings.filters)
    with shelf_part.Observer() as observer, effects_part.Effects(observer) as effects:
        for library in settings["libraries"]:
            try:
                importlib.import_module(library)
            except Exception as error:
                # It then fails in the programs that want it, and only there.
                print(f"zygote: cannot import {library}: {error!r}", file=sys.stderr, flush=True)
            effects.settle(library)
        warm_up.use_all()
    warnings.filters[:] = filters
    warnings._filters_mutated()
    # The interpreter's core keeps the list it last saw, which may have been a temporary one.
    warnings.warn_explicit("none", ImportWarning, "none", 1)
    shelf = shelf_part.Shelf(baseline)
    fresh.prepare(shelf, effects.noted)
    shelf.stow(observer)
    pages_part.forget_attributes()
    gc.collect()
    # The collector must not touch what all children share; nor must the end of a child.
    gc.freeze()
    confine.gather_pages()
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(shelf.modules))
    for part in ("zygote", "confine", "effects", "first_frame", "fork_server", "fresh", "pages", "shelf", "warm_up"):
        sys.modules.pop("conductor_" + part)
    pages = pages_part.pages
    if pages:
        shelf.give_back = pages.give_back
        pages.fill()
        pages.gather_locks(shelf.get("logging"))
        gc.freeze()
        pages.settle(settings["scratch"])
    return shelf


def receive(channel):
    """One message of the service: four bytes of length, JSON, descriptors beside the first byte."""
    room = socket.CMSG_SPACE(DESCRIPTORS * 4)
    header, ancillary, _, _ = channel.recvmsg(4, room, socket.MSG_WAITALL)
    if len(header) < 4:
        return None, []
    descriptors = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors.frombytes(data[: len(data) - len(data) % 4])
    length = struct.unpack("!I", header)[0]
    return json.loads(channel.recv(length, socket.MSG_WAITALL)), list(descriptors)
