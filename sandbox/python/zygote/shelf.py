"""Modules that are loaded already, but that nobody has imported yet.

After the zygote has imported its libraries, `stow` takes them out of `sys.modules` again. What is
left is what a fresh interpreter has. An `import` then finds a module here, in no time, under the
conditions under which loading it would have given the same:

- the path leads to the same file: a `plotly.py` beside the program wins, as it does anywhere;
- the variables that it read while it was loaded have the values they had then.

With a module come those that it would have loaded, too.
"""

import builtins
import importlib
import operator
import os
import sys
import types
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder

RANK = operator.itemgetter(0)
# About as many as there will be.
MODULES = 3000
# Read while a library is loaded, and of no consequence for what becomes of it; or looked after by
# `adapt`.
HARMLESS = frozenset(
    {
        "BASH",
        "CI",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "COLORTERM",
        "COLUMNS",
        "DISABLE_TELEMETRY",
        "DISPLAY",
        "DO_NOT_TRACK",
        "EDITOR",
        "FORCE_COLOR",
        "HF_HUB_DISABLE_TELEMETRY",
        "LANG",
        "LANGUAGE",
        "LC_ALL",
        "LC_MESSAGES",
        "LINES",
        "LOGNAME",
        "MPLBACKEND",
        "MPLCONFIGDIR",
        "NO_COLOR",
        "OPENBLAS_NUM_THREADS",
        "PATH",
        "PYCHARM_HOSTED",
        "PYTEST_CURRENT_TEST",
        "PYTEST_VERSION",
        "PYTHONPATH",
        "PYTHONUNBUFFERED",
        "PYTHON_COLORS",
        "REQUEST_METHOD",
        "SHELL",
        "TERM",
        "TERM_PROGRAM",
        "TTY_COMPATIBLE",
        "TTY_INTERACTIVE",
        "USER",
        "VIRTUAL_ENV",
        "VISUAL",
    }
)


class Observer:
    """Notes, while libraries are loaded, who imports whom and who reads which variable."""

    def __init__(self):
        self.needs = {}
        self.reads = {}
        # Which module has set a variable last.
        self.written = {}

    def being_loaded(self):
        """It is the module being loaded that depends on something, whoever asks for it."""
        frame = sys._getframe(2)
        while frame and frame.f_code.co_name != "<module>":
            frame = frame.f_back
        return frame.f_globals.get("__name__") if frame else None

    def __enter__(self):
        self.real_import = builtins.__import__
        self.environment = type(os.environ)
        needs, reads, written = self.needs, self.reads, self.written
        real_import, environment = self.real_import, self.environment
        being_loaded = self.being_loaded

        def observed_import(name, globals=None, locals=None, fromlist=(), level=0):
            module = real_import(name, globals, locals, fromlist, level)
            found = needs.setdefault(being_loaded(), set())
            if level == 0:
                found.add(name)
            found.add(getattr(module, "__name__", name))
            for item in fromlist or ():
                found.add(f"{getattr(module, '__name__', name)}.{item}")
            return module

        def note(name):
            reads.setdefault(being_loaded(), set()).add(name)

        class Observed(environment):
            def __getitem__(self, name):
                if isinstance(name, str):
                    note(name)
                return environment.__getitem__(self, name)

            def __contains__(self, name):
                if isinstance(name, str):
                    note(name)
                return environment.__contains__(self, name)

            def __setitem__(self, name, value):
                written[name] = being_loaded()
                environment.__setitem__(self, name, value)

        builtins.__import__ = observed_import
        os.environ.__class__ = Observed
        self.make_side_by_side()
        return self

    def make_side_by_side(self):
        """Have the modules lie together in memory: a program holds all of those that it imports."""
        blank = [types.ModuleType.__new__(types.ModuleType) for _ in range(MODULES)]

        def new_module(name):
            module = blank.pop() if blank else types.ModuleType.__new__(types.ModuleType)
            module.__init__(name)
            return module

        self.real_new_module = importlib._bootstrap._new_module
        importlib._bootstrap._new_module = new_module

    def __exit__(self, *_):
        importlib._bootstrap._new_module = self.real_new_module
        builtins.__import__ = self.real_import
        os.environ.__class__ = self.environment


class Shelf:
    """A finder, in front of those that load modules.

    All programs share the shelf's memory until they write to it, and whoever holds an object, if only
    for a moment, writes to its reference count. So what is asked for each module is asked of numbers
    and masks of bits, and the names are copies that lie side by side.
    """

    def __init__(self, baseline):
        self.baseline = baseline
        # By number, in the order of their names.
        self.names = []
        self.modules = []
        self.numbers = {}
        # Bits of the modules that come with it, itself among them.
        self.company = []
        # Bits of those that have read variables, and those of extension libraries.
        self.readers = 0
        self.native = 0
        # For each top-level name the bits of what lies below it, and what is to be known of it.
        self.tops = []
        self.reads = {}
        # By name, what loading the module would have done elsewhere: pairs of a rank and an action.
        self.after = {}
        self.top_level = frozenset()
        self.placed = frozenset()
        self.path = None
        self.verdicts = {}
        # Drops copies of memory that are equal to what all share; None where that cannot be had.
        self.give_back = None

    def stow(self, observer):
        """Take everything that a fresh interpreter does not have out of `sys.modules`."""
        loaded = {
            name: module
            for name, module in sys.modules.items()
            if name not in self.baseline and name != "__main__" and not name.startswith("conductor_")
        }
        needs = {name: set() for name in loaded}
        native = set()
        for name, module in loaded.items():
            wanted = self.references(module, loaded) | observer.needs.get(name, set())
            wanted.add(name.rpartition(".")[0])
            needs[name] |= {need for need in wanted if need in loaded}
            spec = getattr(module, "__spec__", None)
            if spec is None or spec.name != name:
                # Made by another one while that was loaded, such as `typing.io`.
                needs.get(name.rpartition(".")[0], set()).add(name)
            elif isinstance(spec.loader, ExtensionFileLoader):
                native.add(name.partition(".")[0])
        self.reads = {
            name: {key: os.environ.get(key) for key in keys - HARMLESS}
            for name, keys in observer.reads.items()
            if name in loaded and keys - HARMLESS
        }
        for name in loaded:
            del sys.modules[name]
        # Some are on no path: a library has made them, under a name of the top level.
        self.placed = frozenset(
            name for name, module in loaded.items() if "." not in name and is_found(name, module)
        )
        order = sorted(loaded)
        # Copies, made one after another.
        self.names = [name.encode().decode() for name in order]
        self.modules = [loaded[name] for name in order]
        self.numbers = {name: number for number, name in enumerate(self.names)}
        self.company = together([[self.numbers[need] for need in needs[name]] for name in order])
        for number, name in enumerate(self.names):
            top = name.partition(".")[0]
            if name in self.reads:
                self.readers |= 1 << number
            if top in native:
                self.native |= 1 << number
            if top == name or top not in self.numbers:
                self.tops.append([name, 0])
            self.tops[-1][1] |= 1 << number
        self.top_level = frozenset(name for name in self.names if "." not in name)
        # Before all others: a built-in module would be made a second time.
        sys.meta_path.insert(0, self)

    def references(self, module, loaded):
        """The modules that a module's names come from."""
        found = set()
        for value in list(vars(module).values()):
            if isinstance(value, types.ModuleType):
                found.add(value.__name__)
            else:
                # Nothing is asked of other objects: some answer with a warning.
                own = isinstance(value, (type, types.FunctionType))
                origin = value.__module__ if own else type(value).__module__
                if isinstance(origin, str):
                    found.add(origin)
        return {name for name in found if name in loaded}

    def trust(self, path):
        """On this path nothing is in the way of what is here."""
        self.path = list(path)

    def get(self, name):
        """The module of this name that is here."""
        number = self.numbers.get(name)
        return None if number is None else self.modules[number]

    # --- As a finder ---

    def find_spec(self, name, path=None, target=None):
        number = self.numbers.get(name)
        if number is None or target is not None:
            return None
        parent = name.rpartition(".")[0]
        if parent and sys.modules.get(parent) is not (self.get(parent) or sys.modules.get(parent)):
            return None
        if not self.may_serve(number):
            return None
        module = self.modules[number]
        original = getattr(module, "__spec__", None)
        if original is None:
            return ModuleSpec(name, Loader(self, number, None))
        spec = ModuleSpec(
            name,
            Loader(self, number, original),
            origin=original.origin,
            is_package=original.submodule_search_locations is not None,
        )
        spec.submodule_search_locations = original.submodule_search_locations
        spec.has_location = original.has_location
        spec.cached = original.cached
        return spec

    def invalidate_caches(self):
        self.verdicts.clear()

    def may_serve(self, number):
        company = self.company[number]
        for other in bits(company):
            if sys.modules.get(self.names[other], self) not in (self, self.modules[other]):
                return False  # another module of this name has been loaded
        if self.has_changed(company):
            return False
        if self.path is not None and sys.path == self.path:
            return True
        return all(self.is_in_place(top) for top, below in self.tops if company & below)

    def has_changed(self, company):
        """Whether one of them has read variables that have other values now."""
        for reader in bits(company & self.readers & ~self.native):
            name = self.names[reader]
            if sys.modules.get(name) is not self.modules[reader]:
                for key, value in self.reads[name].items():
                    if os.environ.get(key) != value:
                        return True
        return False

    def is_in_place(self, top):
        """Whether a look on the path leads to what is here of this top-level name."""
        module = self.get(top)
        if top not in self.placed or sys.modules.get(top) is module:
            return True
        key = (top, *sys.path)
        verdict = self.verdicts.get(key)
        if verdict is None:
            verdict = self.verdicts[key] = is_found(top, module)
        return verdict

    def bring(self, number):
        """Put a module's company into `sys.modules`, and do what loading them would have done."""
        effects = [self.names[number]]
        modules = sys.modules
        for other in bits(self.company[number]):
            name = self.names[other]
            if name not in modules:
                modules[name] = self.modules[other]
                effects.append(name)
        actions = [pair for name in dict.fromkeys(effects) for pair in self.after.get(name, ())]
        for _, action in sorted(actions, key=RANK):
            action()

    def has(self, name):
        """Whether a module is the zygote's, and not the program's own."""
        if name in self.baseline:
            return name != "__main__"
        module = self.get(name)
        return module is not None and sys.modules.get(name) is module


def is_found(top, module):
    """Whether a look on the path leads to this module."""
    known = getattr(module, "__spec__", None)
    found = PathFinder.find_spec(top)
    return None not in (known, found) and found.origin == known.origin


def bits(mask):
    """The numbers of the bits that are set."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def together(needs):
    """For each number the bits of all that it leads to, itself among them."""
    masks = [1 << number for number in range(len(needs))]
    changed = True
    while changed:
        changed = False
        for number, wanted in enumerate(needs):
            mask = masks[number]
            for need in wanted:
                mask |= masks[need]
            if mask != masks[number]:
                masks[number] = mask
                changed = True
    return masks


class Loader:
    """Hands out one module."""

    def __init__(self, shelf, number, original):
        self.shelf = shelf
        self.number = number
        self.original = original

    def create_module(self, spec):
        return self.shelf.modules[self.number]

    def exec_module(self, module):
        module.__spec__ = self.original
        self.shelf.bring(self.number)

    def __getattr__(self, name):
        # For those who want a source or a data file, not the module.
        if self.original is None or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.original.loader, name)
