"""Files: read, write, list, move and remove."""

import io
import time

import pytest
from e2b_code_interpreter import (
    AuthenticationException,
    FileNotFoundException,
    FileType,
    InvalidArgumentException,
    NotFoundException,
    Sandbox,
    SandboxException,
)

BYTES = bytes(range(256)) * 3


def test_text_is_written_and_read(sandbox):
    info = sandbox.files.write("text.txt", "grüße 😀\n")
    assert (info.name, info.path, info.type) == ("text.txt", "/home/user/text.txt", FileType.FILE)
    assert sandbox.files.read("text.txt") == "grüße 😀\n"
    sandbox.files.write("/home/user/text.txt", "shorter")
    assert sandbox.files.read("~/text.txt") == "shorter"


def test_bytes_are_written_and_read(sandbox):
    sandbox.files.write("bytes.bin", BYTES)
    assert sandbox.files.read("bytes.bin", format="bytes") == BYTES
    assert b"".join(sandbox.files.read("bytes.bin", format="stream")) == BYTES


def test_an_open_file_is_written(sandbox):
    sandbox.files.write("bytes.bin", io.BytesIO(BYTES))
    assert sandbox.files.read("bytes.bin", format="bytes") == BYTES
    sandbox.files.write("text.txt", io.StringIO("from a file"))
    assert sandbox.files.read("text.txt") == "from a file"
    sandbox.files.write("made.txt", (f"{n}\n".encode() for n in range(3)))
    assert sandbox.files.read("made.txt") == "0\n1\n2\n"


@pytest.mark.parametrize("use_octet_stream", [False, True])
def test_both_ways_of_upload_work(sandbox, use_octet_stream):
    sandbox.files.write("way.bin", BYTES, use_octet_stream=use_octet_stream)
    assert sandbox.files.read("way.bin", format="bytes") == BYTES


def test_compressed_transfers_carry_the_same(sandbox):
    text = "again and again " * 10_000
    sandbox.files.write("packed.txt", text, gzip=True)
    assert sandbox.commands.run("wc -c < packed.txt").stdout.strip() == str(len(text))
    assert sandbox.files.read("packed.txt", gzip=True) == text
    assert b"".join(sandbox.files.read("packed.txt", format="stream", gzip=True)) == text.encode()


def test_a_large_file_comes_whole(sandbox):
    data = bytes(range(256)) * 80_000
    sandbox.files.write("large.bin", data)
    assert sandbox.files.read("large.bin", format="bytes") == data
    assert sum(map(len, sandbox.files.read("large.bin", format="stream"))) == len(data)
    sandbox.files.remove("large.bin")


def test_an_empty_file_is_a_file(sandbox):
    sandbox.files.write("empty", "")
    assert sandbox.files.read("empty") == ""
    assert sandbox.files.get_info("empty").size == 0


def test_folders_are_made_on_the_way(sandbox):
    sandbox.files.write("deep/er/file name ü.txt", "x")
    assert sandbox.files.read("deep/er/file name ü.txt") == "x"


def test_many_files_are_written_at_once(sandbox):
    written = sandbox.files.write_files(
        [{"path": "many/a.txt", "data": "a"}, {"path": "/tmp/b.bin", "data": b"\0b"}]
    )
    assert [info.path for info in written] == ["/home/user/many/a.txt", "/tmp/b.bin"]
    assert sandbox.files.read("many/a.txt") == "a"
    assert sandbox.files.read("/tmp/b.bin", format="bytes") == b"\0b"
    assert sandbox.files.write_files([]) == []


def test_a_file_carries_metadata(sandbox):
    info = sandbox.files.write("marked.txt", "x", metadata={"source": "a test", "kind": "1"})
    assert info.metadata == {"source": "a test", "kind": "1"}
    assert sandbox.files.get_info("marked.txt").metadata == {"source": "a test", "kind": "1"}
    sandbox.files.write("marked.txt", "y", metadata={"kind": "2"}, use_octet_stream=True)
    assert sandbox.files.get_info("marked.txt").metadata == {"kind": "2"}
    [entry] = [entry for entry in sandbox.files.list(".") if entry.name == "marked.txt"]
    assert entry.metadata == {"kind": "2"}


def test_a_missing_file_is_not_found(sandbox):
    for format in ("text", "bytes", "stream"):
        with pytest.raises(FileNotFoundException, match="nowhere"):
            sandbox.files.read("nowhere.txt", format=format)
    with pytest.raises(FileNotFoundException):
        sandbox.files.get_info("nowhere.txt")
    with pytest.raises(NotFoundException):
        sandbox.files.rename("nowhere.txt", "somewhere.txt")
    with pytest.raises(NotFoundException):
        sandbox.files.list("nowhere")
    assert not sandbox.files.exists("nowhere.txt")


def test_a_folder_is_no_file_and_a_file_no_folder(sandbox):
    sandbox.files.make_dir("folder")
    sandbox.files.write("file", "x")
    with pytest.raises(InvalidArgumentException, match="directory"):
        sandbox.files.read("folder")
    with pytest.raises(InvalidArgumentException):
        sandbox.files.write("folder", "x")
    with pytest.raises(InvalidArgumentException):
        sandbox.files.list("file")
    with pytest.raises(InvalidArgumentException):
        sandbox.files.make_dir("file")
    with pytest.raises(SandboxException):
        sandbox.files.write("file/below", "x")


def test_the_system_is_not_written_to(sandbox):
    with pytest.raises(SandboxException):
        sandbox.files.write("/usr/bin/env", "x")
    with pytest.raises(SandboxException):
        sandbox.files.remove("/usr/bin/env")


def test_an_entry_is_described(sandbox):
    sandbox.files.write("described.txt", "12345")
    sandbox.commands.run(
        "chmod 640 described.txt && ln -sf described.txt link && ln -sf nowhere broken"
    )
    info = sandbox.files.get_info("described.txt")
    assert (info.name, info.path, info.type, info.size) == (
        "described.txt",
        "/home/user/described.txt",
        FileType.FILE,
        5,
    )
    assert (info.mode, info.permissions, info.owner, info.group) == (
        0o640,
        "-rw-r-----",
        "user",
        "user",
    )
    assert abs(time.time() - info.modified_time.timestamp()) < 60
    assert info.symlink_target is None
    assert sandbox.files.get_info("link").symlink_target == "/home/user/described.txt"
    assert sandbox.files.get_info("/home/user").type == FileType.DIR
    assert {entry.name for entry in sandbox.files.list(".")} >= {"link", "broken"}
    assert sandbox.files.exists("link")


def test_folders_are_listed_to_a_depth(sandbox):
    sandbox.files.write("tree/a.txt", "a")
    sandbox.files.write("tree/b/c.txt", "c")
    sandbox.files.write("tree/b/d/e.txt", "e")

    def listed(depth):
        return sorted(
            entry.path.removeprefix("/home/user/tree/")
            for entry in sandbox.files.list("tree", depth=depth)
        )

    assert listed(1) == ["a.txt", "b"]
    assert listed(2) == ["a.txt", "b", "b/c.txt", "b/d"]
    assert listed(9) == ["a.txt", "b", "b/c.txt", "b/d", "b/d/e.txt"]
    assert {entry.name: entry.type for entry in sandbox.files.list("tree")} == {
        "a.txt": FileType.FILE,
        "b": FileType.DIR,
    }
    with pytest.raises(InvalidArgumentException):
        sandbox.files.list("tree", depth=0)


def test_a_folder_is_made_once(sandbox):
    assert sandbox.files.make_dir("new/folder")
    assert not sandbox.files.make_dir("new/folder")
    assert sandbox.files.get_info("new/folder").type == FileType.DIR


def test_entries_are_renamed(sandbox):
    sandbox.files.write("old.txt", "kept")
    sandbox.files.write("taken.txt", "lost")
    info = sandbox.files.rename("old.txt", "taken.txt")
    assert (info.name, info.path) == ("taken.txt", "/home/user/taken.txt")
    assert sandbox.files.read("taken.txt") == "kept"
    assert not sandbox.files.exists("old.txt")


def test_entries_are_removed_with_all_below(sandbox):
    sandbox.files.write("doomed/deep/file.txt", "x")
    sandbox.files.remove("doomed")
    assert not sandbox.files.exists("doomed")
    sandbox.files.remove("doomed")


def test_files_belong_to_a_user(sandbox):
    sandbox.files.write("~/owned.txt", "x", user="user")
    assert sandbox.files.read("/home/user/owned.txt", user="user") == "x"
    assert sandbox.files.list("~", user="user")
    with pytest.raises(AuthenticationException, match="nobody-here"):
        sandbox.files.read("owned.txt", user="nobody-here")
    with pytest.raises(AuthenticationException, match="nobody-here"):
        sandbox.files.list("/", user="nobody-here")


def test_one_sandbox_cannot_read_the_files_of_another(sandbox):
    with Sandbox.create() as other:
        other.files.write("private.txt", "of the other")
        with pytest.raises(FileNotFoundException):
            sandbox.files.read("private.txt")
