"""A Streamlit program in Streamlit's own test runner: all pages, and its widgets used."""

import sys
import time

import conductor_app as app

from .findings import finding

# A run that goes on drawing from the same line for so long is a live view, which never ends.
LIVE_SECONDS = 6
LIVE_DRAWINGS = 4
# So many runs, each without a pause, are one that never ends.
RERUNS = 15
RERUN_SECONDS = 0.5
ACTIONS = 24
EXPLORE_SECONDS = 12
OPTIONS = 3


class Watch:
    """What happens inside of a run, for Streamlit shows only its text."""

    def __init__(self, worker):
        self.worker = worker
        self.new_run()

    def new_run(self, place=None):
        self.place = place
        self.errors = []
        self.reruns = 0
        self.began = time.monotonic()
        self.drawn = {}
        self.ended = False
        self.last_step = 0
        self.worker.step(place)

    def install(self):
        from streamlit.runtime import forward_msg_queue, fragment
        from streamlit.runtime.scriptrunner import exec_code, script_runner

        self.stop, self.rerun = exec_code.StopException, exec_code.RerunException
        handled = exec_code.FragmentHandledException
        original = exec_code.exec_func_with_error_handling

        def watched(function, context):
            def run():
                try:
                    return function()
                except self.rerun as error:
                    self.saw_rerun(error)
                    raise
                except handled as error:
                    self.errors.extend(error.args[:1])
                    raise
                except SystemExit as error:
                    # It would end the thread without a word.
                    self.errors.append(error)
                    raise self.stop from None
                except Exception as error:
                    self.errors.append(error)
                    raise

            return original(run, context)

        for module in (script_runner, fragment, exec_code):
            if hasattr(module, "exec_func_with_error_handling"):
                module.exec_func_with_error_handling = watched
        enqueue = forward_msg_queue.ForwardMsgQueue.enqueue

        def counted(queue, message):
            enqueue(queue, message)
            if message.WhichOneof("type") == "delta":
                self.saw_drawing()

        forward_msg_queue.ForwardMsgQueue.enqueue = counted

    def own_line(self, trace=None):
        if trace is not None:
            lines = []
            while trace is not None:
                if trace.tb_frame.f_code.co_filename == self.worker.app_path:
                    lines.append(trace.tb_lineno)
                trace = trace.tb_next
            return lines[-1] if lines else None
        frame = sys._getframe()
        while frame is not None:
            if frame.f_code.co_filename == self.worker.app_path:
                return frame.f_lineno
            frame = frame.f_back
        return None

    def saw_rerun(self, error):
        self.reruns += 1
        self.worker.step(self.place)
        passed = time.monotonic() - self.began
        if self.reruns < RERUNS and passed < LIVE_SECONDS:
            return
        if passed / self.reruns < RERUN_SECONDS:
            line = self.own_line(error.__traceback__)
            message = (
                f"the page runs again and again: st.rerun() was called {self.reruns} times in a "
                "row; call it only where something has changed that the next run does not change again"
            )
            self.worker.found(finding("circular_state", message, line=line, place=self.place))
        raise self.stop from None

    def saw_drawing(self):
        now = time.monotonic()
        line = self.own_line()
        self.drawn[line] = self.drawn.get(line, 0) + 1
        if now - self.last_step > 0.3:
            self.last_step = now
            self.worker.step(self.place)
        if now - self.began > LIVE_SECONDS and self.drawn[line] >= LIVE_DRAWINGS and line:
            raise self.stop


class Explorer:
    def __init__(self, worker):
        self.worker = worker
        self.watch = Watch(worker)
        self.shown = set()

    def new_test(self):
        return app.streamlit_test(self.worker.app_path)

    def run(self, test, place=None, acting=False):
        """True if all is well."""
        self.watch.new_run(place)
        test.run(timeout=10 * self.worker.check_seconds)
        if acting and any('scope="fragment"' in str(error) for error in self.watch.errors):
            # The test runner runs all of the page where a browser would run a fragment of it.
            return False
        for error in self.watch.errors:
            self.worker.raised(error, place)
        if not self.watch.errors:
            for element in test.exception:
                if not element.proto.is_warning:
                    self.shown_by_program(element.proto, place)
                    return False
        return not self.watch.errors

    def shown_by_program(self, proto, place):
        """An exception that the program caught and shows by `st.exception`."""
        described = app.describe_element(proto, self.worker.app_path)
        kinds = {"FileNotFoundError": "missing_file", "NameError": "undefined_name"}
        text = f"{described['name']}: {described['value']}"
        self.worker.found(
            finding(
                kinds.get(described["name"], "exception"),
                text,
                line=described["line"],
                traceback=described["traceback"],
                place=place,
            )
        )

    def explore(self):
        self.watch.install()
        began = time.monotonic()
        test = self.new_test()
        if not self.run(test):
            return
        if not rendered(test):
            self.nothing(None)
            return
        give_up = time.monotonic() + min(EXPLORE_SECONDS, self.worker.check_seconds / 2)
        # A program that takes long is not run many times.
        cost = time.monotonic() - began
        pages = getattr(test, "_registered_pages", {})
        first = getattr(test, "_finished_page_script_hash", "")
        self.use_widgets(test, None, give_up, cost)
        for page, info in list(pages.items()):
            if page == first or len(pages) < 2 or time.monotonic() + cost > give_up:
                continue
            place = f"page {info.get('page_name') or info.get('url_pathname') or page!r}"
            test = self.new_test()
            test._page_hash = page
            if self.run(test, place):
                if not rendered(test):
                    self.nothing(place)
                self.use_widgets(test, place, give_up, cost, page)

    def nothing(self, place):
        message = "the page is empty: the program came to its end without an element on it"
        self.worker.found(finding("renders_nothing", message, place=place))

    def use_widgets(self, test, page, give_up, cost, page_hash=None):
        for kind, number, identity, label, value in actions(test)[:ACTIONS]:
            if time.monotonic() + cost > give_up:
                self.worker.send("notice", text="not every widget was tried: a run takes too long")
                return
            widget = find(test, kind, number, identity)
            if widget is None:
                continue
            how = "clicked" if value is CLICK else f"set to {value!r}"
            place = f"{kind} {label!r} {how}" + (f" on {page}" if page else "")
            try:
                widget.click() if value is CLICK else widget.set_value(value)
            except Exception:  # the test runner does not know how; that is nobody's fault
                continue
            if not self.run(test, place, acting=True):
                # What is broken now shall not be blamed on the next.
                test = self.new_test()
                if page_hash:
                    test._page_hash = page_hash
                if not self.run(test, page):
                    return


CLICK = object()


def actions(test):
    """What a person could do first: (kind, position, identity, label, value)."""
    chosen = []

    def add(kind, number, widget, *values):
        label = getattr(widget, "label", "")
        chosen.extend((kind, number, identity_of(widget), label, value) for value in values)

    for kind in ("selectbox", "radio"):
        for number, widget in enumerate(getattr(test, kind)):
            current = getattr(widget, "value", None)
            others = [option for option in options_of(widget) if option != current]
            add(kind, number, widget, *others[:OPTIONS])
    for kind in ("checkbox", "toggle"):
        for number, widget in enumerate(getattr(test, kind)):
            add(kind, number, widget, not widget.value)
    for number, widget in enumerate(test.multiselect):
        add("multiselect", number, widget, [])
    for number, widget in enumerate(test.button):
        if not getattr(widget, "disabled", False):
            add("button", number, widget, CLICK)
    return chosen


def options_of(widget):
    # The test runner takes the formatted options, and turns them back by itself.
    return list(getattr(widget, "options", []) or [])


def identity_of(widget):
    return getattr(widget, "id", None)


def find(test, kind, number, identity):
    for widget in getattr(test, kind):
        if identity_of(widget) == identity:
            return widget
    return None


def rendered(test):
    """Whether there is anything to see."""

    def leaves(node):
        children = getattr(node, "children", None)
        if children is None:
            return True
        return any(leaves(child) for child in children.values())

    return any(leaves(root) for root in test._tree.children.values())


def explore(worker):
    Explorer(worker).explore()
