"""What jupyter_client takes, without anything of ours.

It is told by lines on standard input and answers each with a line of milliseconds, a JSON list:

    warm 20     print(1), 20 times in one kernel that runs
    cold        a kernel is started for one print(1)
    burst 10    the same 10 times in a row, each with a kernel that stays; the sum
"""

import json
import sys
from time import perf_counter

from jupyter_client import KernelManager

PATIENCE_SECONDS = 60


class Kernel:
    def __init__(self):
        self.manager = KernelManager()
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=PATIENCE_SECONDS)

    def print_one(self):
        """Returns when the kernel is done, as our service does."""
        request = self.client.execute("print(1)")
        printed = ""
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE_SECONDS)
            if message["parent_header"].get("msg_id") != request:
                continue
            content = message["content"]
            if message["msg_type"] == "stream":
                printed += content["text"]
            elif message["msg_type"] == "status" and content["execution_state"] == "idle":
                break
        reply = self.client.get_shell_msg(timeout=PATIENCE_SECONDS)
        assert reply["content"]["status"] == "ok", reply
        assert printed == "1\n", printed

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def milliseconds(work):
    begun = perf_counter()
    work()
    return (perf_counter() - begun) * 1000


def cold(count):
    kernels = []

    def start_and_print():
        for _ in range(count):
            kernels.append(Kernel())
            kernels[-1].print_one()

    try:
        return [milliseconds(start_and_print)]
    finally:
        for kernel in kernels:
            kernel.stop()


def main():
    running = None
    for line in sys.stdin:
        match line.split():
            case ["warm", count]:
                running = running or Kernel()
                running.print_one()
                taken = [milliseconds(running.print_one) for _ in range(int(count))]
            case ["cold"]:
                taken = cold(1)
            case ["burst", count]:
                taken = cold(int(count))
            case _:
                sys.exit(f"unknown: {line}")
        print(json.dumps(taken), flush=True)
    if running:
        running.stop()


main()
