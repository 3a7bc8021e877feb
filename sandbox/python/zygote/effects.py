"""What modules do to the rest of the interpreter while they are loaded.

They set variables, add filters of warnings, and register what is to be called at exit. Nothing of it
stays in the zygote: a program gets it with the module that did it, in the order of old.
"""

import atexit
import os
import sys
import warnings


class Effects:
    """Notes what is done, and by which module."""

    def __init__(self, observer):
        self.observer = observer
        # Module and action, in their order.
        self.noted = []
        self.filters = []
        self.recording = False

    def __enter__(self):
        self.real_register, self.real_add = atexit.register, warnings._add_filter
        # Who has imported this one by its name keeps it.
        atexit.register, warnings._add_filter = self.register, self.add_filter
        self.recording = True
        self.start()
        return self

    def __exit__(self, *_):
        atexit.register, warnings._add_filter = self.real_register, self.real_add
        self.recording = False

    def register(self, function, *arguments, **options):
        if not self.recording:
            return self.real_register(function, *arguments, **options)
        module = sys._getframe(1).f_globals.get("__name__")
        self.noted.append((module, lambda: atexit.register(function, *arguments, **options)))
        return function

    def add_filter(self, *rule, append):
        self.filters.append((self.observer.being_loaded(), rule, append))
        self.real_add(*rule, append=append)

    def start(self):
        self.before, self.rules = dict(os.environ), list(warnings.filters)
        self.filters.clear()
        self.observer.written.clear()

    def settle(self, library):
        """After a library has been loaded: note what has remained, and take it back."""
        for name, value in os.environ.items():
            if self.before.get(name) != value:
                writer = self.observer.written.get(name)
                self.noted.append((writer or library, setter(name, value)))
        for name in set(os.environ) - set(self.before):
            del os.environ[name]
        os.environ.update(self.before)
        for module, rule, append in self.filters:
            if rule in warnings.filters and rule not in self.rules:
                self.noted.append((module or library, adder(rule, append)))
        warnings.filters[:] = self.rules
        warnings._filters_mutated()
        self.start()


def setter(name, value):
    return lambda: os.environ.__setitem__(name, value)


def adder(rule, append):
    # A filter of this kind is not there twice.
    return lambda: rule in warnings.filters or warnings._add_filter(*rule, append=append)
