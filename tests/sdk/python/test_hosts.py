"""Ports: what a sandbox serves, reached from outside by the name that the SDK gives it."""

import socket

import httpx
import pytest
import websockets.sync.client
from conftest import until
from e2b_code_interpreter import Sandbox

SERVER = """
import asyncio, http, websockets

async def talk(connection):
    async for message in connection:
        await connection.send(message[::-1])

def answer(connection, request):
    if request.headers.get("Upgrade") is None:
        return connection.respond(http.HTTPStatus.OK, f"{request.headers['Host']} {request.path}")

async def main():
    async with websockets.serve(talk, "127.0.0.1", 8000, process_request=answer) as server:
        await server.serve_forever()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def server(sandbox: Sandbox, service):
    """A sandbox with a server on its port 8000, which answers and which reverses messages."""
    python = sandbox.run_code("import sys; sys.executable").text
    sandbox.files.write("server.py", SERVER)
    sandbox.commands.run(f"{python} server.py", background=True, timeout=0)
    until(
        "the server answers", lambda: get(service, sandbox.get_host(8000), "/").status_code == 200
    )
    return sandbox


def get(service, host, path):
    """Asks as a browser would, which finds names below `localhost` by itself."""
    address, port = service
    return httpx.get(f"http://{address}:{port}{path}", headers={"Host": host})


def test_a_host_names_port_sandbox_and_service(sandbox, service):
    assert sandbox.get_host(8000) == f"8000-{sandbox.sandbox_id}.localhost:{service[1]}"


def test_a_server_inside_is_reached_by_its_host(server, service):
    host = server.get_host(8000)
    assert get(service, host, "/path?q=1").text.strip() == f"{host} /path?q=1"


def test_a_websocket_inside_is_reached_by_its_host(server, service):
    with socket.create_connection(service) as connection:
        with websockets.sync.client.connect(
            f"ws://{server.get_host(8000)}/", sock=connection
        ) as talk:
            talk.send("straw")
            assert talk.recv() == "warts"


def test_a_port_without_a_server_says_so(sandbox, service):
    reply = get(service, sandbox.get_host(9), "/")
    assert reply.status_code == 502
    assert "port is not open" in reply.text


def test_a_sandbox_that_is_gone_says_so(service):
    sandbox = Sandbox.create()
    sandbox.kill()
    reply = get(service, sandbox.get_host(8000), "/")
    assert reply.status_code == 502
    assert "was not found" in reply.text


def test_programs_inside_reach_the_server_too(server):
    code = "import urllib.request; urllib.request.urlopen('http://localhost:8000/in').read().decode().strip()"
    assert server.run_code(code).text == "localhost:8000 /in"
