"""The process that runs the program as the launcher would, and looks closer."""

import json
import os
import sys
import traceback

import conductor_app as app
import conductor_launch as launcher

from . import findings, static


class Worker(app.Worker):
    """A launcher's worker that tells findings instead of failures."""

    def __init__(self, options, events, program):
        options.port = launcher.free_port()
        super().__init__(options, options.port, events, check=True)
        self.program = program
        self.check_seconds = options.check_seconds
        self.run_seconds = options.run_seconds

    def send(self, event, **fields):
        line = json.dumps({"event": event, **fields}, default=str) + "\n"
        data = line.encode("utf-8", "backslashreplace")
        while data:
            data = data[os.write(self.events, data) :]

    def found(self, finding):
        self.send("finding", **finding)

    def step(self, place=None):
        self.send("step", place=place)

    def raised(self, error, place=None, function=None):
        finding = findings.of_exception(error, self.app_path, self.program, function)
        self.found({**finding, "place": place})

    def tell(self, event, **fields):
        """What the launcher's own code says of the program."""
        if event == "notice":
            self.send("notice", **fields)
        elif event == "failed" and fields.get("name") == "NoApp":
            self.found(findings.finding("no_app", fields["value"]))
        elif event == "bound":
            self.bound(**fields)

    def fail(self, error):
        self.raised(error)
        self.finish()

    def finish(self, complete=True):
        sys.stdout.flush()
        sys.stderr.flush()
        self.send("done", complete=complete)
        os._exit(0)

    def explore(self, work):
        """What goes wrong in here is our fault, not the program's."""
        try:
            work()
        except BaseException as error:
            traceback.print_exc()
            self.send("notice", text=f"the check broke off: {type(error).__name__}: {error}")
            self.finish(complete=False)
        self.finish()

    def run(self):
        __import__(self.framework)
        for finding in static.findings(self.program, self.app_path):
            self.found(finding)
        self.step()
        super().run()

    def run_gradio(self, code):
        from . import run_gradio

        run_gradio.prepare(self)
        super().run_gradio(code)

    def bound(self, path=None):
        from . import run_gradio

        self.explore(lambda: run_gradio.explore(self, mounted=path is not None))

    def run_streamlit(self):
        from . import run_streamlit

        self.explore(lambda: run_streamlit.explore(self))
