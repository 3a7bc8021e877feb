"""Commands and terminals, by the asynchronous client."""

import asyncio

import pytest
from conftest import until_async
from e2b_code_interpreter import (
    AsyncSandbox,
    AuthenticationException,
    CommandExitException,
    InvalidArgumentException,
    NotFoundException,
    PtySize,
    TimeoutException,
)


async def test_a_command_gives_output_and_exit_code(async_sandbox):
    result = await async_sandbox.commands.run("echo out; echo err >&2")
    assert (result.stdout, result.stderr, result.exit_code, result.error) == (
        "out\n",
        "err\n",
        0,
        None,
    )
    with pytest.raises(CommandExitException) as failure:
        await async_sandbox.commands.run("echo out; exit 3")
    assert (failure.value.exit_code, failure.value.stdout) == (3, "out\n")


async def test_output_is_heard_by_callbacks_of_both_kinds(async_sandbox):
    heard, errors = [], []

    async def hear(text):
        heard.append(text)

    await async_sandbox.commands.run(
        "echo out; echo err >&2", on_stdout=hear, on_stderr=errors.append
    )
    assert (heard, errors) == (["out\n"], ["err\n"])


async def test_a_command_has_folder_variables_and_user(async_sandbox):
    result = await async_sandbox.commands.run(
        "pwd; echo $ONE; whoami", cwd="/tmp", envs={"ONE": "1"}, user="user"
    )
    assert result.stdout == "/tmp\n1\nuser\n"
    with pytest.raises(InvalidArgumentException, match="/nowhere"):
        await async_sandbox.commands.run("true", cwd="/nowhere")
    with pytest.raises(AuthenticationException, match="nobody-here"):
        await async_sandbox.commands.run("true", user="nobody-here")


async def test_a_command_in_the_background_is_fed_listed_and_waited_for(async_sandbox):
    commands = async_sandbox.commands
    handle = await commands.run(
        "echo begun; read word; echo heard $word; cat", background=True, stdin=True
    )
    assert handle.pid in {process.pid for process in await commands.list()}
    await until_async("it has begun", lambda: handle.stdout == "begun\n")
    await handle.send_stdin("something\n")
    await commands.send_stdin(handle.pid, "rest\n")
    await handle.close_stdin()
    result = await handle.wait()
    assert result.stdout == "begun\nheard something\nrest\n"
    assert handle.exit_code == 0 and handle.error is None
    assert handle.pid not in {process.pid for process in await commands.list()}


async def test_input_is_streamed(async_sandbox):
    commands = async_sandbox.commands
    handle = await commands.run("cat", background=True, stdin=True)
    async with commands.stream_input(handle.pid) as stream:
        for n in range(100):
            await stream.send(f"line {n}\n")
    await commands.close_stdin(handle.pid)
    assert (await handle.wait()).stdout == "".join(f"line {n}\n" for n in range(100))


async def test_a_killed_command_says_so(async_sandbox):
    handle = await async_sandbox.commands.run("sleep 1000", background=True)
    assert await handle.kill()
    with pytest.raises(CommandExitException) as failure:
        await handle.wait()
    assert "killed" in failure.value.error
    assert not await async_sandbox.commands.kill(handle.pid)


async def test_a_command_is_connected_to_again(async_sandbox):
    commands = async_sandbox.commands
    handle = await commands.run(
        "until [ -e resume ]; do sleep 0.01; done; echo after", background=True
    )
    await handle.disconnect()
    heard = []
    other = await commands.connect(handle.pid, on_stdout=heard.append)
    await async_sandbox.files.write("resume", "")
    assert (await other.wait()).stdout == "after\n"
    assert heard == ["after\n"]
    with pytest.raises(NotFoundException, match=str(handle.pid)):
        await commands.connect(handle.pid)


async def test_a_timeout_kills_the_command(async_sandbox):
    with pytest.raises(TimeoutException):
        await async_sandbox.commands.run("exec sleep 986", timeout=1)

    async def is_gone():
        return (await async_sandbox.commands.run("pgrep -f '[s]leep 986' || true")).stdout == ""

    await until_async("it is gone", is_gone)


async def test_large_output_comes_whole(async_sandbox):
    result = await async_sandbox.commands.run("seq 1 100000")
    assert result.stdout == "".join(f"{n}\n" for n in range(1, 100_001))


async def test_commands_run_beside_each_other(async_sandbox):
    command = "touch here{0}; until [ -e here{1} ]; do sleep 0.01; done; echo met"
    results = await asyncio.gather(
        *(async_sandbox.commands.run(command.format(n, 1 - n)) for n in range(2))
    )
    assert [result.stdout for result in results] == ["met\n", "met\n"]


async def test_a_sandbox_killed_in_the_middle_of_a_command_says_so():
    sandbox = await AsyncSandbox.create()
    handle = await sandbox.commands.run("sleep 1000", background=True)
    await sandbox.kill()
    with pytest.raises(TimeoutException, match="killed|not found"):
        await handle.wait()


async def test_a_terminal_is_used_resized_left_and_connected_to(async_sandbox):
    pty, screen = async_sandbox.pty, []

    def shows(text):
        return lambda: text in b"".join(screen).decode(errors="replace")

    terminal = await pty.create(
        PtySize(rows=30, cols=101), screen.append, cwd="/tmp", envs={"WORD": "hello"}
    )
    await pty.send_stdin(terminal.pid, b"echo $WORD-$((20+22)); pwd; stty size\n")
    await until_async("it answers", shows("hello-42"))
    await until_async("it has its size", shows("30 101"))
    await pty.resize(terminal.pid, PtySize(rows=40, cols=132))
    await pty.send_stdin(terminal.pid, b"stty size\n")
    await until_async("it has its new size", shows("40 132"))
    await terminal.disconnect()
    again = await pty.connect(terminal.pid, screen.append)
    async with pty.stream_input(terminal.pid) as stream:
        await stream.send("echo str")
        await stream.send(b"eamed-$((1+1))\n")
    await until_async("it takes a stream", shows("streamed-2"))
    await pty.send_stdin(terminal.pid, b"exit\n")
    assert (await again.wait()).exit_code == 0
    assert not await pty.kill(terminal.pid)
