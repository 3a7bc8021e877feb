"""Sandboxes, by the asynchronous client: make, find, keep and end them."""

import asyncio
from datetime import timedelta

import pytest
from conftest import until_async
from e2b_code_interpreter import (
    AsyncSandbox,
    SandboxException,
    SandboxNotFoundException,
    SandboxQuery,
    SandboxState,
    TimeoutException,
)


async def all_of(paginator):
    """All that a paginator has, page by page."""
    found = []
    while paginator.has_next:
        found.extend(await paginator.next_items())
    return found


async def test_a_sandbox_is_made_with_metadata_variables_and_a_time_to_live():
    metadata = {"user": "ada & bob", "größe": "ü=1"}
    async with await AsyncSandbox.create(
        timeout=120, metadata=metadata, envs={"GREETING": "it's me"}
    ) as sandbox:
        info = await sandbox.get_info()
        assert (info.sandbox_id, info.metadata) == (sandbox.sandbox_id, metadata)
        assert (info.template_id, info.state) == ("code-interpreter-v1", SandboxState.RUNNING)
        assert info.end_at - info.started_at == timedelta(seconds=120)
        assert (await sandbox.run_code("import os; os.environ['GREETING']")).text == "it's me"
        assert (await sandbox.commands.run("echo $GREETING")).stdout == "it's me\n"


async def test_an_end_of_the_context_manager_ends_the_sandbox():
    async with await AsyncSandbox.create() as sandbox:
        assert await sandbox.is_running()
    assert not await sandbox.is_running()
    assert not await sandbox.kill()
    with pytest.raises(SandboxNotFoundException):
        await sandbox.get_info()


async def test_a_sandbox_is_connected_to_by_its_id(async_sandbox):
    await async_sandbox.run_code("kept = 41")
    other = await AsyncSandbox.connect(async_sandbox.sandbox_id)
    assert (await other.run_code("kept + 1")).text == "42"


async def test_connecting_prolongs_a_life_and_never_shortens_it(async_sandbox):
    end_at = (await async_sandbox.get_info()).end_at
    await async_sandbox.connect(timeout=1)
    assert (await async_sandbox.get_info()).end_at == end_at
    await async_sandbox.connect(timeout=900)
    assert (await async_sandbox.get_info()).end_at > end_at


async def test_a_life_is_set_to_a_time_from_now_and_ends():
    sandbox = await AsyncSandbox.create(timeout=600)
    await sandbox.set_timeout(30)
    info = await sandbox.get_info()
    assert info.end_at < info.started_at + timedelta(seconds=600)
    await AsyncSandbox.set_timeout(sandbox.sandbox_id, 0)

    async def has_ended():
        return not await sandbox.is_running()

    await until_async("the sandbox has ended", has_ended)


async def test_sandboxes_are_listed_by_metadata_and_state_page_by_page():
    metadata = {"suite": "async pages & more"}
    made = await asyncio.gather(*(AsyncSandbox.create(metadata=metadata) for _ in range(3)))
    try:
        paginator = AsyncSandbox.list(query=SandboxQuery(metadata=metadata), limit=2)
        first = await paginator.next_items()
        assert len(first) == 2 and paginator.has_next and paginator.next_token
        second = await paginator.next_items()
        assert {info.sandbox_id for info in first + second} == {
            sandbox.sandbox_id for sandbox in made
        }
        assert not paginator.has_next
        query = SandboxQuery(metadata=metadata, state=[SandboxState.PAUSED])
        assert await all_of(AsyncSandbox.list(query=query)) == []
    finally:
        await asyncio.gather(*(sandbox.kill() for sandbox in made))


async def test_an_unknown_sandbox_is_not_found():
    with pytest.raises(SandboxNotFoundException):
        await AsyncSandbox.connect("nosuchsandbox")
    with pytest.raises(SandboxNotFoundException):
        await AsyncSandbox.get_info("nosuchsandbox")
    assert not await AsyncSandbox.kill("nosuchsandbox")


async def test_a_killed_sandbox_says_that_it_is_gone():
    sandbox = await AsyncSandbox.create()
    await sandbox.kill()
    for call in (
        sandbox.run_code("1"),
        sandbox.commands.run("true"),
        sandbox.files.read("x"),
        sandbox.files.list("/"),
    ):
        with pytest.raises(TimeoutException, match="sandbox"):
            await call


async def test_unusual_requests_are_refused_with_a_reason():
    with pytest.raises(SandboxException, match="envVars"):
        await AsyncSandbox.create(envs={"A=B": "1"})


async def test_many_sandboxes_live_side_by_side():
    made = await asyncio.gather(*(AsyncSandbox.create() for _ in range(5)))
    try:
        runs = await asyncio.gather(
            *(sandbox.run_code(f"{n} * 2") for n, sandbox in enumerate(made))
        )
        assert [run.text for run in runs] == ["0", "2", "4", "6", "8"]
    finally:
        await asyncio.gather(*(sandbox.kill() for sandbox in made))
