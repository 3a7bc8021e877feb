"""A launched Gradio app: its page, its configuration, and each of its endpoints called."""

import functools
import inspect
import json
import time
import urllib.error
import urllib.request
import uuid

from .findings import finding, of_exception

CALL_SECONDS = 4
EXPLORE_SECONDS = 20
# A cycle of changes that has not come to rest by then never will.
ROUNDS = 12
# What a person must give first: without it an endpoint may well fail.
MEDIA = (
    "audio", "file", "gallery", "image", "imageeditor", "imageslider", "model3d",
    "multimodaltextbox", "uploadbutton", "video",
)  # fmt: skip
TEXT = ("textbox", "textarea")
# An empty one is nothing that a program should have to reckon with.
SAMPLED = ("dataset", "datetime", "number", "radio", "slider")
# Kinds that no lack of an upload can cause.
OWN_FAULT = ("undefined_name", "removed_name", "unknown_parameter", "missing_package")


def prepare(worker):
    """See the exceptions themselves, of which Gradio tells its callers only the text."""
    import gradio

    worker.errors = {}
    process = gradio.Blocks.process_api

    @functools.wraps(process)
    async def watched(blocks, block_fn, *args, **kwargs):
        try:
            result = await process(blocks, block_fn, *args, **kwargs)
        except Exception as error:
            function = blocks.fns[block_fn] if isinstance(block_fn, int) else block_fn
            worker.errors.setdefault(function._id, (function, error))
            raise
        worker.step(getattr(worker, "place", None))
        return result

    gradio.Blocks.process_api = watched


def explore(worker, mounted=False):
    if mounted:
        # Served by the program's own server, which does not run yet: ours shows the same.
        worker.apps.mounted.launch()
    Explorer(worker, worker.apps.launched).explore()


class Explorer:
    def __init__(self, worker, blocks):
        self.worker = worker
        self.blocks = blocks
        self.address = f"http://127.0.0.1:{worker.port}"
        self.session = uuid.uuid4().hex[:12]
        self.config = {}
        self.values = {}
        # Straight there, whatever proxy the environment names.
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor()
        )

    def explore(self):
        self.worker.step("the page")
        try:
            self.sign_in()
            self.open("/")
            self.config = json.load(self.open("/config"))
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                self.worker.send("notice", text="the app asks for a password: nothing was called")
            else:
                text = error.read(2000).decode("utf-8", "replace")
                message = f"the page answers {error.code}: {text}"
                self.worker.found(finding("exception", message, place="the page"))
            return
        if not self.shows_something():
            message = "the page is empty: the app has no component that can be seen"
            self.worker.found(finding("renders_nothing", message))
            return
        self.values = {one["id"]: self.default(one) for one in self.config["components"]}
        self.defaults = dict(self.values)
        give_up = time.monotonic() + min(EXPLORE_SECONDS, self.worker.check_seconds / 2)
        for dependency in self.config["dependencies"]:
            if time.monotonic() > give_up:
                text = "not every endpoint was called: they take too long"
                self.worker.send("notice", text=text)
                return
            self.check_endpoint(dependency)
        self.check_circles(give_up)

    def sign_in(self):
        auth = getattr(self.blocks, "auth", None)
        if isinstance(auth, list) and auth:
            form = urllib.parse.urlencode({"username": auth[0][0], "password": auth[0][1]})
            self.open("/login", form.encode(), "application/x-www-form-urlencoded")

    def open(self, path, body=None, kind="application/json"):
        request = urllib.request.Request(self.address + path, body, {"Content-Type": kind})
        return self.opener.open(request, timeout=10 * self.worker.check_seconds)

    def shows_something(self):
        from gradio.blocks import BlockContext

        hidden = ("state", "timer", "browserstate")
        return any(
            one["type"] not in hidden
            and not isinstance(self.blocks.blocks.get(one["id"]), BlockContext)
            for one in self.config["components"]
        )

    def default(self, component):
        """What a person sends who has filled in nothing that needs it not."""
        value = component.get("props", {}).get("value")
        if value is None and component["type"] in TEXT:
            return ""
        if value is None and component["type"] in SAMPLED:
            try:
                return self.blocks.blocks[component["id"]].example_payload()
            except Exception:  # a component of somebody else's
                return None
        return value

    def check_endpoint(self, dependency):
        function = self.function(dependency)
        if function is None:
            return
        inputs = [self.defaults.get(one) for one in dependency["inputs"]]
        self.call(dependency, inputs)
        error = self.worker.errors.pop(dependency["id"], None)
        if error is None:
            return
        if self.is_said_to_people(error[1]):
            return
        place = self.place(dependency)
        found = of_exception(error[1], self.worker.app_path, self.worker.program, function)
        needs = [self.needs(one, value) for one, value in zip(dependency["inputs"], inputs)]
        if found["kind"] not in OWN_FAULT and "upload" in needs:
            return
        if found["kind"] not in OWN_FAULT and "text" in needs:
            filled = [
                self.blocks.blocks[one].example_payload() if need == "text" else value
                for one, value, need in zip(dependency["inputs"], inputs, needs)
            ]
            self.call(dependency, filled)
            if self.worker.errors.pop(dependency["id"], None) is None:
                text = f"{place} fails as long as its text is empty: {found['message']}"
                self.worker.send("notice", text=text)
                return
        self.worker.found({**found, "place": place})

    def needs(self, identity, value):
        kind = self.component(identity)["type"]
        if kind in MEDIA and not value:
            return "upload"
        return "text" if kind in TEXT and not value else None

    def component(self, identity):
        return next(one for one in self.config["components"] if one["id"] == identity)

    def function(self, dependency):
        """What a call of this would run; None where there is nothing to call."""
        block_fn = self.blocks.fns.get(dependency["id"])
        function = getattr(block_fn, "fn", None)
        if function is None or not dependency.get("backend_fn", True):
            return None
        if dependency.get("connection") == "stream" or wants_event_data(function):
            return None
        return function

    def is_said_to_people(self, error):
        """`raise gr.Error(...)` is how a program talks to its user."""
        import gradio

        trace, path = error.__traceback__, None
        while trace is not None:
            path = trace.tb_frame.f_code.co_filename
            trace = trace.tb_next
        return isinstance(error, gradio.Error) and path == self.worker.app_path

    def place(self, dependency):
        targets = dependency.get("targets") or [[None, "call"]]
        identity, event = targets[0][:2]
        try:
            component = self.component(identity)
            label = component["props"].get("label") or component["props"].get("value")
            what = f"{event} of {component['type']}" + (f" {label!r}" if label else "")
        except StopIteration:
            what = str(event)
        name = dependency.get("api_name")
        return f"endpoint /{name} ({what})" if name else what

    def call(self, dependency, inputs):
        """The outputs; None if there are none, or not in time."""
        place = self.worker.place = self.place(dependency)
        self.worker.step(place)
        body = {
            "data": inputs,
            "fn_index": dependency["id"],
            "session_hash": self.session,
            "trigger_id": (dependency.get("targets") or [[None]])[0][0],
        }
        prefix = self.config.get("api_prefix", "/gradio_api")
        try:
            self.open(f"{prefix}/queue/join", json.dumps(body).encode()).read()
        except urllib.error.HTTPError as error:
            text = error.read(2000).decode("utf-8", "replace")
            self.worker.send("notice", text=f"{place} could not be called: {error.code} {text}")
            return None
        began = time.monotonic()
        with self.open(f"{prefix}/queue/data?session_hash={self.session}") as stream:
            for line in stream:
                if not line.startswith(b"data:"):
                    continue
                event = json.loads(line[5:])
                if event["msg"] == "process_completed":
                    return event["output"].get("data") if event.get("success") else None
                if event["msg"] in ("close_stream", "unexpected_error"):
                    return None
                if event["msg"] == "process_generating":
                    if time.monotonic() - began > CALL_SECONDS:
                        # The next call shall not wait for what never ends.
                        self.session = uuid.uuid4().hex[:12]
                        return None
        return None

    def check_circles(self, give_up):
        """Changes that set off changes: they must come to rest."""
        changes = {}
        for dependency in self.config["dependencies"]:
            for target in dependency.get("targets") or []:
                if target[1] == "change" and self.function(dependency) is not None:
                    changes.setdefault(target[0], []).append(dependency)
        for start in changes:
            if start in reachable(start, changes) and time.monotonic() < give_up:
                if found := self.circle_from(start, changes, give_up):
                    self.worker.found(found)
                    return

    def circle_from(self, start, changes, give_up):
        values = dict(self.defaults)
        pending, rounds = [start], 0
        while pending and time.monotonic() < give_up:
            changed = pending.pop(0)
            for dependency in changes.get(changed, []):
                outputs = self.call(dependency, [values.get(one) for one in dependency["inputs"]])
                if self.worker.errors.pop(dependency["id"], None) or outputs is None:
                    return None
                for identity, value in zip(dependency["outputs"], outputs):
                    if isinstance(value, dict) and value.get("__type__") == "update":
                        value = value.get("value", values.get(identity))
                    if value != values.get(identity):
                        values[identity] = value
                        pending.append(identity)
            rounds += 1
            if rounds > ROUNDS:
                function = self.function(changes[changed][0])
                code = getattr(inspect.unwrap(function), "__code__", None)
                own = code is not None and code.co_filename == self.worker.app_path
                message = (
                    "changes set off one another without end: let one of these listeners be "
                    ".input() or .release(), which hears only people, instead of .change()"
                )
                return finding(
                    "circular_state",
                    message,
                    line=code.co_firstlineno if own else None,
                    place=self.place(changes[changed][0]),
                )
        return None


def reachable(start, changes):
    seen, pending = set(), [start]
    while pending:
        for dependency in changes.get(pending.pop(), []):
            for identity in dependency["outputs"]:
                if identity not in seen:
                    seen.add(identity)
                    pending.append(identity)
    return seen


def wants_event_data(function):
    """It answers to a selection or the like, which only a browser has."""
    import gradio

    try:
        annotations = inspect.get_annotations(function, eval_str=True).values()
    except Exception:  # names that cannot be evaluated, or no function
        return "Data" in str(getattr(function, "__annotations__", ""))
    return any(inspect.isclass(one) and issubclass(one, gradio.EventData) for one in annotations)
