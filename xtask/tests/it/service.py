#!/usr/bin/env python3
"""Stands in for the host or the sandbox service."""

import http.server
import os
import pathlib
import subprocess
import sys
import threading
import time

name = pathlib.Path(sys.argv[0]).name
child = subprocess.Popen(["sleep", "300"])
pathlib.Path(f"{name}.environment").write_text("\n".join(f"{key}={value}" for key, value in os.environ.items()))
pathlib.Path(f"{name}.pids").write_text(f"{os.getpid()} {child.pid}")


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()


server = http.server.HTTPServer(("127.0.0.1", 0), Health)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"{name}: listening on http://127.0.0.1:{server.server_port}", flush=True)
while not pathlib.Path(f"crash-{name}").exists():
    time.sleep(0.01)
sys.exit(f"{name} cannot go on")
