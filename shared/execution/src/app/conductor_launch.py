"""Start one Gradio or Streamlit program as a live app, keep it running, and report on stdout.

    python conductor_launch.py --framework gradio --app app.py --log app.log

It needs Python 3.10, `conductor_idle.py` beside it and the framework; nothing else is imported
before the app's own process starts, and nothing here knows where it runs: the same files serve in a
local sandbox and on E2B.

Two processes. The *supervisor* (this one) owns the port, the log and the reports; the *worker* is
its fork and runs the program, so that a program that crashes, hangs or calls `os._exit` can be
reported and started again on the same port.

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

import argparse
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
STREAMLIT_CHECK_SECONDS = 20
LAUNCH_NAMES = ("demo", "app", "iface", "interface")


# --- Reports -------------------------------------------------------------------------------------


def report(event, **fields):
    """Write one report; a reader that went away must not take the app down with it."""
    line = json.dumps({"event": event, **fields}) + "\n"
    try:
        os.write(1, line.encode())
    except OSError:
        pass


def describe(error, app_path):
    """The fields of a `failed` report: the traceback as if the program had been run alone."""
    import traceback

    summary = traceback.TracebackException.from_exception(error)
    line = _clean(summary, app_path, set())
    return {
        "name": type(error).__name__,
        "value": str(error),
        "traceback": "".join(summary.format()),
        "line": line,
        "kind": limit_of(error),
    }


def limit_of(error):
    """Which limit of the sandbox an exception speaks of; None if it is the program's own."""
    import errno

    if isinstance(error, MemoryError):
        return "out_of_memory"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk_full"
    if isinstance(error, RuntimeError) and "can't start new thread" in str(error):
        return "too_many_processes"
    if isinstance(error, BlockingIOError) and "fork" in last_line(error):
        return "too_many_processes"
    return None


def last_line(error):
    """The line of Python that raised it."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    return (frames[-1].line or "") if frames else ""


def _clean(summary, app_path, seen):
    """Drop the frames above the program and show its files by their relative names."""
    if summary is None or id(summary) in seen:
        return None
    seen.add(id(summary))
    _clean(summary.__cause__, app_path, seen)
    _clean(summary.__context__, app_path, seen)

    folder = os.path.dirname(app_path) + os.sep
    here = os.path.dirname(os.path.abspath(__file__))
    ours = [os.path.join(here, name) for name in ("conductor_launch.py", "conductor_idle.py")]
    frames = [frame for frame in summary.stack if os.path.abspath(frame.filename) not in ours]
    own = [frame.filename == app_path for frame in frames]
    summary.stack[:] = frames[own.index(True) :] if any(own) else frames

    line = None
    for frame in summary.stack:
        _ = frame.line  # looked up by file name, so before the name is shortened
        if frame.filename == app_path:
            line = frame.lineno
        if frame.filename.startswith(folder) and "site-packages" not in frame.filename:
            frame.filename = frame.filename[len(folder) :]

    if getattr(summary, "filename", None) == app_path:  # a SyntaxError in the program itself
        summary.filename = os.path.basename(app_path)
        line = int(summary.lineno) if summary.lineno else None
    return line


# --- The worker: one run of the program ----------------------------------------------------------


class Worker:
    """Runs in the forked process; `tell` sends what happens to the supervisor."""

    def __init__(self, options, port, events, check):
        self.app_path = os.path.abspath(options.app)
        self.framework = options.framework
        self.port = port
        self.events = events
        self.check = check

    def tell(self, event, **fields):
        os.write(self.events, (json.dumps({"event": event, **fields}) + "\n").encode())

    def fail(self, error):
        description = describe(error, self.app_path)
        sys.stderr.write(description["traceback"])
        sys.stderr.flush()
        self.tell("failed", **description)
        os._exit(1)

    def run(self):
        try:
            from conductor_idle import adapt

            with open(self.app_path, "rb") as file:
                code = compile(file.read(), self.app_path, "exec", dont_inherit=True)
            sys.path.insert(0, os.path.dirname(self.app_path))
            sys.argv = [self.app_path]
            if self.framework == "gradio":
                self.run_gradio(code, adapt)
            else:
                self.run_streamlit(adapt)
        except BaseException as error:  # a SystemExit of the program is a failure to start, too
            self.fail(error)
        os._exit(0)

    def run_gradio(self, code, adapt):
        import gradio
        import uvicorn

        build_routes_late(gradio)
        adapt(self.framework)
        apps = GradioApps(self)
        gradio.Blocks.launch = apps.patched(gradio.Blocks.launch)
        gradio.mount_gradio_app = apps.patched_mount(gradio.mount_gradio_app)
        uvicorn.run = apps.patched_run(uvicorn.run)

        main = type(sys)("__main__")
        main.__file__ = self.app_path
        main.__builtins__ = __builtins__
        sys.modules["__main__"] = main
        try:
            exec(code, main.__dict__)
        except SystemExit as error:
            if error.code not in (None, 0) and not apps.launched:
                raise
        if apps.served:  # by the program's own server, which has ended
            raise SystemExit("the program's server ended")
        if apps.launched is None:
            found = find_blocks(vars(main), gradio.Blocks)
            if found is None:
                name = os.path.basename(self.app_path)
                self.tell(
                    "failed",
                    name="NoApp",
                    value=f"{name} ended without a Gradio app: create one at the top level with "
                    "gr.Blocks() or gr.Interface(), for example as `demo`, and call demo.launch()",
                    traceback="",
                    line=None,
                )
                os._exit(1)
            found.launch()
        # Launched with prevent_thread_lock: the program is over, its app goes on.
        apps.launched.block_thread()

    def run_streamlit(self, adapt):
        from streamlit import delta_generator  # imported once: the check below is forked with it
        from streamlit.web import bootstrap

        # It would look through all modules to find out whether this is a terminal's prompt, only
        # to warn that it is. Where Streamlit has no such flag, this is nobody's.
        delta_generator._use_warning_has_been_displayed = True
        adapt(self.framework)
        if self.check:
            self.fork_check()
        flags = {
            "server_port": self.port,
            "server_address": "0.0.0.0",
            "server_headless": True,
            "server_fileWatcherType": "none",
            "server_enableXsrfProtection": False,
            "browser_gatherUsageStats": False,
            # The welcome message asks the internet for this machine's address.
            "logger_hideWelcomeMessage": True,
            "logger_enableRich": False,
            "logger_level": "warning",
        }
        bootstrap.load_config_options(flag_options=flags)
        self.tell("bound")
        bootstrap.run(self.app_path, False, [], flags)

    def fork_check(self):
        """Run the program once as a browser would, beside the server that is starting.

        Streamlit runs a program only when a browser connects, so without this a program that
        raises at once would still answer 200.
        """
        child = os.fork()
        if child == 0:
            try:
                self.check_streamlit()
                os._exit(0)
            except BaseException as error:
                self.fail(error)

        def reap():
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            if code not in (0, 1):  # those two have reported themselves
                self.tell("died", exit_code=code)

        threading.Thread(target=reap, daemon=True).start()

    def check_streamlit(self):
        def give_up():
            self.tell(
                "checked",
                text=f"{os.path.basename(self.app_path)} was still running after "
                f"{STREAMLIT_CHECK_SECONDS} s; it is shown as far as it got",
            )
            os._exit(0)

        # A program that never ends is a live dashboard, not a failure; AppTest would wait for it.
        timer = threading.Timer(STREAMLIT_CHECK_SECONDS, give_up)
        timer.daemon = True
        timer.start()

        import logging

        from streamlit import config
        from streamlit.testing.v1 import AppTest

        config.set_option("client.showErrorDetails", "full")
        config.set_option("logger.enableRich", False)
        # It warns that the program does not run in a browser session, which is the point here.
        context = "streamlit.runtime.scriptrunner_utils.script_run_context"
        logging.getLogger(context).setLevel(logging.ERROR)
        test = AppTest.from_file(self.app_path).run(timeout=STREAMLIT_CHECK_SECONDS + 5)
        timer.cancel()
        for element in test.exception:
            proto = element.proto
            if not proto.is_warning:
                self.tell("failed", **describe_element(proto, self.app_path))
                os._exit(1)
        self.tell("checked")


def describe_element(proto, app_path):
    """The fields of a `failed` report from an exception that a Streamlit page shows."""
    import re

    name = os.path.basename(app_path)
    rows = [row.replace(app_path, name) for row in proto.stack_trace]
    value = proto.message.replace(app_path, name)
    lines = re.findall(rf'File "{re.escape(name)}", line (\d+)', "\n".join([*rows, value]))
    kind = proto.type.rpartition(".")[2]
    last = value if kind == "SyntaxError" else f"{kind}: {value}"
    return {
        "name": kind,
        "value": value,
        "traceback": "\n".join(
            ["Traceback (most recent call last):", *("  " + row for row in rows), last, ""]
        ),
        "line": int(lines[-1]) if lines else None,
    }


class GradioApps:
    """What happens to `launch`: the address is ours, everything else stays the program's."""

    OURS = {
        "share": False,
        "server_name": "0.0.0.0",
        "inbrowser": False,
        "prevent_thread_lock": True,
        "debug": False,
        "quiet": True,
        "root_path": None,
        "ssr_mode": False,
        "ssl_keyfile": None,
        "ssl_certfile": None,
        "ssl_keyfile_password": None,
        # It only calls itself, by http: no certificates are needed for that.
        "ssl_verify": False,
    }

    def __init__(self, worker):
        self.worker = worker
        self.launched = None
        self.result = None
        self.served = False
        self.path = "/"

    def patched(self, original):
        import functools
        import inspect

        accepted = inspect.signature(original).parameters
        ours = {**self.OURS, "server_port": self.worker.port}
        ours = {name: value for name, value in ours.items() if name in accepted}

        @functools.wraps(original)
        def launch(blocks, *args, **kwargs):
            bound = inspect.signature(original).bind(blocks, *args, **kwargs).arguments
            if self.launched is not None and self.launched is not blocks:
                self.worker.tell(
                    "notice",
                    text="the program launches more than one Gradio app; the first is shown, "
                    "put the others into its tabs with gr.TabbedInterface",
                )
                return self.result
            if bound.get("share"):
                self.worker.tell("notice", text="share=True is not needed here and was ignored")
            goes_on = bound.get("prevent_thread_lock", False)
            rest = {name: value for name, value in bound.items() if name not in ours}
            rest.pop("self", None)
            self.result = original(blocks, **{**rest, **ours})
            self.launched = blocks
            self.worker.tell("bound")
            if not goes_on:
                blocks.block_thread()
            return self.result

        return launch

    def patched_mount(self, original):
        import functools

        @functools.wraps(original)
        def mount_gradio_app(app, blocks, path="/", *args, **kwargs):
            self.path = "/" + path.strip("/")
            return original(app, blocks, path, *args, **kwargs)

        return mount_gradio_app

    def patched_run(self, original):
        """A program may mount its app into a server of its own; the address is ours there, too."""
        import functools

        @functools.wraps(original)
        def run(app, **kwargs):
            self.served = True
            self.worker.tell("bound", path=self.path)
            rest = {
                name: value
                for name, value in kwargs.items()
                if name not in ("reload", "workers", "uds", "fd") and not name.startswith("ssl_")
            }
            original(app, **{**rest, "host": "0.0.0.0", "port": self.worker.port})

        return run


def build_routes_late(gradio):
    """Build the routes of Blocks that are not launched only for a program that takes them.

    Gradio builds them when Blocks begin, when they end and when they are launched, each time a few
    hundred of FastAPI's, and serves the last; only `demo.app` would show the others.
    """
    create = gradio.blocks.App.create_app

    later = object()

    def create_app(blocks, *args, **kwargs):
        # What `launch` and `mount_gradio_app` ask for says more, and is served.
        if not args and kwargs == {"mcp_server": False}:
            return later
        return create(blocks, *args, **kwargs)

    def read(blocks):
        try:
            app = vars(blocks)["app"]
        except KeyError:
            raise AttributeError("app") from None
        if app is later:
            app = vars(blocks)["app"] = create(blocks, mcp_server=False)
        return app

    def write(blocks, app):
        vars(blocks)["app"] = app

    gradio.blocks.App.create_app = staticmethod(create_app)
    gradio.Blocks.app = property(read, write)


def find_blocks(names, blocks_class):
    """The app of a program that never launches one: by usual name, else the last one made."""
    apps = {
        name: value
        for name, value in names.items()
        if isinstance(value, blocks_class) and getattr(value, "parent", None) is None
    }
    for name in LAUNCH_NAMES:
        if name in apps:
            return apps[name]
    if apps:
        return list(apps.values())[-1]

    import gc

    made = [thing for thing in gc.get_objects() if isinstance(thing, blocks_class)]
    made = [app for app in made if getattr(app, "parent", None) is None]
    return made[-1] if made else None


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


# --- The supervisor ------------------------------------------------------------------------------


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
        Worker(options, self.supervisor.port, pipes["events"][1], check).run()

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
        server = stopped_server(self.port, reason, self.log.latest_lines())
        if server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
        report("gave_up", reason=reason)
        while not self.stopping():
            self.turn(self.stop_at)


def stopped_server(port, reason, log):
    """A server that says on every path that the app has stopped; None if the port is taken."""
    import html
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    document = {"message": f"the app has stopped: {reason}", "code": 502, "app": "stopped"}
    notice = json.dumps({"type": "app_stopped", "reason": reason}).replace("<", "\\u003c")
    page = STOPPED_PAGE.format(
        reason=html.escape(reason[:1].upper() + reason[1:]), log=html.escape(log), notice=notice
    ).encode()
    document = json.dumps(document).encode()

    class Stopped(BaseHTTPRequestHandler):
        def answer(self):
            wants_page = "text/html" in self.headers.get("Accept", "")
            body, kind = (page, "text/html") if wants_page else (document, "application/json")
            self.send_response(502)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):
            pass

    try:
        return Server(("0.0.0.0", port), Stopped)
    except OSError:
        return None


STOPPED_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The app has stopped</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 3rem auto; max-width: 44rem; padding: 0 1.25rem; color: light-dark(#1a232d, #e3e9ef);
  background: light-dark(#f5f7f8, #0d131a); font: 16px/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1.25rem; }}
pre {{ padding: .75rem .9rem; overflow: auto; border: 1px solid light-dark(#dde3e8, #2a3542);
  border-radius: 8px; background: light-dark(#fff, #151c25); white-space: pre-wrap;
  overflow-wrap: anywhere; font: .8125rem/1.5 ui-monospace, Menlo, Consolas, monospace; }}
</style>
<h1>The app has stopped</h1>
<p>{reason}.</p>
<p>It is not started again by itself: start it again in Conductor, or change its program first.</p>
<p>Its last words:</p>
<pre tabindex="0" aria-label="The end of the log">{log}</pre>
<script>if (parent !== window) parent.postMessage({notice}, "*");</script>
"""


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


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="conductor_launch.py", description=__doc__.split("\n")[0])
    parser.add_argument("--framework", required=True, choices=["gradio", "streamlit"])
    parser.add_argument("--app", required=True, help="the program")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--memory", default="", help="how much memory there is, for messages")
    parser.add_argument("--log", help="append the app's output to this file")
    parser.add_argument("--retire-seconds", type=float, default=60)
    parser.add_argument("--start-seconds", type=float, default=120)
    options = parser.parse_args(arguments)
    quiet_environment()
    return Supervisor(options).supervise()


if __name__ == "__main__":
    sys.exit(main())
