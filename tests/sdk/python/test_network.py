"""The network of a sandbox.

The service is started with leave to reach example.com, which nobody does here, and 127.0.0.2: an
address of this machine that inside a sandbox is not its own.
"""

import http.server
import threading

import httpx
import pytest
from conftest import until
from e2b_code_interpreter import AsyncSandbox, Sandbox, SandboxException

FETCH = """
import urllib.request
try:
    answer = urllib.request.urlopen("http://127.0.0.2:{port}/", timeout=10).read().decode()
except Exception as error:
    answer = "refused"
answer
"""


@pytest.fixture(scope="module")
def outside():
    """A web server outside of all sandboxes; its port."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "7")
            self.end_headers()
            self.wfile.write(b"outside")

        def log_message(self, *_arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.2", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


def fetched(sandbox, port):
    return sandbox.run_code(FETCH.format(port=port)).text


def test_a_sandbox_reaches_whom_the_operator_allows(sandbox, outside):
    assert fetched(sandbox, outside) == "outside"


def test_without_internet_access_it_reaches_nobody(outside):
    with Sandbox.create(allow_internet_access=False) as sandbox:
        assert fetched(sandbox, outside) == "refused"
        assert sandbox.get_info().allow_internet_access is False


def test_a_callers_list_narrows_and_can_be_changed(outside):
    with Sandbox.create(network={"allow_out": ["example.com"]}) as sandbox:
        assert fetched(sandbox, outside) == "refused"
        assert sandbox.get_info().network["allow_out"] == ["example.com"]
        sandbox.update_network({"allow_out": ["127.0.0.2"]})
        assert fetched(sandbox, outside) == "outside"
        sandbox.update_network({"deny_out": ["127.0.0.2"]})
        assert fetched(sandbox, outside) == "refused"


async def test_the_asynchronous_client_changes_it_too(outside):
    async with await AsyncSandbox.create(network={"allow_out": ["example.com"]}) as sandbox:
        await sandbox.update_network({"allow_out": ["127.0.0.2"]})
        assert (await sandbox.run_code(FETCH.format(port=outside))).text == "outside"


def test_ports_that_are_not_public_ask_for_the_traffic_token(service):
    with Sandbox.create(network={"allow_public_traffic": False}) as sandbox:
        assert sandbox.traffic_access_token
        assert sandbox.run_code("1 + 1").text == "2"
        python = sandbox.run_code("import sys; sys.executable").text
        sandbox.commands.run(f"{python} -m http.server 8000", background=True, timeout=0)
        headers = {"Host": sandbox.get_host(8000)}
        allowed = {**headers, "E2B-Traffic-Access-Token": sandbox.traffic_access_token}
        url = "http://{}:{}/".format(*service)
        until("the server answers", lambda: httpx.get(url, headers=allowed).status_code == 200)
        assert httpx.get(url, headers=headers).status_code == 403


def test_what_the_proxy_cannot_do_is_refused_with_a_reason():
    with pytest.raises(SandboxException, match="not supported by the local sandbox service"):
        Sandbox.create(network={"rules": {"example.com": [{"transform": {"headers": {"A": "b"}}}]}})
