"""What an app's address answers once the app has died too often to be started again."""

import html
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def stopped_server(port, reason, log):
    """A server that says on every path that the app has stopped; None if the port is taken."""
    document = {"message": f"the app has stopped: {reason}", "code": 502, "app": "stopped"}
    notice = json.dumps({"type": "app_stopped", "reason": reason}).replace("<", "\\u003c")
    page = STOPPED_PAGE.format(
        reason=html.escape(reason[:1].upper() + reason[1:]), log=html.escape(log), notice=notice
    ).encode()
    document = json.dumps(document).encode()

    class Stopped(BaseHTTPRequestHandler):
        def answer(self):
            wants_page = "text/html" in self.headers.get("Accept", "")
            body, kind = (page, "text/html") if wants_page else (document, "application/json")
            self.send_response(502)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer

        def log_message(self, *_):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_):
            pass

    try:
        return Server(("0.0.0.0", port), Stopped)
    except OSError:
        return None


STOPPED_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The app has stopped</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 3rem auto; max-width: 44rem; padding: 0 1.25rem; color: light-dark(#1a232d, #e3e9ef);
  background: light-dark(#f5f7f8, #0d131a); font: 16px/1.5 system-ui, sans-serif; }}
h1 {{ font-size: 1.25rem; }}
pre {{ padding: .75rem .9rem; overflow: auto; border: 1px solid light-dark(#dde3e8, #2a3542);
  border-radius: 8px; background: light-dark(#fff, #151c25); white-space: pre-wrap;
  overflow-wrap: anywhere; font: .8125rem/1.5 ui-monospace, Menlo, Consolas, monospace; }}
</style>
<h1>The app has stopped</h1>
<p>{reason}.</p>
<p>It is not started again by itself: start it again in Conductor, or change its program first.</p>
<p>Its last words:</p>
<pre tabindex="0" aria-label="The end of the log">{log}</pre>
<script>if (parent !== window) parent.postMessage({notice}, "*");</script>
"""
