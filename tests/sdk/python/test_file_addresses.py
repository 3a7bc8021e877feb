"""Signed addresses: files for whoever has the address, without a client."""

import httpx
from e2b_code_interpreter import Sandbox


def test_a_signed_address_downloads_one_file(sandbox):
    sandbox.files.write("signed ü.txt", "secret")
    reply = httpx.get(sandbox.download_url("signed ü.txt"))
    assert (reply.status_code, reply.text) == (200, "secret")
    assert (
        httpx.get(sandbox.download_url("signed ü.txt", use_signature_expiration=60)).text
        == "secret"
    )
    assert httpx.get(sandbox.download_url("signed ü.txt", user="user")).text == "secret"
    other_path = sandbox.download_url("signed ü.txt").replace("signed", "other")
    assert httpx.get(other_path).status_code == 401


def test_a_signed_address_uploads_one_file(sandbox):
    reply = httpx.post(
        sandbox.upload_url("uploaded.txt"), files={"file": ("any.txt", b"by address")}
    )
    assert reply.status_code == 200
    assert sandbox.files.read("uploaded.txt") == "by address"
    url = sandbox.upload_url("uploaded.txt", use_signature_expiration=60)
    assert httpx.post(url, files={"file": ("any.txt", b"again")}).status_code == 200
    assert sandbox.files.read("uploaded.txt") == "again"


def test_an_address_that_is_expired_or_for_another_use_is_refused(sandbox):
    sandbox.files.write("signed.txt", "secret")
    expired = httpx.get(sandbox.download_url("signed.txt", use_signature_expiration=-10))
    assert expired.status_code == 401 and "expired" in expired.text
    for_reading = sandbox.download_url("signed.txt")
    assert httpx.post(for_reading, files={"file": ("any.txt", b"x")}).status_code == 401
    assert httpx.get(sandbox.upload_url("signed.txt")).status_code == 401
    assert httpx.get(for_reading[:-3] + "xyz").status_code == 401


def test_an_address_finds_its_own_sandbox(sandbox):
    with Sandbox.create() as other:
        sandbox.files.write("which.txt", "this")
        other.files.write("which.txt", "the other")
        assert httpx.get(other.download_url("which.txt")).text == "the other"
        assert httpx.get(sandbox.download_url("which.txt")).text == "this"
