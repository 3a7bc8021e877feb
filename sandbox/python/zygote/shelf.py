"""Modules that are loaded already, but that nobody has imported yet.

After the zygote has imported its libraries, `stow` takes them out of `sys.modules` again. What is
left is what a fresh interpreter has. An `import` then finds a module here, in no time, under the
conditions under which loading it would have given the same:

- the path leads to the same file: a `plotly.py` beside the program wins, as it does anywhere;
- the variables that it read while it was loaded have the values they had then.

With a module come those that it would have loaded, too.
"""

import builtins
import os
import sys
import types
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder

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

    def __enter__(self):
        self.real_import = builtins.__import__
        self.environment = type(os.environ)
        needs, reads = self.needs, self.reads
        real_import, environment = self.real_import, self.environment

        def being_loaded():
            """It is the module being loaded that depends on something, whoever asks for it."""
            frame = sys._getframe(2)
            while frame and frame.f_code.co_name != "<module>":
                frame = frame.f_back
            return frame.f_globals.get("__name__") if frame else None

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

        builtins.__import__ = observed_import
        os.environ.__class__ = Observed
        return self

    def __exit__(self, *_):
        builtins.__import__ = self.real_import
        os.environ.__class__ = self.environment


class Shelf:
    """A finder, in front of those that load modules."""

    def __init__(self, baseline):
        self.baseline = baseline
        self.modules = {}
        self.needs = {}
        self.reads = {}
        self.after = {}
        self.native = set()
        self.top_level = frozenset()
        self.placed = frozenset()
        self.path = None
        self.verdicts = {}

    def stow(self, observer):
        """Take everything that a fresh interpreter does not have out of `sys.modules`."""
        for name, module in list(sys.modules.items()):
            own = name == "__main__" or name.startswith("conductor_")
            if name not in self.baseline and not own:
                self.modules[name] = module
        for name, module in self.modules.items():
            self.needs[name] = set()
        for name, module in self.modules.items():
            needs = self.references(module) | observer.needs.get(name, set())
            needs.add(name.rpartition(".")[0])
            self.needs[name] |= {need for need in needs if need in self.modules}
            spec = getattr(module, "__spec__", None)
            if spec is None or spec.name != name:
                # Made by another one while that was loaded, such as `typing.io`.
                self.needs.get(name.rpartition(".")[0], set()).add(name)
            elif isinstance(spec.loader, ExtensionFileLoader):
                self.native.add(name.partition(".")[0])
        self.reads = {
            name: {key: os.environ.get(key) for key in keys - HARMLESS}
            for name, keys in observer.reads.items()
            if name in self.modules
        }
        for name in self.modules:
            del sys.modules[name]
        # Some are on no path: a library has made them, under a name of the top level.
        self.placed = {name for name in self.modules if "." not in name and self.is_found(name)}
        self.top_level = frozenset(name for name in self.modules if "." not in name)
        # Before all others: a built-in module would be made a second time.
        sys.meta_path.insert(0, self)

    def references(self, module):
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
        return {name for name in found if name in self.modules}

    def trust(self, path):
        """On this path nothing is in the way of what is here."""
        self.path = list(path)

    # --- As a finder ---

    def find_spec(self, name, path=None, target=None):
        module = self.modules.get(name)
        if module is None or target is not None:
            return None
        parent = name.rpartition(".")[0]
        if parent and sys.modules.get(parent) is not self.modules.get(parent, sys.modules.get(parent)):
            return None
        if not self.may_serve(name):
            return None
        original = getattr(module, "__spec__", None)
        if original is None:
            return ModuleSpec(name, Loader(self, module, None))
        spec = ModuleSpec(
            name,
            Loader(self, module, original),
            origin=original.origin,
            is_package=original.submodule_search_locations is not None,
        )
        spec.submodule_search_locations = original.submodule_search_locations
        spec.has_location = original.has_location
        spec.cached = original.cached
        return spec

    def invalidate_caches(self):
        self.verdicts.clear()

    def closure(self, name):
        """A module with all that comes with it."""
        found, waiting = {name}, [name]
        while waiting:
            for need in self.needs[waiting.pop()]:
                if need not in found:
                    found.add(need)
                    waiting.append(need)
        return found

    def may_serve(self, name):
        top = name.partition(".")[0]
        return all(map(self.is_in_place, {top, name})) and all(
            self.is_in_place(need) for need in self.closure(name)
        )

    def is_in_place(self, name):
        if sys.modules.get(name) is self.modules.get(name):
            return True
        top = name.partition(".")[0]
        if name in sys.modules and name in self.modules:
            return False  # another module of this name has been loaded
        for key, value in self.reads.get(name, {}).items():
            if os.environ.get(key) != value and top not in self.native:
                return False
        if self.path is not None and sys.path == self.path:
            return True
        key = (top, *sys.path)
        verdict = self.verdicts.get(key)
        if verdict is None:
            verdict = self.verdicts[key] = top not in self.placed or self.is_found(top)
        return verdict

    def is_found(self, top):
        """Whether a look on the path leads to the module that is here."""
        known = getattr(self.modules.get(top), "__spec__", None)
        found = PathFinder.find_spec(top)
        return None not in (known, found) and found.origin == known.origin

    def bring(self, name):
        """Put a module's company into `sys.modules`, and do what loading them would have done."""
        brought = [need for need in self.closure(name) if need not in sys.modules]
        for need in brought:
            sys.modules[need] = self.modules[need]
        for need in {name, *brought}:
            effect = self.after.get(need)
            if effect is not None:
                effect()

    def has(self, name):
        """Whether a module is the zygote's, and not the program's own."""
        if name in self.baseline:
            return name != "__main__"
        return sys.modules.get(name) is self.modules.get(name)


class Loader:
    """Hands out one module."""

    def __init__(self, shelf, module, original):
        self.shelf = shelf
        self.module = module
        self.original = original

    def create_module(self, spec):
        return self.module

    def exec_module(self, module):
        module.__spec__ = self.original
        self.shelf.bring(module.__name__)

    def __getattr__(self, name):
        # For those who want a source or a data file, not the module.
        if self.original is None or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.original.loader, name)
