"""The zygote's `__main__`: receives the other parts, and later runs a program as if it were alone.

It is given by `-c`, and is kept to module level on purpose: a program is started from here, so this
is the only frame below its own, and `first_frame` hides it.
"""

import sys

baseline = frozenset(sys.modules)

import json  # noqa: E402
import socket  # noqa: E402
import struct  # noqa: E402

channel = socket.socket(fileno=0)
length = struct.unpack("!I", channel.recv(4, socket.MSG_WAITALL))[0]
settings = json.loads(channel.recv(length, socket.MSG_WAITALL))
for name, text in settings.pop("parts"):
    part = type(sys)("conductor_" + name)
    sys.modules[part.__name__] = part
    exec(compile(text, f"<conductor {name}>", "exec"), part.__dict__)
    if name == "pages":
        part.begin(settings.pop("pages"))
sys.modules["conductor_first_frame"].hide(sys._getframe().f_code)
names = globals()
del name, text, length, part, json, struct, socket

# Returns in a process that is to run a program, and in no other.
start, arguments, end = sys.modules["conductor_zygote"].serve(channel, baseline, settings)
del channel, baseline, settings
try:
    start(*arguments)
except BaseException as error:
    end.note(error, names)
    raise
finally:
    end.flush_file()
    # What is left of the program goes in the usual order.
    del start, arguments, names
