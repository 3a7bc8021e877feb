"""Run the check in a process of its own, so that a program that hangs or crashes is a finding.

The *worker* (a fork of this process) tells by one JSON object a line:

    {"event": "finding", ...}   as in `findings.py`
    {"event": "notice", "text"}
    {"event": "step", "place"}  something went well, or something new begins: the clock starts again
    {"event": "done", "complete"}  nothing is left to check, or the check itself failed
"""

import argparse
import faulthandler
import json
import os
import re
import selectors
import signal
import sys
import time

import conductor_launch as launcher

from . import findings, static
from .worker import Worker

OUTPUT_BYTES = 4 * 1024
DUMP_SECONDS = 2


class Supervisor:
    def __init__(self, options):
        self.options = options
        self.app_path = os.path.abspath(options.app)
        self.found = findings.Findings()
        self.notices = []
        self.output = b""
        self.lines = b""
        self.place = None
        self.done = False
        self.complete = False
        # Loading the framework is not the program's time.
        self.last_step = None
        self.began = time.monotonic()

    def check(self):
        # Whoever reads of it never sees the name that it was given for the check.
        self.found.rename(os.path.basename(self.app_path), self.options.name)
        with open(self.app_path, "rb") as file:
            source = file.read()
        program, problem = static.parse(source, self.app_path)
        if problem:
            self.found.add(problem)
            return self.result()
        lint = static.start_lint(self.app_path)
        self.run_worker(program)
        for finding in static.read_lint(lint, self.app_path, self.notices):
            self.found.add(finding)
        return self.result()

    def result(self):
        return {
            "findings": self.found.sorted(),
            "notices": self.notices,
            "complete": self.complete or bool(self.found),
            "output": self.output.decode("utf-8", "replace"),
            "seconds": round(time.monotonic() - self.began, 3),
        }

    def run_worker(self, program):
        pipes = {name: os.pipe() for name in ("output", "events", "dump")}
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            self.become_worker(pipes, program)
        for _, writer in pipes.values():
            os.close(writer)
        self.follow(pid, {name: reader for name, (reader, _) in pipes.items()})

    def become_worker(self, pipes, program):
        try:
            os.setpgid(0, 0)
            launcher.die_with_parent()
            for reader, _ in pipes.values():
                os.close(reader)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for descriptor in (1, 2):
                os.dup2(pipes["output"][1], descriptor)
            for name in ("events", "dump"):
                os.set_inheritable(pipes[name][1], False)
            # New objects: the old ones may hold what was written before.
            sys.stdin = sys.__stdin__ = open(0)
            for name, descriptor in (("stdout", 1), ("stderr", 2)):
                stream = open(descriptor, "w", 1, "utf-8", "backslashreplace", closefd=False)
                setattr(sys, name, stream)
                setattr(sys, f"__{name}__", stream)
            # Without the interpreter's help: the program may never give the lock back.
            faulthandler.register(signal.SIGUSR1, pipes["dump"][1], all_threads=True)
            Worker(self.options, pipes["events"][1], program).run()
        finally:
            os._exit(1)

    def follow(self, pid, readers):
        selector = selectors.DefaultSelector()
        for name, reader in readers.items():
            os.set_blocking(reader, False)
            selector.register(reader, selectors.EVENT_READ, name)
        exit_code = None
        while exit_code is None and not self.done:
            now = time.monotonic()
            ends = self.began + self.options.check_seconds
            if self.last_step is not None:
                ends = min(ends, self.last_step + self.options.run_seconds)
            if now >= ends:
                break
            for key, _ in selector.select(min(ends - now, 0.1)):
                self.read(selector, key)
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                exit_code = os.waitstatus_to_exitcode(status)
        if exit_code is None and not self.done:
            self.tell_where_it_hangs(pid, readers["dump"])
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            pass
        if exit_code is None:
            os.waitpid(pid, 0)
        for key in list(selector.get_map().values()):
            if key.data != "dump":
                while self.read(selector, key):
                    pass
        if exit_code is not None and not self.done and not self.found:
            self.found.add(self.of_death(exit_code))

    def read(self, selector, key):
        try:
            data = os.read(key.fd, 65536)
        except BlockingIOError:
            return False
        if not data:
            selector.unregister(key.fd)
        elif key.data == "output":
            self.output = (self.output + data)[-OUTPUT_BYTES:]
        elif key.data == "events":
            *lines, self.lines = (self.lines + data).split(b"\n")
            for line in lines:
                self.heard(json.loads(line))
        return bool(data)

    def heard(self, event):
        kind = event.pop("event")
        if kind == "finding":
            self.found.add(event)
        elif kind == "notice":
            if event["text"] not in self.notices:
                self.notices.append(event["text"])
        elif kind == "step":
            self.last_step = time.monotonic()
            self.place = event.get("place")
        elif kind == "done":
            self.done = True
            self.complete = event["complete"]

    def tell_where_it_hangs(self, pid, dump):
        os.kill(pid, signal.SIGUSR1)
        give_up = time.monotonic() + DUMP_SECONDS
        text = b""
        # The dump ends with the thread that got the signal, which is the main one.
        while time.monotonic() < give_up and b"Current thread" not in text[:-1]:
            try:
                text += os.read(dump, 65536)
            except BlockingIOError:
                time.sleep(0.02)
        time.sleep(0.05)
        try:
            text += os.read(dump, 65536)
        except BlockingIOError:
            pass
        stack = stack_of_program(text.decode("utf-8", "replace"), self.app_path)
        if not stack:
            # The libraries were busy, or we were.
            self.notices.append("not everything was checked: there was no time left")
            return
        seconds = f"{self.options.run_seconds:g} s"
        line = stack[0][0]
        self.found.add(
            findings.finding(
                "endless_run",
                f"the program was still busy in line {line} after {seconds}: a dashboard must come to "
                "its end (Streamlit) or to launch() (Gradio), and so must each of its callbacks",
                line=line,
                place=self.place,
                traceback=findings.drawn_stack(stack, self.app_path),
            )
        )

    def of_death(self, exit_code):
        how = f"exit code {exit_code}"
        kind = "exit_call"
        if exit_code < 0:
            kind = "crash"
            how = launcher.signal_name(-exit_code)
            if exit_code == -signal.SIGKILL:
                kind, how = "limit", "SIGKILL, perhaps for lack of memory"
        return findings.finding(kind, f"the program's process ended: {how}", place=self.place)


def stack_of_program(dump, app_path):
    """(line, function) of the program in the first thread that runs it, innermost first."""
    for thread in re.split(r"\n(?=(?:Current thread|Thread) )", dump):
        stack = [
            (int(line), function)
            for path, line, function in re.findall(r'File "(.*?)", line (\d+) in (\S+)', thread)
            if path == app_path
        ]
        if stack:
            return stack
    return []


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="check_app.py", description="Check a generated program.")
    parser.add_argument("--framework", required=True, choices=["gradio", "streamlit"])
    parser.add_argument("--app", required=True, help="the program")
    parser.add_argument("--name", default="app.py", help="what the program is called in findings")
    parser.add_argument("--remove", action="store_true", help="remove the program in the end")
    parser.add_argument("--run-seconds", type=float, default=20, help="for one run or call")
    parser.add_argument("--check-seconds", type=float, default=90, help="for all of them")
    options = parser.parse_args(arguments)
    launcher.quiet_environment()
    try:
        result = Supervisor(options).check()
    finally:
        if options.remove:
            os.unlink(options.app)
    launcher.report("checked", **result)
    return 0
