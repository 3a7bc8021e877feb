"""Becoming a fresh interpreter: what a program sees is what `python` would have shown it.

Where that cannot be had, the real interpreter is executed instead: nothing of the program has run
by then, and the descriptors, the directory and the environment are already its own.
"""

import atexit
import builtins
import ctypes
import fcntl
import gc
import importlib.metadata
import io
import itertools
import os
import resource
import runpy
import signal
import sys
import tempfile
import time
import types
import weakref
from importlib.machinery import BuiltinImporter, PathFinder, SourceFileLoader

import conductor_confine as confine
import conductor_first_frame as first_frame

# As `shim.rs` numbers them.
COMMAND, MODULE, SCRIPT, STDIN = range(4)
UNBUFFERED, NO_BYTECODE = 1, 2
# How many frames may follow, as the interpreter counts them; None where it was not found.
room = first_frame.room()
# The streams' encoding and errors follow from the locale, which the shim has compared with ours.
LARGEST = (1 << 63) - 1
ERRORS = {"stdin": sys.stdin.errors, "stdout": sys.stdout.errors, "stderr": sys.stderr.errors}


class End:
    """How the program ends: as in a fresh interpreter, but without taking the libraries apart.

    That would touch, and so copy, most of the memory that is shared.
    """

    def __init__(self, shelf, mode):
        self.shelf = shelf
        self.mode = mode
        self.status = 0
        self.usual = True
        # Registered before the program could register anything, so it is called after all that.
        atexit.register(self.leave)

    def note(self, error, names):
        """The program ended by this error; the bootstrap has these globals."""
        self.status = exit_status(error)
        # Others may end the program in their own way.
        self.usual = isinstance(error, SystemExit) or sys.excepthook is sys.__excepthook__
        if error.__traceback__ and error.__traceback__.tb_frame.f_globals is names:
            self.conceal(names)

    def conceal(self, names):
        """Keep the bootstrap's frame, which could not be hidden, out of the traceback."""
        hook = sys.excepthook

        def excepthook(kind, error, traceback):
            while traceback and traceback.tb_frame.f_globals is names:
                traceback = traceback.tb_next
            error.__traceback__ = sys.last_traceback = traceback
            sys.excepthook = hook
            hook(kind, error, traceback)

        sys.excepthook = excepthook

    def flush_file(self):
        """At the end of a file, before threads are waited for."""
        if self.mode in (SCRIPT, STDIN):
            flush()

    def leave(self):
        """Threads have ended, and what was to be called at exit has been called."""
        if sys._getframe().f_back:
            atexit.register(self.leave)  # the program has called all that by itself, and goes on
            return
        if not self.usual or not flush():
            return  # the interpreter itself does and says what is to be, and takes longer
        take_apart([name for name in sys.modules if not self.shelf.has(name)])
        if not flush():
            return
        confine.libc.fflush(None)
        if self.status is None:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        os._exit(130 if self.status is None else self.status)


def exit_status(error):
    """None for an interrupt: the program then ends by that signal."""
    if isinstance(error, SystemExit):
        if error.code is None:
            return 0
        if not isinstance(error.code, int):
            return 1
        return error.code & 255 if -LARGEST - 1 <= error.code <= LARGEST else 255
    return None if type(error) is KeyboardInterrupt else 1


def flush():
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and not stream.closed:
                stream.flush()
        return True
    except Exception:
        return False


def take_apart(names):
    """What the program has made goes in the order in which the interpreter lets it go."""
    left = [weakref.ref(sys.modules.pop(name)) for name in names]
    gc.collect()
    for module in filter(None, (reference() for reference in reversed(left))):
        content = vars(module)
        for own in (True, False):
            for name in list(content):
                if name != "__builtins__" and own == (name[:1] == "_" and name[1:2] != "_"):
                    content[name] = None
    gc.collect()


def prepare(shelf, noted):
    """In the zygote: what is to be done when a module is taken off the shelf."""
    loaded = sys.modules
    for rank, (module, action) in enumerate(noted):
        shelf.after.setdefault(module, []).append((rank, action))

    def add(name, action):
        if name in loaded:
            module = loaded[name]
            shelf.after.setdefault(name, []).append((len(noted), lambda: action(module)))

    add("matplotlib", choose_backend)
    add("matplotlib.style", find_styles)
    add("numpy.random", lambda module: module.seed())
    add("gradio.workflow", renew_token)
    add("huggingface_hub.constants", choose_telemetry)
    add("logging", restart_clock)
    add("multiprocessing", name_main)
    add("multiprocessing.process", renew_process)
    add("threading", name_thread)
    count_anew(loaded)
    if "plotly.io" in loaded:
        # Streamlit's, which is of use in its own pages only.
        templates = loaded["plotly.io"].templates
        ours, templates.default = templates.default, "plotly"
        # Where it lies; to set `default` means to look through the whole template, which it passed.
        place = "_default" if "_default" in vars(templates) else "default"
        if ours != "plotly":
            add("streamlit.elements.plotly_chart", lambda _: setattr(templates, place, ours))
    scanner = loaded.get("streamlit.components.v2.manifest_scanner")
    if hasattr(scanner, "_process_single_package"):
        remember_distributions(scanner)
    if "matplotlib" in loaded:
        forget_directories(loaded["matplotlib"])
    tempfile.tempdir = tempfile._name_sequence = None
    # This one is the bootstrap.
    loaded.pop("__mp_main__", None)


def count_anew(loaded):
    """Names of threads and the like begin with the first."""
    if "threading" in loaded:
        loaded["threading"]._counter = itertools.count(1).__next__
    if "concurrent.futures.thread" in loaded:
        loaded["concurrent.futures.thread"].ThreadPoolExecutor._counter = itertools.count().__next__
    if "weakref" in loaded:
        finalize = loaded["weakref"].finalize
        finalize._registered_with_atexit = False
        for each in finalize._registry:
            each.atexit = False


def restart_clock(logging):
    logging._startTime = time.time()


def name_thread(threading):
    threading.main_thread()._set_native_id()


def name_main(_):
    sys.modules["__mp_main__"] = sys.modules["__main__"]


def renew_process(process):
    process._current_process.authkey = os.urandom(32)
    try:
        process.ORIGINAL_DIR = os.path.abspath(os.getcwd())
    except OSError:
        process.ORIGINAL_DIR = None


def find_styles(style):
    directory = os.path.join(sys.modules["matplotlib"].get_configdir(), "stylelib")
    style.USER_LIBRARY_PATHS[:] = [directory]


def forget_directories(matplotlib):
    """Where its settings are is asked once, and here was not the place."""
    for function in (matplotlib.get_configdir, matplotlib.get_cachedir):
        names = function.__code__.co_freevars
        if "called" in names:
            function.__closure__[names.index("called")].cell_contents = False


def remember_distributions(scanner):
    """Which packages of the environment, which nobody changes, have nothing that Streamlit looks for.

    It reads what all of them say of themselves, at the start of every app; of the likely ones also the
    lists of their files.
    """
    likely, process = scanner._is_likely_streamlit_component_package, scanner._process_single_package
    found = importlib.metadata.distributions()
    unlikely = {each._path for each in found if not likely(each) or process(each) is None}

    def remembered(distribution):
        return getattr(distribution, "_path", None) not in unlikely and likely(distribution)

    scanner._is_likely_streamlit_component_package = remembered


def choose_backend(matplotlib):
    backend = os.environ.get("MPLBACKEND")
    if backend:
        matplotlib.rcParams["backend"] = matplotlib.rcParamsDefault["backend"] = backend


def choose_telemetry(constants):
    names = ("HF_HUB_DISABLE_TELEMETRY", "DISABLE_TELEMETRY", "DO_NOT_TRACK")
    values = [os.environ.get(name, "").upper() for name in names]
    constants.HF_HUB_DISABLE_TELEMETRY = any(value in ("1", "ON", "YES", "TRUE") for value in values)


def renew_token(workflow):
    import secrets

    if hasattr(workflow, "WRITE_TOKEN"):
        workflow.WRITE_TOKEN = secrets.token_urlsafe(32)


def become(request, shelf):
    """Returns what the bootstrap is to call, and how that ends. Runs in the new process."""
    confine.die_with_parent()
    confine.raise_oom_score()
    os.setpgid(0, 0)
    interpreter = os.fsdecode(request.interpreter)
    arguments = [os.fsdecode(argument) for argument in request.arguments]
    adopt_descriptors(request.descriptors)
    adopt_surroundings(request)
    adopt_signals(request)
    here = None
    try:
        os.chdir(request.directory)
    except OSError:
        here = "gone"

    taken = None

    def be_real():
        if taken is not None:
            # It has been read from standard input; the other one reads it again.
            copy = os.memfd_create("stdin")
            os.write(copy, taken)
            os.lseek(copy, 0, os.SEEK_SET)
            os.dup2(copy, 0)
        unblock(request)
        real = os.path.join(os.path.dirname(interpreter), ".conductor", "python")
        os.execv(real, [request.name, *request.arguments])

    try:
        try:
            if here:
                be_real()
            plan = read(request, arguments)
            if plan is None:
                be_real()
            mode, rest, first, target = plan
            if mode == STDIN:
                taken = target[0]
            confine.show_as([request.name, *request.arguments])
            if first is not None:
                sys.path.insert(0, first)
                if in_the_way(first or os.curdir, shelf):
                    be_real()
            shelf.trust(sys.path)
            sys.executable = interpreter
            sys.orig_argv = [os.fsdecode(request.name), *arguments]
            sys.argv = rest
            adopt_streams(request.flags & UNBUFFERED)
            if request.flags & NO_BYTECODE:
                sys.dont_write_bytecode = True
                set_flag("dont_write_bytecode")
            main = types.ModuleType("__main__")
            main.__dict__.update(__annotations__={}, __builtins__=builtins, __loader__=BuiltinImporter)
            sys.modules["__main__"] = main
            if mode == MODULE:
                start = (runpy._run_module_as_main, (target,))
                sys.modules["runpy"] = runpy
            else:
                if mode == SCRIPT:
                    main.__file__, main.__cached__ = target[1], None
                    main.__loader__ = SourceFileLoader("__main__", target[1])
                elif mode == STDIN:
                    main.__file__, main.__cached__ = "<stdin>", None
                code = translate(*target)
                if code is None:
                    be_real()
                start = (exec, (code, main.__dict__))
        except OSError:
            be_real()  # it tells best what is wrong
        gc.enable()
        unblock(request)
    except OSError:
        os._exit(126)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    if room is not None:
        # What is called from here is not counted.
        room.value += 1 if mode == MODULE else 2
    return *start, End(shelf, mode)


def read(request, arguments):
    """What to do: mode, `sys.argv`, first entry of the path, and what is to be compiled or run."""
    position = request.mode >> 8
    mode = request.mode & 255
    given, rest = arguments[position : position + 1], arguments[position + 1 :]
    if mode == COMMAND:
        # An argument such as -cprint(1) was taken apart by nobody yet.
        text = given[0] if given else None
        return None if text is None else (mode, ["-c", *rest], "", (text, "<string>"))
    if mode == MODULE:
        return (mode, ["-m", *rest], os.getcwd(), given[0]) if given else None
    if mode == STDIN:
        with open(0, "rb", closefd=False, buffering=0) as stream:
            text = stream.readall() or b""
        return mode, [*given, *rest] or [""], "", (text, "<stdin>")
    path = given[0]
    whole = path if path.startswith("/") else f"{os.getcwd()}/{path}"
    if not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        text = file.read()
    if path.endswith(".pyc") or text[:4] == b"PK\3\4":
        return None
    # The directory of the file itself, where the path is a link to it.
    first = os.path.dirname(os.path.join(os.path.dirname(path), os.readlink(path)) if os.path.islink(path) else path)
    return mode, [path, *rest], os.path.realpath(first) if first else os.getcwd(), (text, whole)


def translate(text, name):
    """Compile the program; None if it does not compile, which the real interpreter tells best."""
    try:
        return compile(text, name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, MemoryError, RecursionError, OverflowError):
        return None


def in_the_way(directory, shelf):
    """Whether a module beside the program has the name of one that is loaded already."""
    names = shelf.top_level
    try:
        entries = os.listdir(directory)
    except OSError:
        return False
    for entry in entries:
        name = entry.partition(".")[0]
        if name in names and (entry.endswith((".py", ".pyc", ".so")) or "." not in entry):
            found = PathFinder.find_spec(name, [directory])
            known = getattr(shelf.get(name), "__spec__", None)
            if found is not None and found.loader is not None and (
                known is None or found.origin != known.origin
            ):
                return True
    return False


def adopt_descriptors(descriptors):
    """Put each received descriptor at its number, close everything else."""
    # First out of the way of all the numbers that are wanted.
    above = max(descriptors, default=0) + 1
    held = {number: fcntl.fcntl(at, fcntl.F_DUPFD_CLOEXEC, above) for number, at in descriptors.items()}
    for number, at in held.items():
        os.dup2(at, number, inheritable=True)
    previous = -1
    for number in [*sorted(descriptors), 1 << 20]:
        if number > previous + 1:
            os.closerange(previous + 1, number)
        previous = number


def adopt_surroundings(request):
    os.umask(request.umask)
    for number, (soft, hard) in enumerate(request.limits):
        wanted = tuple(-1 if limit == 2**64 - 1 else limit for limit in (soft, hard))
        try:
            if resource.getrlimit(number) != wanted:
                resource.setrlimit(number, wanted)
        except (OSError, ValueError):
            pass
    if request.niceness:
        os.nice(request.niceness)
    processors = {
        8 * place + bit
        for place, byte in enumerate(request.processors)
        for bit in range(8)
        if byte >> bit & 1
    }
    if processors and processors != os.sched_getaffinity(0):
        try:
            os.sched_setaffinity(0, processors)
        except OSError:
            pass
    variables = dict(variable.partition(b"=")[::2] for variable in request.variables)
    time_zone = os.environb.get(b"TZ")
    variables.pop(b"", None)
    for name in set(os.environb) - set(variables):
        os.unsetenv(name)
    for name, value in variables.items():
        if os.environb.get(name) != value:
            os.putenv(name, value)
    # In their order.
    os.environ._data.clear()
    os.environ._data.update(variables)
    if os.environb.get(b"TZ") != time_zone:
        time.tzset()


def adopt_signals(request):
    for number in range(1, 65):
        if number in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
            continue
        ignored = request.ignored >> (number - 1) & 1
        if number in (signal.SIGPIPE, signal.SIGXFSZ):
            wanted = signal.SIG_IGN  # as Python has it
        elif ignored:
            wanted = signal.SIG_IGN
        elif number == signal.SIGINT:
            wanted = signal.default_int_handler
        else:
            wanted = signal.SIG_DFL
        if signal.getsignal(number) != wanted:
            signal.signal(number, wanted)


def unblock(request):
    """Up to here all signals have waited."""
    blocked = {number for number in range(1, 65) if request.blocked >> (number - 1) & 1}
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def adopt_streams(unbuffered):
    """`sys.stdin` and the others, made as the interpreter makes them."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        stream = make_stream(number, name, mode, unbuffered)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def make_stream(number, name, mode, unbuffered):
    try:
        os.fstat(number)
    except OSError:
        return None
    buffering = 0 if unbuffered and mode == "w" else -1
    buffer = io.open(number, mode + "b", buffering, closefd=False)
    raw = buffer if buffering == 0 else buffer.raw
    raw.name = f"<{name}>"
    terminal = raw.isatty()
    text = io.TextIOWrapper(
        buffer,
        encoding="utf-8",
        errors=ERRORS[name],
        newline="\n",
        line_buffering=not unbuffered and (terminal or name == "stderr"),
        write_through=bool(unbuffered),
    )
    text.mode = mode
    return text


def set_flag(name):
    """`sys.flags` cannot be written, nor made anew."""
    position = type(sys.flags).__match_args__.index(name)
    # The items of a tuple follow its three words of head.
    address = id(sys.flags) + (3 + position) * ctypes.sizeof(ctypes.c_void_p)
    ctypes.py_object.from_address(address).value = 1
