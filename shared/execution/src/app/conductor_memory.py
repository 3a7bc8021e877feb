"""What a process that rests does not need, it gives back to the system."""

import gc
import sys


def give_back_memory():
    """Garbage, free memory, and copies of what has not changed since Python was forked."""
    gc.collect()
    try:
        import ctypes

        ctypes.CDLL(None).malloc_trim(0)
    except (ImportError, OSError, AttributeError):
        pass  # not glibc: it stays
    # Where programs are forked from one that has the libraries, its finder knows what was copied.
    for finder in sys.meta_path:
        give_back = getattr(finder, "give_back", None)
        if give_back:
            give_back()
