#!/usr/bin/env python3
"""Stands in for the host or the sandbox service."""

import http.server
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
name = pathlib.Path(sys.argv[0]).name
child = subprocess.Popen(["sleep", "300"])
pathlib.Path(f"{name}.environment").write_text("\n".join(f"{key}={value}" for key, value in os.environ.items()))
with open(f"{name}.pids", "a") as pids:
    pids.write(f"{os.getpid()} {child.pid}\n")


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()


server = http.server.HTTPServer(("127.0.0.1", 0), Health)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"{name}: listening on http://127.0.0.1:{server.server_port}", flush=True)
crash = pathlib.Path(f"crash-{name}")
while not crash.exists():
    time.sleep(0.01)
crash.unlink()
sys.exit(f"{name} cannot go on")
