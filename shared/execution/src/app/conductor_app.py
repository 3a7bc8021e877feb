"""One run of a program as an app: the part of `conductor_launch.py` that runs in a process of its own.

It tells the supervisor what happens, one JSON object a line: `bound`, `checked`, `notice`, `failed`,
`died`.
"""

import json
import os
import sys
import threading

from conductor_idle import adapt

STREAMLIT_CHECK_SECONDS = 20
LAUNCH_NAMES = ("demo", "app", "iface", "interface")


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
            with open(self.app_path, "rb") as file:
                code = compile(file.read(), self.app_path, "exec", dont_inherit=True)
            sys.path.insert(0, os.path.dirname(self.app_path))
            sys.argv = [self.app_path]
            if self.framework == "gradio":
                self.run_gradio(code)
            else:
                self.run_streamlit()
        except BaseException as error:  # a SystemExit of the program is a failure to start, too
            self.fail(error)
        os._exit(0)

    def run_gradio(self, code):
        import gradio
        import uvicorn

        build_routes_late(gradio)
        adapt(self.framework)
        apps = self.apps = GradioApps(self)
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

    def run_streamlit(self):
        from streamlit import delta_generator  # imported once: the check below is forked with it
        from streamlit.web import bootstrap

        # It would look through all modules to find out whether this is a terminal's prompt, only
        # to warn that it is. Where Streamlit has no such flag, this is nobody's.
        delta_generator._use_warning_has_been_displayed = True
        adapt(self.framework)
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
        if self.check:
            self.fork_check()
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

        test = streamlit_test(self.app_path).run(timeout=STREAMLIT_CHECK_SECONDS + 5)
        timer.cancel()
        for element in test.exception:
            proto = element.proto
            if not proto.is_warning:
                self.tell("failed", **describe_element(proto, self.app_path))
                os._exit(1)
        self.tell("checked")


def streamlit_test(app_path):
    """The program in Streamlit's own test runner, which shows exceptions in full."""
    import logging

    from streamlit import config
    from streamlit.testing.v1 import AppTest

    config.set_option("client.showErrorDetails", "full")
    config.set_option("logger.enableRich", False)
    # It warns that the program does not run in a browser session, which is the point here.
    context = "streamlit.runtime.scriptrunner_utils.script_run_context"
    logging.getLogger(context).setLevel(logging.ERROR)
    return AppTest.from_file(app_path)


# --- What went wrong ------------------------------------------------------------------------------


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
    ours = [os.path.join(here, f"conductor_{part}.py") for part in ("launch", "app", "idle", "memory")]
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
        self.mounted = None
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
            self.mounted = blocks
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
