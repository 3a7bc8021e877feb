"""Apps that nobody looks at sleep: what Gradio, uvicorn and Streamlit ask for all the time waits.

Gradio looks a thousand times a second whether there is an event in its queue, uvicorn ten times
whether it is to stop, Streamlit five times whether somebody has written settings. Here each waits
for the thing itself. What was renamed in a version that this was not written for stays as it is
there: such an app works, and uses some more of the processor.
"""

import asyncio
import functools
import time

from conductor_memory import give_back_memory

# In case that something else than what is waited for matters, too: stopping, for one.
LOOK_SECONDS = 1
# An app gives memory back after so long without a visitor, or with visitors who do nothing.
REST_SECONDS, VISITED_SECONDS = 2, 10
# Processor time from one look to the next that is more than looking takes, and what is worth it.
BUSY_SECONDS, WORKED_SECONDS = 0.02, 0.05


class Bell:
    """Wakes whoever waits on it; to be used by one thread."""

    def __init__(self):
        self.waiting = set()

    async def wait(self, seconds):
        """Until it rings, or so many seconds."""
        loop = asyncio.get_running_loop()
        rung = loop.create_future()
        timer = loop.call_later(seconds, wake, rung)
        self.waiting.add(rung)
        try:
            await rung
        finally:
            self.waiting.discard(rung)
            timer.cancel()

    def ring(self):
        for rung in list(self.waiting):
            wake(rung)


def wake(rung):
    if not rung.done():
        rung.set_result(None)


class Rest:
    """Gives memory back once after work, when nothing has happened for a while."""

    def __init__(self):
        self.worked = self.given = 0
        self.since = time.monotonic()

    def goes_on(self, seconds):
        """Called again and again; `seconds` are how long a while is."""
        worked = time.process_time()
        if worked > self.worked + BUSY_SECONDS:
            self.worked, self.since = worked, time.monotonic()
        elif worked > self.given + WORKED_SECONDS and time.monotonic() > self.since + seconds:
            give_back_memory()
            self.worked = self.given = time.process_time()


def uvicorn_waits():
    """The server's loop stands still while it has no connection."""
    import uvicorn

    server_class = uvicorn.Server
    start, main_loop, _ = server_class.__init__, server_class.main_loop, server_class.on_tick

    class Connections(set):
        def __init__(self):
            super().__init__()
            self.bell = Bell()

        def add(self, connection):
            super().add(connection)
            self.bell.ring()

    @functools.wraps(start)
    def start_with_bell(server, *args, **kwargs):
        start(server, *args, **kwargs)
        if server.server_state.connections == set():
            server.server_state.connections = Connections()

    @functools.wraps(main_loop)
    async def main_loop_that_waits(server):
        connections = server.server_state.connections
        if not isinstance(connections, Connections) or getattr(server.config, "callback_notify", None):
            return await main_loop(server)
        ticks, rest = 0, Rest()
        while not await server.on_tick(ticks):
            if connections:
                await asyncio.sleep(0.1)
                ticks += 1
                rest.goes_on(VISITED_SECONDS)
            else:
                await connections.bell.wait(LOOK_SECONDS)
                rest.goes_on(REST_SECONDS)
                ticks = 0  # which brings the date of its answers up to date
        return None

    server_class.__init__ = start_with_bell
    server_class.main_loop = main_loop_that_waits


def gradio_waits():
    """The queue's loops stand still while nothing is in it, and so does the program's own thread."""
    import gradio
    from gradio import queueing

    queue_class = queueing.Queue
    start, push, close = queue_class.__init__, queue_class.push, queue_class.close
    sleep = queueing.asyncio.sleep

    class Pause(float):
        """How long a loop sleeps that has found nothing to do, and how it sees that it goes on."""

        bell = idle = None

    @functools.wraps(start)
    def start_with_bell(queue, *args, **kwargs):
        start(queue, *args, **kwargs)
        queue.conductor_bell = Bell()
        nobody_waits = lambda: len(queue) == 0  # noqa: E731
        nobody_runs = lambda: nobody_waits() and not any(queue.active_jobs)  # noqa: E731
        try:
            nobody_runs()
            pauses = [
                ("sleep_when_free", Pause(queue.sleep_when_free), nobody_waits),
                (
                    "progress_update_sleep_when_free",
                    Pause(queue.progress_update_sleep_when_free),
                    nobody_runs,
                ),
            ]
        except (AttributeError, TypeError):
            return
        for name, pause, idle in pauses:
            pause.bell, pause.idle = queue.conductor_bell, idle
            setattr(queue, name, pause)

    @functools.wraps(push)
    async def push_and_ring(queue, *args, **kwargs):
        try:
            return await push(queue, *args, **kwargs)
        finally:
            queue.conductor_bell.ring()

    @functools.wraps(close)
    def close_and_ring(queue, *args, **kwargs):
        close(queue, *args, **kwargs)
        for rung in list(queue.conductor_bell.waiting):
            rung.get_loop().call_soon_threadsafe(wake, rung)

    async def sleep_or_wait(delay, *args, **kwargs):
        if isinstance(delay, Pause) and delay.idle():
            await delay.bell.wait(LOOK_SECONDS)
        else:
            return await sleep(delay, *args, **kwargs)

    def block_thread(blocks):
        try:
            thread = blocks.server.thread
            while blocks.is_running and thread.is_alive():
                thread.join(LOOK_SECONDS)
        except AttributeError:
            pass
        block(blocks)

    block = gradio.Blocks.block_thread
    # A module that differs in this one function, and for the queue alone.
    stand_in = type(asyncio)("asyncio")
    vars(stand_in).update(vars(asyncio), sleep=sleep_or_wait)
    queue_class.__init__ = start_with_bell
    queue_class.push, queue_class.close = push_and_ring, close_and_ring
    queueing.asyncio = stand_in
    gradio.Blocks.block_thread = functools.wraps(block)(block_thread)


def streamlit_waits():
    """Nobody watches for settings to be written: an app has those that it was started with."""
    from streamlit.web import bootstrap

    if hasattr(bootstrap, "_install_config_watchers"):
        bootstrap._install_config_watchers = lambda flags: None


def adapt(framework):
    """Have a framework and its server wait; what has other names there is left alone."""
    waits = {"gradio": gradio_waits, "streamlit": streamlit_waits}
    for wait in (waits[framework], uvicorn_waits):
        try:
            wait()
        except (AttributeError, ImportError):
            pass
