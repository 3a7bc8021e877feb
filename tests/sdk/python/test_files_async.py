"""Files, by the asynchronous client."""

import io

import pytest
from e2b_code_interpreter import (
    AuthenticationException,
    FileNotFoundException,
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


@pytest.mark.parametrize("options", [{"gzip": True}, {"use_octet_stream": True}, {"use_octet_stream": False}])
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
    assert sorted(entry.name for entry in await files.list("tree", depth=2)) == ["a.txt", "b", "c.txt"]
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
