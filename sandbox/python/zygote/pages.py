"""Python's memory in a file of which every program has the pages that it has not changed (`pages.rs`)."""

import _thread
import ctypes
import os
import sys

PAGE = 4096
# Python's own allocator serves what is not larger, in steps of so many bytes.
LARGEST, STEP = 512, 16
BATCH = 64
RLOCK = _thread.RLock
# What `malloc` is asked for a lock, and how many free places of that size there may be.
LOCK_BYTES, FREE_PLACES = 32, 20000
# What the file is called while it has a name.
FILE = "python-zygote"

# Those of this process; None if it has none.
pages = None


def begin(path):
    """First of all, for as much as possible to lie there."""
    global pages
    os.environ.pop("LD_PRELOAD", None)
    try:
        pages = Pages(path)
    except OSError as error:
        print(f"zygote: programs share less memory: {error}", file=sys.stderr, flush=True)


def forget_attributes():
    """Empty the interpreter's cache, whose thousands of entries hold names: to replace one writes to two."""
    clear = getattr(sys, "_clear_type_cache", None)
    if clear:
        clear()


class Pages:
    """The library and its file."""

    def __init__(self, path):
        if os.sysconf("SC_PAGE_SIZE") != PAGE:
            raise OSError("pages of another size")
        # One that keeps the interpreter's lock.
        self.library = ctypes.PyDLL(path)
        self.library.conductor_give_back.restype = ctypes.c_ssize_t
        self.library.conductor_empty.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.library.conductor_drop_file.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.library.conductor_end.restype = ctypes.c_size_t
        self.library.conductor_holds.argtypes = [ctypes.c_void_p]
        self.library.conductor_holds.restype = ctypes.c_bool
        if self.library.conductor_begin():
            raise OSError("no room for Python's objects")

    def give_back(self):
        """Drop the copies that are equal to what all share. Returns how many there were."""
        forget_attributes()
        return self.library.conductor_give_back()

    def fill(self):
        """Leave no free place between objects: what programs make lies together, elsewhere.

        So a page in which a library's objects lie changes only with them.
        """
        self.length = self.library.conductor_end()
        # Wholly free pools go to those that fill them best.
        for size in range(LARGEST, 0, -STEP):
            self.fill_size(size)

    def fill_size(self, size):
        make, holds = maker(size), self.library.conductor_holds
        mine = []
        while True:
            batch = [make() for _ in range(BATCH)]
            inside = [each for each in batch if holds(id(each))]
            mine += inside
            if len(inside) < BATCH:
                break
        # Kept for good, and never looked at again, by the collector neither.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(mine))
        ctypes.pythonapi.PyObject_GC_UnTrack(ctypes.py_object(mine))
        self.empty(sorted(map(id, mine)), size)

    def empty(self, places, size):
        """Give memory back that nobody needs: nobody looks at these objects."""
        start = end = 0
        for place in [*places, sys.maxsize]:
            if place != end:
                first, last = -(-start // PAGE) * PAGE, end // PAGE * PAGE
                if last > first:
                    self.library.conductor_empty(first, last - first)
                start = place
            end = place + size

    def gather_locks(self, logging):
        """Have the locks of log handlers lie together: every fork makes those of all of them anew."""
        handlers = list(getattr(logging, "_at_fork_reinit_lock_weakset", ()))
        # The memory of the locks themselves is not Python's: beyond its free places it is in one piece.
        malloc = ctypes.CDLL(None).malloc
        for _ in range(FREE_PLACES):
            malloc(LOCK_BYTES)
        for handler in handlers:
            if type(handler.lock) is RLOCK:
                handler.createLock()

    def settle(self, folder):
        """Share the objects, through a file without a name."""
        writable, readable = self.make_file(folder)
        step = self.library.conductor_settle(writable, readable)
        if step:
            # Half of the memory may be in one state, half in the other.
            sys.exit(f"zygote: Python's memory cannot be shared: step {step} failed")
        os.close(writable)
        os.close(readable)
        self.drop_libraries()

    def make_file(self, folder):
        """One on disk, which takes memory only for what is in use; or one in memory."""
        path = os.path.join(folder, FILE)
        opened = []
        try:
            if os.path.lexists(path):
                os.unlink(path)  # of a zygote that was killed just then
            opened.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            try:
                opened.append(os.open(path, os.O_RDONLY))
            finally:
                os.unlink(path)
            # All of its room now: a full disk must not be found out half-way.
            os.posix_fallocate(opened[0], 0, self.length)
        except OSError as error:
            print(f"zygote: objects stay in memory: {error}", file=sys.stderr, flush=True)
            for descriptor in opened:
                os.close(descriptor)  # no fork may have it
            writable = os.memfd_create(FILE)
            os.truncate(writable, self.length)
            opened = [writable, os.open(f"/proc/self/fd/{writable}", os.O_RDONLY)]
        return opened

    def drop_libraries(self):
        """What was read of libraries while they were loaded; programs read what they need themselves."""
        with open("/proc/self/maps") as maps:
            for line in maps:
                area, rights, _, _, inode = line.split()[:5]
                if inode != "0" and "w" not in rights:
                    start, end = (int(number, 16) for number in area.split("-"))
                    self.library.conductor_drop_file(start, end - start)


def maker(size):
    """A function that makes an object of so many bytes, in the allocator's own steps."""
    if size == 16:
        return object
    if size == 32:
        return iter(range(10**9, 2**30)).__next__
    return lambda: bytes(size - bytes.__basicsize__)
