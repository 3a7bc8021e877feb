"""Keeps the frame below a program's own from being seen: a fresh interpreter has none.

The interpreter skips frames that have not begun to run yet, and a number in the code object says
where that is. What it counts against the limit of recursion is a number in the thread's state.
Neither has a name in Python, so both are looked for, and left alone where they are not found.
"""

import ctypes
import sys
import types

# Larger than any code: such a frame never begins.
NEVER = 1 << 28
# Of the thread's state, in which the limit lies near the beginning.
NUMBERS = 24
UNUSUAL_LIMIT = 54321


def number_of(code):
    """Where a code object says at which instruction it begins: before a pointer and the instructions."""
    place = types.CodeType.__basicsize__ - 2 * ctypes.sizeof(ctypes.c_void_p)
    return ctypes.c_int.from_address(id(code) + place)


def hide(code):
    """Returns whether frames of this code are not to be seen from now on."""
    probe = compile("seen = look()", "probe", "exec")
    names = {"look": lambda: sys._getframe(1).f_code is probe}
    begins = number_of(probe)
    if begins.value != 0:
        return False
    exec(probe, names)
    begins.value = NEVER
    hidden = dict(names)
    exec(probe, hidden)
    begins.value = 0
    if not names["seen"] or hidden["seen"]:
        return False
    number_of(code).value = NEVER
    return True


def room():
    """Where the thread's state says how many frames may follow; None if that was not found."""
    get_state = ctypes.pythonapi.PyThreadState_Get
    get_state.restype = ctypes.c_void_p
    numbers = (ctypes.c_int * NUMBERS).from_address(get_state())
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(UNUSUAL_LIMIT)
    seen = list(numbers)
    sys.setrecursionlimit(limit)
    for place in range(1, NUMBERS):
        if seen[place] == UNUSUAL_LIMIT and 0 < UNUSUAL_LIMIT - seen[place - 1] < 100:
            return ctypes.c_int.from_buffer(numbers, (place - 1) * ctypes.sizeof(ctypes.c_int))
    return None
