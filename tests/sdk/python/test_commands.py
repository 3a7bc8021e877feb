"""Commands: run, stream, feed, kill, and terminals."""

import threading

import pytest
from conftest import until
from e2b_code_interpreter import (
    AuthenticationException,
    CommandExitException,
    InvalidArgumentException,
    NotFoundException,
    PtySize,
    Sandbox,
    SandboxException,
    TimeoutException,
)


def test_a_command_gives_output_and_exit_code(sandbox):
    result = sandbox.commands.run("echo out; echo err >&2")
    assert (result.stdout, result.stderr, result.exit_code, result.error) == (
        "out\n",
        "err\n",
        0,
        None,
    )


def test_a_failing_command_raises_with_its_output(sandbox):
    with pytest.raises(CommandExitException) as failure:
        sandbox.commands.run("echo out; echo err >&2; exit 3")
    assert (failure.value.exit_code, failure.value.stdout, failure.value.stderr) == (
        3,
        "out\n",
        "err\n",
    )
    with pytest.raises(CommandExitException) as failure:
        sandbox.commands.run("no-such-program")
    assert failure.value.exit_code == 127 and "no-such-program" in failure.value.stderr


def test_output_is_heard_as_it_comes(sandbox):
    sandbox.commands.run("rm -f go")
    heard, errors = [], []

    def hear(text):
        heard.append(text)
        if "ready" in text:
            sandbox.files.write("go", "")

    result = sandbox.commands.run(
        "echo ready; until [ -e go ]; do sleep 0.01; done; echo err >&2; echo gone",
        on_stdout=hear,
        on_stderr=errors.append,
    )
    assert "".join(heard) == "ready\ngone\n" == result.stdout
    assert errors == ["err\n"]


def test_a_command_has_folder_variables_and_user(sandbox):
    result = sandbox.commands.run(
        'pwd; echo $ONE; echo "$TWO"; whoami; echo $HOME',
        cwd="/tmp",
        envs={"ONE": "1", "TWO": "a 'b'\n$c"},
        user="user",
    )
    assert result.stdout == "/tmp\n1\na 'b'\n$c\nuser\n/home/user\n"
    assert sandbox.commands.run("pwd").stdout == "/home/user\n"


def test_a_folder_that_is_not_there_is_named(sandbox):
    with pytest.raises(InvalidArgumentException, match="/nowhere"):
        sandbox.commands.run("true", cwd="/nowhere")


def test_an_unknown_user_is_refused(sandbox):
    with pytest.raises(AuthenticationException, match="nobody-here"):
        sandbox.commands.run("true", user="nobody-here")


def test_a_command_in_the_background_is_waited_for(sandbox):
    handle = sandbox.commands.run(
        "echo begun; read word; echo heard $word; exit 0", background=True, stdin=True
    )
    assert handle.pid > 0
    assert handle.pid in {process.pid for process in sandbox.commands.list()}
    handle.send_stdin("something\n")
    heard = []
    result = handle.wait(on_stdout=heard.append)
    assert result.stdout == "begun\nheard something\n" == "".join(heard)
    assert handle.pid not in {process.pid for process in sandbox.commands.list()}


def test_a_handle_is_iterated(sandbox):
    handle = sandbox.commands.run("echo one; echo two >&2", background=True)
    chunks = list(handle)
    assert "".join(stdout for stdout, _, _ in chunks if stdout) == "one\n"
    assert "".join(stderr for _, stderr, _ in chunks if stderr) == "two\n"


def test_closing_the_input_ends_a_reader(sandbox):
    handle = sandbox.commands.run("cat; echo end", background=True, stdin=True)
    sandbox.commands.send_stdin(handle.pid, "one ")
    handle.send_stdin(b"two ")
    handle.close_stdin()
    assert handle.wait().stdout == "one two end\n"


def test_input_is_streamed(sandbox):
    handle = sandbox.commands.run("cat", background=True, stdin=True)
    sandbox.commands.stream_input(handle.pid, (f"line {n}\n" for n in range(100)))
    sandbox.commands.close_stdin(handle.pid)
    assert handle.wait().stdout == "".join(f"line {n}\n" for n in range(100))


def test_without_stdin_a_reader_gets_its_end(sandbox):
    assert sandbox.commands.run("cat; echo end", timeout=20).stdout == "end\n"


def test_processes_are_listed_with_what_they_run(sandbox):
    handle = sandbox.commands.run("sleep 1000", background=True, envs={"MARK": "1"}, cwd="/tmp")
    [process] = [process for process in sandbox.commands.list() if process.pid == handle.pid]
    assert process.cmd == "/bin/bash" and process.args == ["-l", "-c", "sleep 1000"]
    assert process.envs == {"MARK": "1"} and process.cwd == "/tmp"
    assert handle.kill()


def test_a_killed_command_says_so(sandbox):
    handle = sandbox.commands.run("echo begun; sleep 1000", background=True)
    assert sandbox.commands.kill(handle.pid)
    with pytest.raises(CommandExitException) as failure:
        handle.wait()
    assert failure.value.exit_code != 0
    assert "killed" in failure.value.error
    assert not handle.kill()
    assert not sandbox.commands.kill(handle.pid)


def test_a_command_is_connected_to_again(sandbox):
    handle = sandbox.commands.run(
        "until [ -e resume ]; do sleep 0.01; done; echo after", background=True
    )
    handle.disconnect()
    other = sandbox.commands.connect(handle.pid)
    assert other.pid == handle.pid
    sandbox.files.write("resume", "")
    assert other.wait().stdout == "after\n"
    with pytest.raises(NotFoundException, match=str(handle.pid)):
        sandbox.commands.connect(handle.pid)


def test_a_command_outlives_its_client(sandbox):
    handle = sandbox.commands.run(
        "until [ -e over ]; do sleep 0.01; done; touch done", background=True
    )
    handle.disconnect()
    assert handle.pid in {process.pid for process in sandbox.commands.list()}
    sandbox.files.write("over", "")
    until("the command has ended", lambda: sandbox.files.exists("done"))


def test_an_unknown_process_is_not_found(sandbox):
    with pytest.raises(NotFoundException):
        sandbox.commands.send_stdin(999_999, "x")
    with pytest.raises(NotFoundException):
        sandbox.commands.close_stdin(999_999)
    assert not sandbox.commands.kill(999_999)


def test_a_timeout_kills_the_command(sandbox):
    with pytest.raises(TimeoutException):
        sandbox.commands.run("exec sleep 987", timeout=1)
    until("it is gone", lambda: sandbox.commands.run("pgrep -f '[s]leep 987' || true").stdout == "")


def test_without_a_timeout_a_command_may_run(sandbox):
    assert sandbox.commands.run("sleep 0.1; echo done", timeout=0).stdout == "done\n"


def test_text_split_between_two_writes_comes_whole(sandbox):
    code = r"printf '\xf0\x9f'; sleep 0.2; printf '\x98\x80 \xc3'; sleep 0.2; printf '\xbc\n'"
    assert sandbox.commands.run(code).stdout == "😀 ü\n"


def test_bytes_that_are_no_text_do_not_break_the_stream(sandbox):
    assert sandbox.commands.run(r"printf 'a\xff\x00b\n'").stdout == "a\ufffd\x00b\n"


def test_large_output_comes_whole(sandbox):
    result = sandbox.commands.run("seq 1 300000; seq 1 1000 >&2")
    assert result.stdout == "".join(f"{n}\n" for n in range(1, 300_001))
    assert result.stderr == "".join(f"{n}\n" for n in range(1, 1_001))


def test_output_need_not_be_kept(sandbox):
    heard = []
    result = sandbox.commands.run("echo x", on_stdout=heard.append, retain_output=False)
    assert result.stdout is None and heard == ["x\n"]


def test_commands_run_beside_each_other(sandbox):
    outputs = []
    command = "touch here{0}; until [ -e here{1} ]; do sleep 0.01; done; echo met"
    threads = [
        threading.Thread(
            target=lambda n=n: outputs.append(sandbox.commands.run(command.format(n, 1 - n)).stdout)
        )
        for n in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outputs == ["met\n", "met\n"]


def test_a_sandbox_killed_in_the_middle_of_a_command_says_so():
    sandbox = Sandbox.create()
    handle = sandbox.commands.run("sleep 1000", background=True)
    sandbox.kill()
    with pytest.raises(TimeoutException, match="killed|not found"):
        handle.wait()


def test_git_works_by_its_module(sandbox):
    sandbox.git.init("repository", initial_branch="main")
    sandbox.git.configure_user("Ada", "ada@example.com", scope="local", path="repository")
    sandbox.files.write("repository/a.txt", "a")
    assert sandbox.git.status("repository").has_untracked
    sandbox.git.add("repository")
    sandbox.git.commit("repository", "first")
    status = sandbox.git.status("repository")
    assert status.is_clean and status.current_branch == "main"


class Screen:
    """Reads a terminal in a thread of its own."""

    def __init__(self, handle):
        self.handle = handle
        self.text = ""
        self.ended = None
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        try:
            self.ended = self.handle.wait(on_pty=self.show)
        except Exception as error:
            self.ended = error

    def show(self, data):
        self.text += data.decode(errors="replace")

    def until(self, text):
        until(f"the terminal shows {text!r}, not {self.text!r}", lambda: text in self.text)


def test_a_terminal_is_used_and_left(sandbox):
    terminal = sandbox.pty.create(
        PtySize(rows=30, cols=101), cwd="/tmp", envs={"WORD": "hello"}, timeout=60
    )
    screen = Screen(terminal)
    sandbox.pty.send_stdin(terminal.pid, b"echo $WORD-$((20+22)); pwd; tty; stty size\n")
    for text in ("hello-42", "/tmp", "/dev/pts/", "30 101"):
        screen.until(text)
    sandbox.pty.resize(terminal.pid, PtySize(rows=40, cols=132))
    sandbox.pty.send_stdin(terminal.pid, b"stty size\n")
    screen.until("40 132")
    sandbox.pty.send_stdin(terminal.pid, b"exit\n")
    screen.thread.join(30)
    assert screen.ended.exit_code == 0


def test_a_terminal_passes_signals_by_its_keys(sandbox):
    terminal = sandbox.pty.create(PtySize(rows=24, cols=80), timeout=60)
    screen = Screen(terminal)
    sandbox.pty.send_stdin(terminal.pid, b"sh -c 'echo be\"\"gun; exec sleep 1000'\n")
    screen.until("begun")
    sandbox.pty.send_stdin(terminal.pid, b"\x03")
    sandbox.pty.send_stdin(terminal.pid, b"echo after-$?\n")
    screen.until("after-130")
    assert sandbox.pty.kill(terminal.pid)
    screen.thread.join(30)
    assert isinstance(screen.ended, CommandExitException)
    assert not sandbox.pty.kill(terminal.pid)


def test_a_terminal_is_connected_to_again(sandbox):
    terminal = sandbox.pty.create(PtySize(rows=24, cols=80), timeout=60)
    terminal.disconnect()
    other = sandbox.pty.connect(terminal.pid, timeout=60)
    screen = Screen(other)
    sandbox.pty.stream_input(terminal.pid, [b"echo str", b"eamed-$((1+1))\n"])
    screen.until("streamed-2")
    assert sandbox.pty.kill(terminal.pid)
    screen.thread.join(30)


def test_a_terminal_of_an_unknown_process_is_not_found(sandbox):
    with pytest.raises(NotFoundException):
        sandbox.pty.resize(999_999, PtySize(rows=1, cols=1))
    with pytest.raises(SandboxException):
        sandbox.pty.connect(999_999)
