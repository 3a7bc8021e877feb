"""Sandboxes that pause and come back as they were."""

import threading

import pytest
from conftest import until
from e2b_code_interpreter import (
    AsyncSandbox,
    NotFoundException,
    Sandbox,
    SandboxQuery,
    SandboxState,
    TimeoutException,
)


@pytest.fixture
def pausable():
    sandbox = Sandbox.create(timeout=120, metadata={"suite": "pausing"})
    yield sandbox
    sandbox.kill()


def test_a_paused_sandbox_comes_back_with_its_variables_files_and_processes(pausable):
    pausable.run_code("kept = 41")
    pausable.files.write("kept.txt", "kept")
    process = pausable.commands.run("sleep 1000", background=True, timeout=0)
    assert pausable.pause()
    assert pausable.get_info().state == SandboxState.PAUSED
    again = Sandbox.connect(pausable.sandbox_id, timeout=120)
    assert again.get_info().state == SandboxState.RUNNING
    assert again.run_code("kept + 1").text == "42"
    assert again.files.read("kept.txt") == "kept"
    assert process.pid in {running.pid for running in again.commands.list()}


def test_a_sandbox_is_paused_once(pausable):
    assert Sandbox.pause(pausable.sandbox_id)
    assert not pausable.pause()
    assert pausable.connect().is_running()
    assert pausable.beta_pause()


def test_a_paused_sandbox_is_not_running(pausable):
    pausable.pause()
    assert not pausable.is_running()
    with pytest.raises(TimeoutException, match="sandbox"):
        pausable.run_code("1")
    with pytest.raises(TimeoutException, match="sandbox"):
        pausable.commands.run("true")
    with pytest.raises(TimeoutException, match="sandbox"):
        pausable.files.read("kept.txt")


def test_paused_sandboxes_are_listed_by_their_state(pausable):
    pausable.pause()

    def listed(state):
        query = SandboxQuery(metadata={"suite": "pausing"}, state=[state])
        return [info.sandbox_id for info in Sandbox.list(query=query).next_items()]

    assert listed(SandboxState.PAUSED) == [pausable.sandbox_id]
    assert listed(SandboxState.RUNNING) == []


def test_a_paused_sandbox_is_killed(pausable):
    pausable.pause()
    assert pausable.kill()
    with pytest.raises(NotFoundException):
        pausable.connect()
    with pytest.raises(NotFoundException):
        pausable.pause()


def test_a_run_goes_on_after_a_pause(pausable):
    begun, outcome = threading.Event(), []
    code = "import os, time\nprint('begun', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.01)\n'over'"
    thread = threading.Thread(
        target=lambda: outcome.append(
            pausable.run_code(code, on_stdout=lambda _message: begun.set())
        )
    )
    thread.start()
    assert begun.wait(30)
    pausable.pause()
    pausable.connect()
    pausable.files.write("go", "")
    thread.join(30)
    assert [execution.text for execution in outcome] == ["over"]


def test_at_its_end_a_sandbox_is_paused_when_asked_to():
    sandbox = Sandbox.create(timeout=120, lifecycle={"on_timeout": "pause"})
    try:
        assert sandbox.get_info().lifecycle["on_timeout"] == "pause"
        sandbox.run_code("kept = 'yes'")
        sandbox.set_timeout(0)
        until("it is paused", lambda: sandbox.get_info().state == SandboxState.PAUSED)
        assert sandbox.connect(timeout=60).run_code("kept").text == "yes"
    finally:
        sandbox.kill()


def test_traffic_resumes_a_sandbox_when_asked_to():
    lifecycle = {"on_timeout": "pause", "auto_resume": True}
    sandbox = Sandbox.create(timeout=120, lifecycle=lifecycle)
    try:
        sandbox.run_code("kept = 'yes'")
        sandbox.pause()
        assert sandbox.run_code("kept").text == "yes"
        assert sandbox.get_info().state == SandboxState.RUNNING
    finally:
        sandbox.kill()


async def test_the_asynchronous_client_pauses_too():
    async with await AsyncSandbox.create(timeout=120) as sandbox:
        await sandbox.run_code("kept = 41")
        assert await sandbox.pause()
        assert not await sandbox.pause()
        assert not await sandbox.is_running()
        assert (await sandbox.get_info()).state == SandboxState.PAUSED
        await sandbox.connect()
        assert (await sandbox.run_code("kept + 1")).text == "42"
