"""Limits: what a sandbox may use, and how a limit that was hit is named.

The service is started with 256 MiB of memory, 64 MiB of disk and 64 processes a sandbox.
"""

import pytest
from e2b_code_interpreter import (
    CommandExitException,
    NotEnoughSpaceException,
    Sandbox,
)


@pytest.fixture
def spent():
    """A sandbox for a test that uses it up."""
    with Sandbox.create(timeout=120) as sandbox:
        yield sandbox


def test_code_that_takes_too_much_memory_is_told_so(spent):
    error = spent.run_code(
        "block = bytearray(2_000_000_000)\nfor i in range(0, len(block), 4096): block[i] = 1"
    ).error
    assert error.value == "out of memory (256 MiB)"
    assert spent.run_code("1 + 1").text == "2"


def test_a_command_that_takes_too_much_memory_is_told_so(spent):
    python = spent.run_code("import sys; sys.executable").text
    # In pieces: one large piece is refused by the limit of a process, as an error of its own.
    code = "pieces = []\nwhile True: pieces.append(bytearray(b'x' * 1_000_000))"
    spent.files.write("greedy.py", code)
    with pytest.raises(CommandExitException) as failure:
        spent.commands.run(f"exec {python} greedy.py")
    assert "out of memory (256 MiB)" in failure.value.error
    assert spent.run_code("1 + 1").text == "2"


def test_code_that_starts_too_many_processes_is_told_so(spent):
    code = "import subprocess\nall = [subprocess.Popen(['sleep', '60']) for _ in range(100)]"
    assert spent.run_code(code).error.value == "too many processes (64)"
    assert spent.run_code("for one in all if 'all' in globals() else []: one.kill()").error is None


def test_code_that_fills_the_disk_is_told_so(spent):
    error = spent.run_code("open('full.bin', 'wb').write(b'x' * 100_000_000)").error
    assert error.value == "disk full (64 MiB)"
    spent.files.remove("full.bin")
    assert spent.run_code("open('small.txt', 'w').write('fits')").text == "4"


@pytest.mark.parametrize("use_octet_stream", [False, True])
def test_an_upload_that_fills_the_disk_is_told_so(spent, use_octet_stream):
    spent.files.write("kept.bin", b"before")
    with pytest.raises(NotEnoughSpaceException, match="disk full"):
        spent.files.write("kept.bin", b"x" * 100_000_000, use_octet_stream=use_octet_stream)
    spent.files.write("small.txt", "fits")
