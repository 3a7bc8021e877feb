"""Start one Gradio or Streamlit program as a live app, keep it running, and report on stdout.

    python conductor_launch.py --framework gradio --app app.py --log app.log

It needs Python 3.10, its other parts beside it and the framework; nothing here knows where it runs:
the same files serve in a local sandbox and on E2B.

Two processes. The *supervisor* (this one) owns the port, the log and the reports; the *worker*
(`conductor_app.py`) is its fork and runs the program, so that a program that crashes, hangs or calls
`os._exit` can be reported and started again on the same port. The supervisor is there as long as the
app, so it is kept small: it imports and compiles nothing that it may never need.

Reports, one JSON object a line:

    {"event": "starting", "framework", "pid"}
    {"event": "output", "stream": "stdout" | "stderr", "text"}       only until the app is ready
    {"event": "notice", "text"}                                      something was overruled
    {"event": "ready", "port", "path", "framework", "pid", "seconds"}  GET path there gave 200
    {"event": "failed", "name", "value", "traceback", "line", "kind"}  never ready; exit code is 1;
                                                                     `kind`: a limit was hit
    {"event": "restarted", "port", "pid", "exit_code"}               it died after ready, is back
    {"event": "gave_up", "reason"}                                   it died too often: from now on
                                                                     its port says so, with a 502
    {"event": "retiring", "seconds"}                                 SIGTERM: serving on this long
    {"event": "stopped", "exit_code"}                                the last report

SIGTERM retires the app (it serves `--retire-seconds` more); SIGINT and SIGKILL end it at once.
"""

import codecs
import json
import os
import selectors
import signal
import socket
import sys
import threading
import time

RESTARTS_PER_MINUTE = 3
# How long the app before may take to free its port.
PORT_SECONDS = 5
REPORTED_OUTPUT_BYTES = 256 * 1024
# How much of the log the page of an app that has stopped shows.
SHOWN_BYTES = 8 * 1024
SHOWN_LINES = 40
LOG_BYTES = 8 * 1024 * 1024


def report(event, **fields):
    """Write one report; a reader that went away must not take the app down with it."""
    line = json.dumps({"event": event, **fields}) + "\n"
    try:
        os.write(1, line.encode())
    except OSError:
        pass


def quiet_environment():
    """No usage statistics, no version check, no display: an app starts without the network."""
    for name, value in {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_SHARE": "False",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "MPLBACKEND": "Agg",
        "PYTHONUNBUFFERED": "1",
    }.items():
        os.environ[name] = value
    for name in ("GRADIO_SERVER_PORT", "GRADIO_SERVER_NAME", "GRADIO_ROOT_PATH"):
        os.environ.pop(name, None)
    # Both frameworks call themselves on localhost while they start.
    if any(os.environ.get(name) for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")):
        for name in ("no_proxy", "NO_PROXY"):
            os.environ[name] = ",".join(filter(None, [os.environ.get(name), "localhost,127.0.0.1"]))


def die_with_parent():
    """Where the kernel can (Linux): a supervisor killed by SIGKILL takes its worker along."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    except (ImportError, OSError, AttributeError):
        pass


class Log:
    """The app's output on disk; a full log becomes `<name>.1`, so the disk stays bounded."""

    def __init__(self, path):
        self.path = path
        # None until it can be opened: a full disk must not end the app.
        self.file = None
        self.latest = b""

    def say(self, text):
        """A line of our own, between the app's."""
        start = b"" if self.latest.endswith(b"\n") or not self.latest else b"\n"
        self.write(start + f"[conductor] {text}\n".encode())

    def latest_lines(self):
        lines = self.latest.decode("utf-8", "replace").splitlines()
        return "\n".join(lines[-SHOWN_LINES:])

    def write(self, data):
        self.latest = (self.latest + data)[-SHOWN_BYTES:]
        if self.path is None:
            return
        try:
            if self.file is None:
                self.file = open(self.path, "ab", buffering=0)
            self.file.write(data)
            if self.file.tell() > LOG_BYTES:
                full, self.file = self.file, None
                full.close()
                os.replace(self.path, self.path + ".1")
        except OSError:
            pass


class Run:
    """One life of the worker, seen from the supervisor."""

    def __init__(self, supervisor, check):
        self.supervisor = supervisor
        self.started = time.monotonic()
        self.answered = threading.Event()
        self.over = threading.Event()
        self.checked = not (check and supervisor.options.framework == "streamlit")
        self.failure = None
        self.exit_code = None
        self.ended_by_us = False
        self.probing = None
        self.path = "/"
        self.decoders = {
            name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")
        }
        pipes = {name: os.pipe() for name in ("stdout", "stderr", "events")}
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            self._become_worker(pipes, check)
        self.buffer = b""
        self.readers = {}
        for name, (reader, writer) in pipes.items():
            os.close(writer)
            os.set_blocking(reader, False)
            self.readers[name] = reader
            supervisor.selector.register(reader, selectors.EVENT_READ, (self, name))

    def _become_worker(self, pipes, check):
        # A group of its own: a signal to the supervisor's group must not cut the retirement short.
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(name, signal.SIG_DFL)
        die_with_parent()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(pipes["stdout"][1], 1)
        os.dup2(pipes["stderr"][1], 2)
        self.supervisor.close_descriptors()
        for name, (reader, writer) in pipes.items():
            os.close(reader)
            if name != "events":
                os.close(writer)
        os.set_inheritable(pipes["events"][1], False)
        # New objects: the old ones know whether the supervisor's descriptors could seek.
        sys.stdin = open(0)
        for name, descriptor in (("stdout", 1), ("stderr", 2)):
            stream = open(descriptor, "w", 1, "utf-8", "backslashreplace", closefd=False)
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        options = self.supervisor.options
        try:
            from conductor_app import Worker

            Worker(options, self.supervisor.port, pipes["events"][1], check).run()
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        os._exit(1)

    def read(self, name):
        try:
            data = os.read(self.readers[name], 65536)
        except BlockingIOError:
            return False
        if not data:
            self.supervisor.selector.unregister(self.readers[name])
            os.close(self.readers.pop(name))
            return False
        if name == "events":
            *lines, self.buffer = (self.buffer + data).split(b"\n")
            for line in lines:
                self.heard(json.loads(line))
        else:
            self.supervisor.output(name, data, self.decoders[name].decode(data))
        return True

    def heard(self, event):
        kind = event.pop("event")
        if kind == "bound" and self.probing is None:
            self.path = event.get("path", "/")
            self.probing = threading.Thread(target=self._probe, daemon=True)
            self.probing.start()
        elif kind == "checked":
            self.checked = True
            if "text" in event:
                report("notice", **event)
        elif kind == "notice":
            report("notice", **event)
        elif kind == "failed":
            self.failure = self.failure or event
        elif kind == "died":
            self.failure = self.failure or self.early_exit(event["exit_code"])

    def _probe(self):
        """Ask for the page until it comes; in a thread, so that a slow page blocks nothing."""
        address = ("127.0.0.1", self.supervisor.port)
        # A mounted app redirects from its path without the slash.
        path = self.path.rstrip("/") + "/"
        request = (
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{address[1]}\r\nConnection: close\r\n\r\n"
        )
        while not self.over.wait(0.01):
            try:
                with socket.create_connection(address, timeout=5) as connection:
                    connection.sendall(request.encode())
                    if connection.recv(64).split(b" ")[1:2] == [b"200"]:
                        self.answered.set()
                        self.supervisor.wake()
                        return
            except OSError:
                pass

    def reap(self):
        """True once the worker has ended."""
        if self.exit_code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.exit_code = os.waitstatus_to_exitcode(status)
        return self.exit_code is not None

    def end(self):
        """Stop the worker and all it started, and take in what they still had to say."""
        self.over.set()
        self.ended_by_us = self.exit_code is None
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            pass
        if self.exit_code is None:
            self.exit_code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if self.probing:
            self.probing.join()
        for name in list(self.readers):
            while self.read(name):
                pass
            if name in self.readers:
                self.supervisor.selector.unregister(self.readers[name])
                os.close(self.readers.pop(name))

    def how_it_ended(self, exit_code):
        """In words. Only the sandbox's own service can tell what a SIGKILL was for."""
        if exit_code >= 0:
            return f"ended with exit code {exit_code}"
        if exit_code == -signal.SIGKILL and not self.ended_by_us:
            memory = self.supervisor.options.memory
            return "was killed (SIGKILL), perhaps out of memory" + (f" ({memory})" if memory else "")
        return f"was ended by {signal_name(-exit_code)}"

    def early_exit(self, exit_code):
        name = os.path.basename(self.supervisor.options.app)
        return {
            "name": "EarlyExit",
            "value": f"{name} {self.how_it_ended(exit_code)} before it served a page",
            "traceback": "",
            "line": None,
        }


def signal_name(number):
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


class Supervisor:
    def __init__(self, options):
        self.options = options
        self.port = port_for(options.port)
        self.log = Log(options.log)
        self.selector = selectors.DefaultSelector()
        self.ready = False
        self.reported = 0
        self.stop_at = None
        self.retired = False
        self.woken, self.waker = os.pipe()
        for descriptor in (self.woken, self.waker):
            os.set_blocking(descriptor, False)
        self.selector.register(self.woken, selectors.EVENT_READ, None)
        signal.set_wakeup_fd(self.waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self.on_retire)
        signal.signal(signal.SIGINT, self.on_stop)

    def close_descriptors(self):
        self.selector.close()
        os.close(self.woken)
        os.close(self.waker)
        if self.log.file:
            self.log.file.close()

    def wake(self):
        try:
            os.write(self.waker, b".")
        except OSError:
            pass

    def on_retire(self, *_):
        if self.stop_at is None:
            self.retired = True
            self.stop_at = time.monotonic() + (self.options.retire_seconds if self.ready else 0)

    def on_stop(self, *_):
        self.stop_at = time.monotonic()

    def output(self, stream, data, text):
        self.log.write(data)
        if not self.ready and text and self.reported < REPORTED_OUTPUT_BYTES:
            self.reported += len(data)
            report("output", stream=stream, text=text)

    def turn(self, deadline):
        """Wait for the next thing to happen, and take in what the worker wrote."""
        timeout = None if deadline is None else max(0, deadline - time.monotonic())
        for key, _ in self.selector.select(timeout):
            if key.data is None:
                try:
                    os.read(self.woken, 4096)
                except BlockingIOError:
                    pass
            else:
                run, name = key.data
                run.read(name)

    def stopping(self):
        return self.stop_at is not None and time.monotonic() >= self.stop_at

    def start(self, check):
        """Run the program until it answers; the run, and why it failed if it did."""
        run = Run(self, check)
        deadline = run.started + self.options.start_seconds
        while True:
            if run.failure or run.reap():
                run.end()
                return run, run.failure or run.early_exit(run.exit_code)
            if run.answered.is_set() and run.checked:
                return run, None
            if self.stopping():
                run.end()
                return run, None
            if time.monotonic() >= deadline:
                run.end()
                return run, {
                    "name": "StartTimeout",
                    "value": f"{os.path.basename(self.options.app)} served no page within "
                    f"{self.options.start_seconds:g} s",
                    "traceback": "",
                    "line": None,
                }
            self.turn(min(filter(None, (deadline, self.stop_at))))

    def serve(self, run):
        """Until the app dies or is told to stop; True if it died."""
        told = False
        while not run.reap():
            if self.retired and not told:
                told = True
                report("retiring", seconds=self.options.retire_seconds)
            if self.stopping():
                run.end()
                return False
            self.turn(self.stop_at)
        run.end()
        return True

    def supervise(self):
        self.log.say(f"starting {os.path.basename(self.options.app)}")
        report("starting", framework=self.options.framework, pid=os.getpid())
        run, failure = self.start(check=True)
        if failure:
            # The log first: whoever hears of the failure looks there next.
            self.log.say(f"it did not start: {failure['name']}: {failure['value']}")
            report("failed", **failure)
            return 1
        if run.exit_code is None:
            self.ready = True
            report(
                "ready",
                port=self.port,
                path=run.path.rstrip("/") + "/",
                framework=self.options.framework,
                pid=run.pid,
                seconds=round(time.monotonic() - run.started, 3),
            )
            from conductor_memory import give_back_memory

            give_back_memory()
        restarts = []
        while run.exit_code is None:
            if not self.serve(run) or self.retired:
                break
            exit_code = run.exit_code
            why = f"it {run.how_it_ended(exit_code)}"
            failure = True
            # A start that fails counts as one more death: a program that fails for good ends soon.
            while failure and not self.stopping():
                restarts = [at for at in restarts if at > time.monotonic() - 60]
                if len(restarts) >= RESTARTS_PER_MINUTE:
                    self.give_up(why)
                    break
                self.log.say(f"{why}; it is started again")
                restarts.append(time.monotonic())
                run, failure = self.start(check=False)
                if failure:
                    why = f"it did not start again: {failure['name']}: {failure['value']}"
            if not failure and run.exit_code is None:
                report("restarted", port=self.port, pid=run.pid, exit_code=exit_code)
        report("stopped", exit_code=run.exit_code)
        return 0

    def give_up(self, why):
        """The app's address goes on to answer: with what became of the app, until we are ended."""
        reason = f"{why}, {RESTARTS_PER_MINUTE + 1} times within a minute"
        self.log.say(f"the app has stopped: {reason}")
        self.ready = False
        self.stop_at = self.stop_at or (time.monotonic() if self.retired else None)
        from conductor_stopped import stopped_server

        server = stopped_server(self.port, reason, self.log.latest_lines())
        if server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        report("gave_up", reason=reason)
        while not self.stopping():
            self.turn(self.stop_at)


def port_for(wanted):
    """The wanted port once it is free, which the app before may still hold; else any free one."""
    give_up = time.monotonic() + PORT_SECONDS
    while wanted and time.monotonic() < give_up:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", wanted))
                return wanted
            except OSError:
                time.sleep(0.02)
    return free_port()


def free_port():
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        return probe.getsockname()[1]


class Options:
    """The command line. `argparse` would take a megabyte for as long as the app lives."""

    framework = app = log = None
    port = 0  # any free one
    memory = ""  # how much there is, for messages
    retire_seconds = 60.0
    start_seconds = 120.0

    def __init__(self, arguments):
        if len(arguments) % 2:
            raise ValueError(f"{arguments[-1]} has no value")
        for name, value in zip(arguments[::2], arguments[1::2]):
            field = name.removeprefix("--").replace("-", "_")
            if not name.startswith("--") or not hasattr(Options, field):
                raise ValueError(f"there is no option {name}")
            default = getattr(Options, field)
            setattr(self, field, value if default is None else type(default)(value))
        if self.framework not in ("gradio", "streamlit") or self.app is None:
            raise ValueError("--framework gradio or streamlit and --app PROGRAM are wanted")


def main():
    try:
        options = Options(sys.argv[1:])
    except ValueError as error:
        sys.exit(f"conductor_launch.py: {error}")
    quiet_environment()
    return Supervisor(options).supervise()


if __name__ == "__main__":
    sys.exit(main())
