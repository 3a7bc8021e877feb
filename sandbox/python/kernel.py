"""The Python kernel of a sandbox: ipykernel with rich results for callers that are programs.

The service starts it as `python -c <bootstrap>` and sends this text and the settings over stdin,
so no file has to be written where a sandboxed program could have put a link first.

Settings: `socket` (path prefix of the five sockets) and `key` (of the message signatures).
"""

import asyncio
import codecs
import fcntl
import json
import os
import select
import signal
import sys
import tempfile
import termios
import threading
import time
import warnings
from contextlib import contextmanager, suppress

# Beyond these, a value is shown as text and HTML only: the caller would get it a second time, in
# full, where the first was shortened.
DATA_CELLS = 100_000
JSON_ITEMS = 100_000
JSON_BYTES = 1_000_000
# What waits for its reader before the program has to wait: characters of a stream, and messages.
UNREAD_TEXT = 256 * 1024
UNREAD_MESSAGES = 16
# A kernel that has had nothing to do for so long gives memory back.
REST_SECONDS = 2
# The service takes no more than 64 MiB; what frames a message needs a little of that.
MESSAGE_BYTES = 63 << 20


# --- Environment variables of one execution ------------------------------------------------------


@contextmanager
def environment(changes):
    """Set variables and put the old ones back, whatever happens in between."""
    changes = changes or {}
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


# --- Formatters ----------------------------------------------------------------------------------


def frame_to_data(frame):
    """A data frame as `{column: [values]}`, with nothing in it that JSON cannot say."""
    if frame.size > DATA_CELLS:
        return None
    data = {}
    for position, name in enumerate(frame.columns):
        column = frame.iloc[:, position]
        data[str(name)] = [plain(value) for value in column.tolist()]
    return data


def plain(value):
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None  # neither nan nor infinite
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    return str(value)


def figure_to_chart(figure):
    """What a matplotlib figure shows, as data; None where the library does not understand it."""
    try:
        from e2b_charts import chart_figure_to_chart

        # The library leaves numpy's numbers in its charts, in ticks for one.
        chart = chart_figure_to_chart(figure)
        return plain(chart.model_dump()) if chart else None
    except Exception:
        return None


def as_json(value):
    """Lists and dicts are their own JSON, if they are JSON at all."""
    if len(value) > JSON_ITEMS:
        return None
    try:
        text = json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return None
    return json.loads(text) if len(text) <= JSON_BYTES else None


def install_formatters(shell):
    from IPython.core.formatters import BaseFormatter
    from traitlets import ObjectName, Unicode

    class DataFormatter(BaseFormatter):
        format_type = Unicode("e2b/data")
        print_method = ObjectName("_repr_e2b_data_")
        _return_type = dict

    class ChartFormatter(BaseFormatter):
        format_type = Unicode("e2b/chart")
        print_method = ObjectName("_repr_e2b_chart_")
        _return_type = dict

        # Not by `for_type`: matplotlib's inline backend takes its figures out of every formatter.
        def __call__(self, value):
            if (type(value).__module__, type(value).__name__) == ("matplotlib.figure", "Figure"):
                return figure_to_chart(value)
            return super().__call__(value)

    formatters = shell.display_formatter.formatters
    for formatter in (DataFormatter, ChartFormatter):
        made = formatter(parent=shell.display_formatter)
        formatters[made.format_type] = made
    # By name: nothing is imported for the programs that do not use it. pandas 3 moved its name.
    for module in ("pandas", "pandas.core.frame"):
        formatters["e2b/data"].for_type_by_name(module, "DataFrame", frame_to_data)
    plotly_figure = ("plotly.graph_objs._figure", "Figure")
    display_formatter = shell.display_formatter
    display_formatter.ipython_display_formatter.for_type_by_name(*plotly_figure, no_display)
    display_formatter.mimebundle_formatter.for_type_by_name(
        *plotly_figure, lambda figure, **_: plotly_bundle(figure)
    )
    for kind in (list, dict):
        formatters["application/json"].for_type(kind, as_json)


# --- Libraries that want a screen ----------------------------------------------------------------


class AfterImport:
    """Calls a function right after a module is first imported."""

    def __init__(self, hooks):
        self.hooks = hooks

    def find_spec(self, name, path, target=None):
        hook = self.hooks.pop(name, None)
        if hook is None:
            return None
        from importlib.util import find_spec

        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            try:
                hook(module)
            except Exception as error:  # a new version of the library: it still works, as it is
                print(f"conductor: cannot adapt {name}: {error}", file=sys.__stderr__)

        spec.loader.exec_module = exec_module
        return spec


def plotly_bundle(figure):
    """A plotly figure as its own MIME type, and as HTML that loads plotly.js."""
    import plotly.io

    return {
        "application/vnd.plotly.v1+json": json.loads(plotly.io.to_json(figure, validate=False)),
        "text/html": plotly.io.to_html(
            figure, include_plotlyjs="cdn", full_html=False, validate=False
        ),
        "text/plain": "Figure",
    }


def no_display(_):
    raise NotImplementedError  # IPython goes on to the bundle, which makes it the main result


def adapt_plotly(renderers_module):
    """`show` displays the figure instead of looking for a browser."""
    from IPython.display import display
    from plotly.io._base_renderers import ExternalRenderer

    class Renderer(ExternalRenderer):
        def render(self, fig_dict):
            display(plotly_bundle(fig_dict), raw=True)

    renderers_module.renderers["conductor"] = Renderer()
    renderers_module.renderers.default = "conductor"


def adapt_pillow(image_module):
    """`show` and `save(path)` display the image, as E2B does: there is no screen to show it on."""
    from IPython.display import display

    image_class = image_module.Image
    save = image_class.save

    def save_and_display(self, fp, format=None, **params):
        save(self, fp, format, **params)
        caller = sys._getframe(1).f_globals.get("__name__", "")
        # matplotlib saves its figures this way, and they are displayed already.
        if isinstance(fp, (str, os.PathLike)) and not caller.startswith("matplotlib"):
            display(self)

    image_class.save = save_and_display
    image_class.show = lambda self, title=None: display(self) and None


# --- Output, and the end of it --------------------------------------------------------------------


class Bytes:
    """`sys.stdout.buffer`: the kernel's streams take text only, and programs write bytes, too."""

    def __init__(self, stream):
        self.stream = stream
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data):
        self.stream.write(self.decoder.decode(bytes(data)))
        return len(data)

    def flush(self):
        self.stream.flush()


class Descriptor:
    """What is written to descriptor 1 or 2 itself, as programs do that the code starts.

    It comes through a pipe that a thread reads. Of ipykernel's own thread nobody knows how far it
    is, so that an execution could end before its last output; and it cuts letters in two.
    """

    def __init__(self, stream, number):
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.original = os.dup(number)
        self.reader, writer = os.pipe()
        os.dup2(writer, number)
        os.close(writer)
        self.passed_on = 0
        self.progress = threading.Condition()
        self.reading = False
        stream.fileno = lambda: number  # for who hands `sys.stdout` to a program
        write = stream.write
        self.thread = threading.Thread(target=self.pass_on, args=(write,), daemon=True)
        self.thread.start()
        self.passing = (self.thread, stream.pub_thread.thread)
        stream.write = self.after(write)

    def after(self, write):
        """Writes what comes by the stream after what came by the descriptor, as a terminal does."""

        def write_after(text):
            if (self.reading or self.waiting()) and self.may_wait():
                self.catch_up()
            return write(text)

        return write_after

    def may_wait(self):
        # In a forked copy of the kernel the thread is not alive. And what is printed in a thread that
        # passes output on (by a destructor, for one) must not wait for what that thread does.
        return self.thread.is_alive() and threading.current_thread() not in self.passing

    def waiting(self):
        """How many bytes are in the pipe."""
        count = fcntl.ioctl(self.reader, termios.FIONREAD, bytes(4))
        return int.from_bytes(count, sys.byteorder)

    def pass_on(self, write):
        arrived = select.poll()
        arrived.register(self.reader, select.POLLIN)
        try:
            while arrived.poll():
                self.reading = True
                with self.progress:
                    data = os.read(self.reader, UNREAD_TEXT)
                    if not data:  # everybody has closed it
                        return
                    write(self.decoder.decode(data))
                    os.write(self.original, data)
                    self.passed_on += len(data)
                    self.reading = False
                    self.progress.notify_all()
        finally:  # nobody waits for what nobody reads
            with self.progress:
                self.passed_on = float("inf")
                self.progress.notify_all()

    def catch_up(self):
        """Wait for what was written so far, and not for what others go on writing."""
        with self.progress:
            until = self.passed_on + self.waiting()
            self.progress.wait_for(lambda: self.passed_on >= until)


def hold_back(stream):
    """Let whoever writes wait while nobody reads, as on a pipe; else the kernel's memory fills."""
    thread, write = stream.pub_thread, stream.write
    unread = 0

    def write_and_wait(text):
        nonlocal unread
        if isinstance(text, str) and len(text) > UNREAD_TEXT:
            pieces = range(0, len(text), UNREAD_TEXT)
            return sum(write_and_wait(text[at : at + UNREAD_TEXT]) for at in pieces)
        count = write(text)
        unread += len(text)
        if unread >= UNREAD_TEXT and threading.current_thread() is not thread.thread:
            unread = 0
            sent = threading.Event()
            thread.schedule(stream._flush)
            thread.schedule(sent.set)
            while not sent.wait(1):  # not without end, so that an interrupt is noticed
                pass
        return count

    stream.write = write_and_wait


def hold_back_messages(thread):
    """The same for what is displayed."""
    schedule = thread.schedule

    def schedule_and_wait(function):
        schedule(function)
        ours = threading.current_thread() is thread.thread
        # In a forked copy of the kernel that thread is not alive, and nothing is taken.
        while not ours and thread.thread.is_alive() and len(thread._events) > UNREAD_MESSAGES:
            time.sleep(0.005)

    thread.schedule = schedule_and_wait


def limit_messages(session):
    """The service ends a kernel that sends a larger message; whoever causes one is told before."""
    serialize = session.serialize

    def serialize_within_limit(message, ident=None):
        parts = serialize(message, ident)
        size = sum(len(part) for part in parts)
        if size <= MESSAGE_BYTES:
            return parts
        content = message["content"]
        if "traceback" in content:
            shorter = {
                "evalue": content["evalue"][:UNREAD_TEXT],
                "traceback": [line[-UNREAD_TEXT:] for line in content["traceback"][-50:]],
            }
            return serialize({**message, "content": {**content, **shorter}}, ident)
        raise ValueError(f"an output of {size} bytes is too large: {MESSAGE_BYTES} bytes are the most")

    session.serialize = serialize_within_limit


def end_program(code=None):
    """`exit` and `quit` end the program, as `sys.exit` does: the variables stay."""
    raise SystemExit(code)


def wake_on_signals():
    """Make the event loop notice signals while it waits.

    ipykernel answers an interrupt of `await ...` by a callback, which the sleeping loop would run
    only at its next event. Handling any one signal makes asyncio wake up for all of them.
    """
    asyncio.get_running_loop().add_signal_handler(signal.SIGURG, lambda: None)


class Rest:
    """Once the kernel rests, drops its copies of what it shares with whom it was forked from."""

    def __init__(self):
        # Whoever has the libraries is a finder, too.
        finders = (getattr(finder, "give_back", None) for finder in sys.meta_path)
        self.give_back = next(filter(None, finders), None)
        self.timer = None

    def begin(self):
        if self.timer:
            self.timer.cancel()
        if self.give_back:
            self.timer = asyncio.get_running_loop().call_later(REST_SECONDS, self.give_back)


def leave():
    """End a forked copy of the kernel, with nothing run that belongs to the kernel."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0)


# --- The kernel ----------------------------------------------------------------------------------


def main(settings):
    ready = os.dup(1)  # ipykernel takes over the descriptors 1 and 2
    # Interrupts go to the process group: what the program started stops with it.
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.stdin = open(0)
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")

    # Nobody can attach a debugger, and its library is the largest part of a kernel.
    sys.modules["debugpy"] = None
    import ipykernel.debugger  # noqa: F401

    del sys.modules["debugpy"]
    import zmq
    from ipykernel.ipkernel import IPythonKernel
    from ipykernel.kernelapp import IPKernelApp
    from tornado.ioloop import IOLoop
    from traitlets.config import Config

    rest = Rest()
    descriptors = []

    class Kernel(IPythonKernel):
        async def execute_request(self, stream, ident, parent):
            metadata = parent.get("metadata") or {}
            os.environ.update(metadata.get("lasting_env_vars") or {})
            with environment(metadata.get("env_vars")):
                await super().execute_request(stream, ident, parent)

        async def do_execute(self, *arguments, **options):
            kernel = os.getpid()
            try:
                return await super().do_execute(*arguments, **options)
            finally:
                # The code may have forked. A copy that comes out here would serve the same sockets.
                if os.getpid() != kernel:
                    leave()
                with suppress(KeyboardInterrupt):
                    for descriptor in descriptors:
                        descriptor.catch_up()
                rest.begin()

    class App(IPKernelApp):
        # The service knows the sockets already, so there is no connection file.
        def init_connection_file(self):
            self.session.key = settings["key"].encode()
            limit_messages(self.session)

        def write_connection_file(self, **_):
            pass

        def cleanup_connection_file(self):
            self.cleanup_ipc_files()

        def init_iopub(self, context):
            # At its limit this socket waits; as it comes, it would silently drop what is too much.
            context.setsockopt(zmq.SNDHWM, UNREAD_MESSAGES)
            context.setsockopt(zmq.XPUB_NODROP, 1)
            super().init_iopub(context)
            # Not so those by which the kernel's threads wake each other: one of them would wait
            # for itself.
            context.setsockopt(zmq.SNDHWM, 0)

    # Widgets cannot be shown here, and a text bar serves: no reason to warn at `import gradio`.
    warnings.filterwarnings("ignore", message="IProgress not found")
    # Nor at `sys.exit`, which is an error with a name already.
    warnings.filterwarnings("ignore", message="To exit: use")

    config = Config()
    config.InteractiveShell.colors = "NoColor"
    config.HistoryManager.enabled = False
    config.IPKernelApp.log_level = 50  # else it greets the user of a terminal
    config.IPKernelApp.capture_fd_output = False
    app = App.instance(
        config=config,
        kernel_class=Kernel,
        transport="ipc",
        ip=settings["socket"],
        shell_port=1,
        iopub_port=2,
        stdin_port=3,
        control_port=4,
        hb_port=5,
    )
    # Its own files stay out of the user's home directory.
    with environment({"IPYTHONDIR": tempfile.mkdtemp(prefix=".ipython-")}):
        app.initialize([])
    install_formatters(app.shell)
    hold_back_messages(app.iopub_thread)
    for number, stream in ((1, sys.stdout), (2, sys.stderr)):
        hold_back(stream)
        stream.buffer = Bytes(stream)
        descriptors.append(Descriptor(stream, number))
    app.shell.user_ns.update(exit=end_program, quit=end_program)
    app.shell.user_ns_hidden.update(exit=end_program, quit=end_program)
    sys.meta_path.insert(
        0, AfterImport({"plotly.io._renderers": adapt_plotly, "PIL.Image": adapt_pillow})
    )
    IOLoop.current().add_callback(wake_on_signals)
    IOLoop.current().add_callback(rest.begin)
    os.write(ready, b"ready\n")
    os.close(ready)
    app.start()


main(settings)  # noqa: F821  given by the bootstrap
