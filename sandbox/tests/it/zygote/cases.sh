# What a program sees must not depend on how its interpreter was started. Each case is run twice, in
# an empty directory: by the real interpreter and by a fork of the zygote. `py` is one or the other.

# --- a command and its arguments
py -c 'import sys; print(sys.argv, sys.path, sys.orig_argv, sys.executable, sys.flags)' a 'b c' ''

# --- what a command finds in its main module
py -c 'print(sorted(globals().items(), key=lambda item: item[0]))' | sed 's/0x[0-9a-f]*//'

# --- what a script finds in its main module
echo 'print({name: value for name, value in sorted(globals().items())})' > s.py; py s.py | sed 's/0x[0-9a-f]*//'

# --- what a program on standard input finds in its main module
echo 'print({name: value for name, value in sorted(globals().items())}); import sys; print(sys.argv, sys.path[0] == "")' | py - a | sed 's/0x[0-9a-f]*//'
echo 'import sys; print(sys.argv, __name__, __file__)' | py

# --- the modules of a fresh interpreter
py -c 'import sys; print(sorted(name for name in sys.modules))'

# --- a script, its arguments and its directory
mkdir -p d/e; echo 'import sys, os; print(sys.argv, __file__, sys.path[0], os.getcwd())' > d/e/s.py
py d/e/s.py 1 2; cd d; py e/s.py; py ./e/../e/s.py; py "$PWD/e/s.py"; ln -s e/s.py linked.py; py linked.py

# --- a script that is not there
py missing.py; echo $?; py /; echo $?

# --- a module
mkdir -p p; echo 'print("init", __name__)' > p/__init__.py; echo 'import sys; print(__name__, __package__, __spec__.name, __file__, sys.argv)' > p/__main__.py; cp p/__main__.py p/m.py
py -m p a; py -m p.m b; py -m missing; echo $?; py -m p.missing; echo $?; echo '{"a": 1}' | py -m json.tool; py -m this | head -1

# --- a module that raises
echo 'raise ValueError("no")' > bad.py; py -m bad; echo $?

# --- a directory and an archive as program
mkdir app; echo 'import sys; print("main", sys.argv, sys.path[0])' > app/__main__.py; py app x; (cd app; py -m zipfile -c ../app.zip __main__.py); py app.zip y

# --- exit codes
for code in 'import sys; sys.exit(3)' 'import sys; sys.exit("a text")' 'raise SystemExit' 'import sys; sys.exit(None)' 'import os; os._exit(5)' 'import sys; sys.exit(-1)' 'import sys; sys.exit(256)' 'import sys; sys.exit(True)' 'import sys; sys.exit([1])' 'quit(4)'; do py -c "$code"; echo $?; done

# --- a traceback of a script
printf 'def f(x):\n    return 1 / x\n\ndef g():\n    f(0)\n\ng()\n' > s.py; py s.py; echo $?

# --- a traceback of a command and of standard input
py -c 'def f(): raise KeyError("k")
f()'; echo $?; echo 'raise RuntimeError("from stdin")' | py; echo $?; echo 'raise RuntimeError("from stdin")' | py -; echo $?

# --- chained errors and notes
cat > s.py <<'END'
try:
    {}["a"]
except KeyError as error:
    other = ValueError("second")
    other.add_note("a note")
    raise other from error
END
py s.py

# --- an exception group
py -c 'raise ExceptionGroup("several", [ValueError(1), TypeError("two")])'

# --- syntax errors
printf 'x = 1\nif x\n    print(x)\n' > s.py; py s.py; echo $?; py -c 'def'; echo $?; printf 'x = (\n' | py; echo $?; printf '  x = 1\n y = 2\n' > t.py; py t.py; printf 'x = 1\0' > u.py; py u.py; echo $?; printf '\xff\n' > v.py; py v.py; echo $?

# --- a source with an encoding, a mark and Windows line ends
printf '# -*- coding: latin-1 -*-\nprint("\xe9")\n' > a.py; py a.py; printf '\xef\xbb\xbfprint("mark")\n' > b.py; py b.py; printf 'print(1)\r\nprint(2)\r\n' > c.py; py c.py

# --- warnings
printf 'import warnings\nwarnings.warn("careful")\nwarnings.warn("old", DeprecationWarning)\nprint("a" is "b")\n' > s.py; py s.py; py -W error s.py; echo $?; py -c 'import warnings; print(len(warnings.filters), [rule[0] for rule in warnings.filters])'

# --- standard input is the program's
printf 'one\ntwo\nthree\n' | py -c 'import sys; print(input()); print(sys.stdin.readline()); print(sys.stdin.read())'
py -c 'print(input())' < /dev/null; echo $?; py -c 'import sys; print(sys.stdin)' <&-; echo $?

# --- a prompt
echo name | py -c 'input("who? ")'

# --- closed output
py -c 'print(1)' >&-; echo $?; py -c 'import sys; print(sys.stdout, sys.stderr)' 2>&-; py -c 'print("x" * 10)' > /dev/full; echo $?

# --- a reader that goes away
py -c 'for number in range(100000): print(number)' | head -1; py -c 'import signal; print(signal.getsignal(signal.SIGPIPE))'

# --- the streams' settings
py -c 'import sys
for stream in (sys.stdin, sys.stdout, sys.stderr): print(stream.encoding, stream.errors, stream.line_buffering, stream.write_through, stream.mode, stream.name, stream.newlines, type(stream.buffer).__name__, stream.isatty())' < /dev/null
py -u -c 'import sys
for stream in (sys.stdin, sys.stdout, sys.stderr): print(stream.encoding, stream.errors, stream.line_buffering, stream.write_through, stream.mode, stream.name, stream.newlines, type(stream.buffer).__name__)' < /dev/null

# --- unbuffered output comes in order
py -u -c 'import sys, os; print("a"); os.write(1, b"b\n"); sys.stderr.write("c\n"); print("d", end="")'; PYTHONUNBUFFERED=1 py -c 'import os; print("a"); os.write(1, b"b\n")'; py -c 'import os; print("a"); os.write(1, b"b\n")'

# --- text that is no text
printf '\xff\xfe' | py -c 'import sys; print(ascii(sys.stdin.read()))'; py -c 'import sys; print(ascii(sys.argv[1])); print(sys.argv[1])' "$(printf '\xe9')"; py -c 'print("äöü€😀")'

# --- the environment
A=1 B='two words' C= py -c 'import os; print({name: value for name, value in sorted(os.environ.items()) if name in "ABC"}, os.getenv("HOME")); os.environ["D"] = "4"; os.system("echo $D $A"); del os.environ["A"]; os.system("echo -$A-")'; env -i LANG=C.UTF-8 "$PY" -c 'import os; print(dict(os.environ))'; E="$(printf '\xff')" py -c 'import os; print(os.environb[b"E"])'

# --- other locales and variables that count at the start
LANG=C py -c 'import sys, os; print(sys.stdout.encoding, os.environ.get("LC_CTYPE"))'; LC_ALL=POSIX py -c 'import sys; print(sys.stdin.errors)'; PYTHONHASHSEED=0 py -c 'print(hash("a"))'; PYTHONPATH=/tmp py -c 'import sys; print(sys.path[1])'; PYTHONIOENCODING=latin-1 py -c 'print("é")' | od -c | head -1; PYTHONOPTIMIZE=1 py -c 'assert False; print(1)'; PYTHONDONTWRITEBYTECODE=1 py -c 'import sys; print(sys.dont_write_bytecode, sys.flags)'

# --- options that a fork does not give
py -I -c 'import sys; print(sys.flags.isolated)'; py -S -c 'import sys; print(sys.flags.no_site)'; py -O -c 'assert False; print("fine")'; py -X utf8 -c 'import sys; print(sys.flags.utf8_mode)'; py -E -c 'print(1)'; py --version; py -V; py -q -c 'print(2)'; py -uc 'print(3)'; py -c; echo $?; py -Z; echo $?; py -h | head -1; py -x /dev/null; py -i -c 'print(7)' < /dev/null

# --- no bytecode
echo 'x = 1' > m.py; py -B -c 'import m'; ls -A; py -c 'import m'; ls -A

# --- the umask and limits of the shell
(umask 077; py -c 'import os; open("f", "w"); print(oct(os.stat("f").st_mode))'); (ulimit -n 100; py -c 'import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))'); (ulimit -c 0; ulimit -s 4096; py -c 'import resource; print(resource.getrlimit(resource.RLIMIT_STACK)[0], resource.getrlimit(resource.RLIMIT_CORE))'); (ulimit -v 500000; py -c 'import resource; print(resource.getrlimit(resource.RLIMIT_AS))'); (ulimit -f 1; py -c 'open("g", "w").write("x" * 4096)'; echo $?)

# --- niceness and processors
nice -n 3 "$PY" -c 'import os; print(os.nice(0))'; taskset -c 0 "$PY" -c 'import os; print(os.sched_getaffinity(0))'

# --- descriptors that are handed on
py -c 'import os; print(os.read(5, 10)); os.write(7, b"seven\n")' 5<<<five 7>&1; py -c 'import os; print(sorted(int(n) for n in os.listdir("/proc/self/fd") if n != "3" and int(n) < 200))' 9</dev/null; py -c 'import os, sys
r, w = os.pipe(); print(r, w, os.get_inheritable(r))'

# --- a pipe between two programs
py -c 'for n in range(3): print(n)' | py -c 'import sys; print(sum(map(int, sys.stdin)))'

# --- signals as they are at the start
py -c 'import signal; print({s.name: str(signal.getsignal(s)) for s in sorted(signal.valid_signals()) if isinstance(s, signal.Signals)})' | sed 's/ at 0x[0-9a-f]*//'; py -c 'import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []))'; (trap '' HUP INT USR1; py -c 'import signal; print([signal.getsignal(s) for s in (1, 2, 10)])'); nohup "$PY" -c 'import signal; print(signal.getsignal(1))' < /dev/null 2>/dev/null

# --- death by a signal
for name in KILL TERM SEGV ABRT INT USR1; do py -c "import os, signal; os.kill(os.getpid(), signal.SIG$name); import time; time.sleep(5)"; echo $?; done 2>&1 | sed 's/line [0-9]*: *[0-9]*//; s/(exec.*//; s/ *$//'

# --- an interrupt
cat > s.py <<'END'
import os, signal, sys
try:
    os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(5)
except KeyboardInterrupt:
    print("interrupted")
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGINT); time.sleep(5)
END
py s.py; echo $?

# --- a signal from outside
cat > s.py <<'END'
import signal, sys, time
signal.signal(signal.SIGTERM, lambda number, frame: (print("got", number, flush=True), sys.exit(9)))
print("ready", flush=True)
time.sleep(20)
END
mkfifo f; py s.py > f & read line < f; kill $!; wait $!; echo $line $?

# --- an outside kill
mkfifo f; py -c 'print("ready", flush=True); import time; time.sleep(20)' > f & read line < f; kill -9 $!; wait $! 2>/dev/null; echo $line $?

# --- a time limit
timeout 0.5 "$PY" -c 'import time; time.sleep(20)'; echo $?; timeout -s INT 0.5 "$PY" -c 'import time; time.sleep(20)'; echo $?

# --- an alarm
py -c 'import signal, time; signal.alarm(1); time.sleep(20)' 2> /dev/null; echo $?; py -c '
import signal, time
def handler(*_): raise TimeoutError("over")
signal.signal(signal.SIGALRM, handler); signal.setitimer(signal.ITIMER_REAL, 0.1); time.sleep(20)'; echo $?

# --- at exit
cat > s.py <<'END'
import atexit, threading, time
class Last:
    def __del__(self): print("deleted")
last = Last()
atexit.register(print, "at exit")
threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
print("end of main")
END
py s.py; py -c 'import atexit; atexit.register(lambda: 1 / 0)' 2>&1 | grep -v lambda

# --- hooks
py -c 'import sys; print(sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__, sys.stdout is sys.__stdout__); sys.excepthook = lambda kind, error, trace: print("hook", kind, error, trace.tb_lineno, trace.tb_next, sys.last_traceback is trace); 1 / 0'; echo $?; py -c 'import sys, traceback
def hook(*error): print("mine", end=" "); sys.__excepthook__(*error); traceback.print_exception(*error)
sys.excepthook = hook
1 / 0'

# --- errors in threads and in the background
py -c 'import threading; t = threading.Thread(target=lambda: 1 / 0, name="t"); t.start(); t.join(); print(threading.main_thread().name, threading.active_count())'; py -c 'import asyncio
async def main(): await asyncio.sleep(0); raise ValueError("async")
asyncio.run(main())'

# --- deep recursion
py -c 'import sys; print(sys.getrecursionlimit())
def f(n): return n and f(n - 1)
print(f(900))
try: f(2000)
except RecursionError as error: print(error)'

# --- a module that the program has under a library's name
echo 'print("my own"); answer = 42' > plotly.py; py -c 'import plotly; print(plotly.answer)'; echo 'import plotly; print(plotly.__file__)' > s.py; py s.py; mkdir lib; echo 'name = "mine"' > lib/yaml.py; py -c 'import sys; sys.path.insert(0, "lib"); import yaml; print(yaml.name)'

# --- a module that the program has under the standard library's name
echo 'print("mine")' > queue.py; echo 'import queue; print(queue.__file__)' > s.py; py s.py

# --- modules beside the program
mkdir pk; echo 'from . import b; a = b.b' > pk/a.py; echo 'b = 1' > pk/b.py; touch pk/__init__.py; echo 'import pk.a, other; print(pk.a.a, other.__name__)' > s.py; touch other.py; py s.py; ls -A pk

# --- finding modules without importing them
py -c 'import importlib.util, sys
for name in ("pandas", "numpy", "json", "missing", "sys"):
    spec = importlib.util.find_spec(name); print(name, spec and spec.origin, spec and spec.name, name in sys.modules)'; py -c 'import importlib.metadata as m; print(m.version("pandas") == __import__("pandas").__version__)'; py -c 'import pkgutil, importlib.resources as r; print(len(pkgutil.get_data("certifi", "cacert.pem")) > 1000, r.files("certifi").joinpath("py.typed").is_file())'

# --- imported modules look imported
py -c 'import pandas, numpy, sys, json, matplotlib.pyplot
for m in (pandas, numpy, json, matplotlib.pyplot): print(m.__spec__.name, type(m.__loader__).__name__, type(m.__spec__.loader).__name__, m.__spec__.loader is m.__loader__, sys.modules[m.__name__] is m, m.__file__)'; py -c 'import json, importlib; print(importlib.reload(json) is json)'; py -c 'import inspect, textwrap; print(len(inspect.getsource(textwrap.wrap)))'

# --- pandas and numpy
printf 'a,b\n1,x\n2,y\n' > t.csv; py -c 'import pandas, numpy; frame = pandas.read_csv("t.csv"); print(frame.describe(include="all")); print(frame.groupby("b").a.sum()); print(numpy.linalg.inv(numpy.array([[1., 2], [3, 4]]))); frame.to_parquet("t.parquet"); print(pandas.read_parquet("t.parquet"))'

# --- random numbers differ from run to run, and seeded ones do not
py -c 'import random; random.seed(1); print(random.random())
import numpy; numpy.random.seed(1); print(numpy.random.rand())'; for module in 'random; print(random.random())' 'numpy.random as n; print(n.rand())' 'uuid; print(uuid.uuid4())' 'secrets; print(secrets.token_hex())' 'tempfile; print(tempfile.mkdtemp())' 'random; print(random.SystemRandom().random())' 'multiprocessing; print(multiprocessing.current_process().authkey)'; do a=$(py -c "import $module"); b=$(py -c "import $module"); [ "$a" != "$b" ]; echo $?; done

# --- pictures
py -c 'import matplotlib, matplotlib.pyplot as plt; plt.plot([1, 2]); plt.savefig("p.png"); print(matplotlib.get_backend(), open("p.png", "rb").read(4))'; MPLBACKEND=svg py -c 'import matplotlib.pyplot as plt; plt.figure(); print(plt.get_backend())'; py -c 'import plotly.express as px; print(px.bar(x=[1], y=[2]).data[0].type)'; py -c 'import altair; print(altair.Chart().mark_bar().to_dict(validate=False)["mark"])'

# --- child processes
cat > s.py <<'END'
import os, subprocess, sys
print(subprocess.run([sys.executable, "-c", "import sys; print(sys.argv); sys.exit(4)", "x"], capture_output=True))
print(subprocess.run("echo out; echo err >&2; exit 3", shell=True, capture_output=True))
print(subprocess.run([sys.executable, "-"], input=b"print(6 * 7)", capture_output=True).stdout)
r, w = os.pipe()
subprocess.run([sys.executable, "-c", f"import os; os.write({w}, b'passed')"], pass_fds=[w]); print(os.read(r, 10))
p = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"]); p.terminate(); print(p.wait())
p = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"]); p.kill(); print(p.wait())
END
py s.py

# --- forks and exec
py -c 'import os, sys
sys.stdout.flush()
if os.fork() == 0: print("child", flush=True); os._exit(3)
print(os.waitstatus_to_exitcode(os.wait()[1]))'; py -c 'import os, sys; os.execv(sys.executable, [sys.executable, "-c", "import sys; print(sys.argv)", "again"])'; py -c 'import os; os.execvp("echo", ["echo", "other"])'

# --- the name that the interpreter was called by
(exec -a python "$PROGRAM" -c 'import sys; print(sys.orig_argv, sys.executable)'); (exec -a python3 "$PROGRAM" missing.py); (exec -a python "$PROGRAM" -m); (exec -a other "$PROGRAM" -c 'import sys; print(sys.orig_argv[0], sys.executable, sys.prefix == sys.base_prefix)'); (cd "$VIRTUAL_ENV"; exec -a bin/python "$PROGRAM" -c 'import sys; print(sys.executable)')

# --- links to the interpreter, and environments made of it
mkdir bin; ln -s "$PROGRAM" bin/python; (PATH=$PWD/bin:$PATH; python -c 'import sys; print(sys.executable, sys.prefix == sys.base_prefix)'); py -m venv --without-pip v; v/bin/python -c 'import sys; print(sys.prefix, sys.base_prefix)'; cp "$PROGRAM" copy; ./copy -c 'import sys; print(sys.executable, sys.prefix == sys.base_prefix)'

# --- variables that switch nothing on
PYTHONUNBUFFERED=0 PYTHONDONTWRITEBYTECODE=' 0' py -c 'import os, sys; print(sys.dont_write_bytecode, sys.flags.dont_write_bytecode); os.write(1, b"first\n")'

# --- what cannot be read
for place in / /missing; do py < $place; echo $?; done 2>&1 | sed 's/0x[0-9a-f]*//; s/line [0-9]*//'; py <&-; echo $?; py 0> written; echo $?; (py -c 'print(1)' 1< .) 2>&1 | sed 's/0x[0-9a-f]*//'

# --- no frame lies below the program's own
cat > s.py <<'END'
import inspect, logging, sys, traceback, warnings
print(len(inspect.stack()), type(sys._getframe().f_back), traceback.format_stack())
warnings.warn("far", stacklevel=3)
logging.basicConfig(format="%(filename)s %(lineno)d"); logging.warning("far", stacklevel=5)
def deeper():
    global depth
    depth += 1; deeper()
for limit in (1000, 100):
    sys.setrecursionlimit(limit); depth = 0
    try: deeper()
    except RecursionError: print(depth)
deeper()
END
py s.py; py -m s; py -c "$(cat s.py)"; py < s.py; py -c 'import sys; sys.excepthook = None; 1 / 0' 2>&1 | head -2

# --- other ends
for code in 'import sys; sys.exit(2 ** 64)' 'class Mine(KeyboardInterrupt): pass
raise Mine' 'raise KeyboardInterrupt' 'import sys; sys.excepthook = lambda *_: sys.exit(5); 1 / 0'; do py -c "$code"; echo $?; echo "$code" > m.py; py -m m; echo $?; done

# --- what libraries do at exit
cat > s.py <<'END'
import atexit, logging.handlers, multiprocessing, tempfile, time, weakref
class Thing: pass
def late(): time.sleep(0.2); print("the child", flush=True)
def never(): time.sleep(20); print("never")
if __name__ == "__main__":
    held = logging.handlers.MemoryHandler(10, target=logging.StreamHandler())
    logging.getLogger().addHandler(held); logging.warning("held back")
    thing = Thing(); weakref.finalize(thing, print, "finalized"); atexit.register(print, "at exit")
    folder = tempfile.TemporaryDirectory(prefix="kept-")
    multiprocessing.Process(target=late).start(); multiprocessing.Process(target=never, daemon=True).start()
    print("the program")
END
py s.py | cat; ls /tmp | grep kept; py -c 'import atexit; atexit.register(print, "once"); atexit._run_exitfuncs(); print("goes on")'

# --- what is counted begins anew
py -c 'import threading, concurrent.futures, os, logging
print(threading.Thread().name, threading.main_thread().native_id == os.getpid(), logging.makeLogRecord({}).name, logging.LogRecord("", 0, "", 0, "", (), None).relativeCreated < 60000)
with concurrent.futures.ThreadPoolExecutor() as pool: print(pool.submit(lambda: threading.current_thread().name).result())'

# --- what one library does to another
py -c 'import plotly.io, plotly.graph_objects as go; print(plotly.io.templates.default, go.Figure().layout.template.layout.colorway[0])'; py -c 'import plotly.io, streamlit.elements.plotly_chart; print(plotly.io.templates.default)'; py -c 'import matplotlib.style; print(matplotlib.style.USER_LIBRARY_PATHS)'; py -c 'import requests, warnings; print(warnings.filters)'

# --- multiprocessing
cat > s.py <<'END'
import multiprocessing, sys
def square(n): return n * n
class Result: pass
if __name__ == "__main__":
    print(multiprocessing.process.ORIGINAL_DIR)
    for method in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(method).Pool(1) as pool: print(type(pool.apply(Result)) is Result)
        with multiprocessing.get_context(method).Pool(2) as pool: print(method, pool.map(square, range(4)))
    from concurrent.futures import ProcessPoolExecutor
    with ProcessPoolExecutor(2) as pool: print(list(pool.map(square, range(4))))
    queue = multiprocessing.Queue(); p = multiprocessing.Process(target=queue.put, args=(1,)); p.start(); print(queue.get()); p.join(); print(p.exitcode)
END
py s.py

# --- threads and asyncio
py -c 'import threading, concurrent.futures as f
with f.ThreadPoolExecutor(4) as pool: print(sum(pool.map(lambda n: n * n, range(10))))
import asyncio
async def main():
    p = await asyncio.create_subprocess_exec("echo", "sub", stdout=-1); print(await p.communicate()); return await asyncio.gather(*[asyncio.sleep(0, n) for n in range(3)])
print(asyncio.run(main()))'

# --- sqlite, ssl, time zones, sockets
py -c 'import sqlite3, ssl, time, os; db = sqlite3.connect("x.db"); db.execute("create table t (a)"); db.execute("insert into t values (1)"); print(db.execute("select * from t").fetchall()); print(ssl.create_default_context().check_hostname); os.environ["TZ"] = "Asia/Tokyo"; time.tzset(); print(time.tzname)'; TZ=America/New_York py -c 'import time; print(time.tzname, time.localtime(0).tm_hour)'; py -c 'import socket; a, b = socket.socketpair(); a.send(b"x"); print(b.recv(1)); s = socket.create_server(("127.0.0.1", 0)); c = socket.create_connection(s.getsockname()); print(s.accept()[0].send(b"y"), c.recv(1))'

# --- temporary files
TMPDIR=$PWD py -c 'import tempfile, os; print(tempfile.gettempdir() == os.getcwd())'; py -c 'import tempfile; print(tempfile.gettempdir())'

# --- sys and the collector
py -c 'import sys, gc; print(gc.isenabled(), gc.get_threshold(), sys.getswitchinterval(), sys.getrecursionlimit(), sys.version, sys.prefix, sys.base_prefix, sys.platlibdir, sys.dont_write_bytecode, sys.gettrace(), sys.getprofile(), sys.warnoptions, sys._xoptions)'; py -c 'import gc, sys
class A: pass
a = A(); a.a = a; del a; print(gc.collect() > 0, len(gc.get_objects()) < 20000)'

# --- logging
py -c 'import logging; logging.warning("w"); logging.info("i"); print(logging.getLogger().handlers, logging.getLogger("streamlit").handlers, logging.getLogger("x").level)'; py -c 'import pandas, logging; print(logging.getLogger().handlers, logging.getLogger().level)'

# --- faulthandler
py -c 'import faulthandler; faulthandler.enable(); print(faulthandler.is_enabled()); import ctypes, sys; sys.stdout.flush(); ctypes.string_at(0)' > out 2>&1; echo $?; grep -o '^Fatal.*\|^True\|^Current thread' out

# --- running a program from a program
echo 'print(__name__, __file__); x = 1' > other.py; py -c 'import runpy; print(sorted(runpy.run_path("other.py"))[:3])'; py -c 'exec(open("other.py").read().replace("__file__", "1"))'; py -m timeit -n 1 -r 1 pass | cut -c1-7; py -m trace --count --no-report other.py 2>&1 | head -1; py -m cProfile other.py | grep function | cut -c1-9; py -m pdb -c q other.py < /dev/null | head -1 | cut -c1-2

# --- a program that is run by its first line
printf '#!%s\nimport sys; print(sys.argv, sys.path[0])\n' "$PY" > prog; chmod +x prog; ./prog a | sed 's/^/ /'; mkdir in; mv prog in; in/prog

# --- the command line as others see it
py -c 'import sys; print(open("/proc/self/cmdline", "rb").read()); print(open("/proc/self/comm").read())' x; py -c 'import psutil; print(psutil.Process().cmdline()[1:3], psutil.Process().cwd().split("/")[1])'

# --- typing, dataclasses, enums, pickles
cat > s.py <<'END'
import dataclasses, enum, pickle, typing, sys
@dataclasses.dataclass
class Point:
    x: int
    y: typing.Optional[int] = None
class Colour(enum.Enum): RED = 1
print(pickle.loads(pickle.dumps(Point(1))), pickle.loads(pickle.dumps(Colour.RED)), typing.get_type_hints(Point), sys.modules["__main__"].Point is Point)
import __main__; print(__main__.Point is Point, __main__.__file__)
x: int = 1; print(__annotations__)
END
py s.py

# --- the libraries' command lines
gradio --help | head -3; streamlit version; py -m streamlit version
