"""Files, by the asynchronous client."""

import io

import httpx
import pytest
from conftest import until_async
from e2b_code_interpreter import (
    AuthenticationException,
    FileNotFoundException,
    FilesystemEventType,
    FileType,
    InvalidArgumentException,
)

BYTES = bytes(range(256)) * 3


async def test_text_and_bytes_are_written_and_read(async_sandbox):
    files = async_sandbox.files
    info = await files.write("text.txt", "grüße 😀\n")
    assert (info.name, info.path, info.type) == ("text.txt", "/home/user/text.txt", FileType.FILE)
    assert await files.read("text.txt") == "grüße 😀\n"
    await files.write("bytes.bin", BYTES)
    assert await files.read("bytes.bin", format="bytes") == BYTES
    stream = await files.read("bytes.bin", format="stream")
    assert b"".join([chunk async for chunk in stream]) == BYTES


async def test_open_files_and_streams_are_written(async_sandbox):
    files = async_sandbox.files
    await files.write("bytes.bin", io.BytesIO(BYTES))
    assert await files.read("bytes.bin", format="bytes") == BYTES

    async def lines():
        for n in range(3):
            yield f"{n}\n".encode()

    await files.write("made.txt", lines())
    assert await files.read("made.txt") == "0\n1\n2\n"


@pytest.mark.parametrize(
    "options", [{"gzip": True}, {"use_octet_stream": True}, {"use_octet_stream": False}]
)
async def test_all_ways_of_upload_work(async_sandbox, options):
    text = "again and again " * 1_000
    await async_sandbox.files.write("way.txt", text, **options)
    assert await async_sandbox.files.read("way.txt", gzip=options.get("gzip", False)) == text


async def test_many_files_are_written_at_once(async_sandbox):
    written = await async_sandbox.files.write_files(
        [{"path": "many/a.txt", "data": "a"}, {"path": "/tmp/b.bin", "data": b"\0b"}]
    )
    assert [info.path for info in written] == ["/home/user/many/a.txt", "/tmp/b.bin"]
    assert await async_sandbox.files.read("/tmp/b.bin", format="bytes") == b"\0b"


async def test_entries_are_described_listed_renamed_and_removed(async_sandbox):
    files = async_sandbox.files
    assert await files.make_dir("tree/b")
    assert not await files.make_dir("tree/b")
    await files.write("tree/a.txt", "12345")
    await files.write("tree/b/c.txt", "c")
    info = await files.get_info("tree/a.txt")
    assert (info.size, info.type, info.owner) == (5, FileType.FILE, "user")
    assert sorted(entry.name for entry in await files.list("tree")) == ["a.txt", "b"]
    assert sorted(entry.name for entry in await files.list("tree", depth=2)) == [
        "a.txt",
        "b",
        "c.txt",
    ]
    assert (await files.rename("tree/a.txt", "tree/d.txt")).path == "/home/user/tree/d.txt"
    assert await files.exists("tree/d.txt") and not await files.exists("tree/a.txt")
    await files.remove("tree")
    assert not await files.exists("tree")


async def test_what_cannot_be_is_refused_by_its_reason(async_sandbox):
    files = async_sandbox.files
    for format in ("text", "bytes", "stream"):
        with pytest.raises(FileNotFoundException, match="nowhere"):
            await files.read("nowhere.txt", format=format)
    with pytest.raises(FileNotFoundException):
        await files.get_info("nowhere.txt")
    await files.make_dir("folder")
    with pytest.raises(InvalidArgumentException, match="directory"):
        await files.read("folder")
    with pytest.raises(InvalidArgumentException):
        await files.write("folder", "x")
    with pytest.raises(AuthenticationException, match="nobody-here"):
        await files.read("x", user="nobody-here")


async def test_a_file_carries_metadata(async_sandbox):
    info = await async_sandbox.files.write("marked.txt", "x", metadata={"source": "a test"})
    assert info.metadata == {"source": "a test"}
    assert (await async_sandbox.files.get_info("marked.txt")).metadata == {"source": "a test"}


async def test_changes_are_told_to_callbacks_of_both_kinds(async_sandbox):
    files, seen, heard = async_sandbox.files, [], []
    await files.make_dir("watched/below")

    async def hear(event):
        heard.append((event.name, event.type))

    ends = []
    shallow = await files.watch_dir("watched", hear, on_exit=ends.append)
    deep = await files.watch_dir("watched", seen.append, recursive=True, include_entry=True)
    await files.write("watched/below/a.txt", "12345")
    await files.write("watched/b.txt", "x")
    await until_async(
        "the shallow one hears", lambda: ("b.txt", FilesystemEventType.WRITE) in heard
    )
    await until_async("the deep one hears", lambda: any(event.name == "b.txt" for event in seen))
    assert all(not name.startswith("below/") for name, _ in heard)
    below = [event for event in seen if event.name == "below/a.txt"]
    assert below[0].type == FilesystemEventType.CREATE
    assert below[0].entry.path == "/home/user/watched/below/a.txt"
    await shallow.stop()
    await deep.stop()
    await until_async("the end is told", lambda: len(ends) == 1)


async def test_what_cannot_be_watched_is_refused(async_sandbox):
    with pytest.raises(FileNotFoundException):
        await async_sandbox.files.watch_dir("nowhere", print)
    await async_sandbox.files.write("file", "x")
    with pytest.raises(InvalidArgumentException):
        await async_sandbox.files.watch_dir("file", print)


async def test_signed_addresses_work_without_a_client(async_sandbox):
    await async_sandbox.files.write("signed.txt", "secret")
    async with httpx.AsyncClient() as client:
        url = async_sandbox.download_url("signed.txt", use_signature_expiration=60)
        assert (await client.get(url)).text == "secret"
        reply = await client.post(
            async_sandbox.upload_url("signed.txt"), files={"file": ("any.txt", b"new")}
        )
        assert reply.status_code == 200
    assert await async_sandbox.files.read("signed.txt") == "new"
