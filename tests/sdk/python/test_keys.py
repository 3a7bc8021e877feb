"""A service that asks for a key, and tokens of sandboxes. It is started with the key of the suites."""

import os

import httpx
import pytest
from e2b_code_interpreter import (
    AuthenticationException,
    InvalidArgumentException,
    NotFoundException,
    Sandbox,
)


def test_the_right_key_opens_everything(sandbox):
    assert sandbox.run_code("1 + 1").text == "2"
    assert sandbox.sandbox_id in {info.sandbox_id for info in Sandbox.list().next_items()}


def test_a_wrong_key_opens_nothing(sandbox):
    with pytest.raises(AuthenticationException, match="401"):
        Sandbox.create(api_key="wrong")
    with pytest.raises(AuthenticationException):
        Sandbox.connect(sandbox.sandbox_id, api_key="wrong")
    with pytest.raises(AuthenticationException):
        Sandbox.list(api_key="wrong").next_items()
    with pytest.raises(AuthenticationException):
        Sandbox.kill(sandbox.sandbox_id, api_key="wrong")
    assert sandbox.is_running()


def test_no_key_opens_nothing(monkeypatch):
    monkeypatch.delenv("E2B_API_KEY")
    with pytest.raises(AuthenticationException, match="API key is required"):
        Sandbox.create()


def test_files_commands_and_code_ask_for_the_token_of_the_sandbox(sandbox):
    with Sandbox.create() as other:
        stranger = {
            "E2b-Sandbox-Id": sandbox.sandbox_id,
            "X-Access-Token": other._envd_access_token,
        }
        url = os.environ["E2B_SANDBOX_URL"]
        for headers in (stranger, {"E2b-Sandbox-Id": sandbox.sandbox_id}):
            file = httpx.get(f"{url}/files", params={"path": "/etc/hostname"}, headers=headers)
            processes = httpx.post(f"{url}/process.Process/List", json={}, headers=headers)
            code = httpx.post(
                f"{url}/execute",
                json={"code": "1"},
                headers={**headers, "E2b-Sandbox-Port": "49999"},
            )
            assert [file.status_code, processes.status_code, code.status_code] == [401, 401, 401]


def test_an_unsecured_sandbox_is_open_and_signs_nothing():
    """Old clients ask for one by `secure: false`; the address of a file then needs no signature."""
    reply = httpx.post(
        f"{os.environ['E2B_API_URL']}/sandboxes",
        json={"templateID": "base", "secure": False, "timeout": 60},
        headers={"X-API-KEY": os.environ["E2B_API_KEY"]},
    )
    assert reply.status_code == 201 and "envdAccessToken" not in reply.json()
    open_sandbox = Sandbox.connect(reply.json()["sandboxID"])
    try:
        open_sandbox.files.write("open.txt", "open")
        assert open_sandbox.files.read("open.txt") == "open"
        assert open_sandbox.run_code("1").text == "1"
        with pytest.raises(InvalidArgumentException):
            open_sandbox.download_url("open.txt", use_signature_expiration=10)
    finally:
        open_sandbox.kill()
    with pytest.raises(NotFoundException):
        open_sandbox.get_info()
