"""Sandboxes: make, find, keep and end them."""

from datetime import datetime, timedelta, timezone

import pytest
from conftest import until
from e2b_code_interpreter import (
    NotFoundException,
    Sandbox,
    SandboxException,
    SandboxNotFoundException,
    SandboxQuery,
    SandboxState,
    TimeoutException,
)


def all_of(paginator):
    """All that a paginator has, page by page."""
    found = []
    while paginator.has_next:
        found.extend(paginator.next_items())
    return found


def test_a_sandbox_is_made_with_metadata_variables_and_a_time_to_live():
    metadata = {"user": "ada & bob", "größe": "ü=1"}
    with Sandbox.create(timeout=120, metadata=metadata, envs={"GREETING": "it's me"}) as sandbox:
        info = sandbox.get_info()
        assert info.sandbox_id == sandbox.sandbox_id
        assert info.metadata == metadata
        assert info.template_id == "code-interpreter-v1"
        assert info.state == SandboxState.RUNNING
        assert info.end_at - info.started_at == timedelta(seconds=120)
        assert abs(datetime.now(timezone.utc) - info.started_at) < timedelta(minutes=1)
        assert info.cpu_count > 0 and info.memory_mb > 0
        assert info.envd_version
        assert sandbox.run_code("import os; os.environ['GREETING']").text == "it's me"
        assert sandbox.commands.run("echo $GREETING").stdout == "it's me\n"


def test_an_end_of_the_context_manager_ends_the_sandbox():
    with Sandbox.create() as sandbox:
        assert sandbox.is_running()
    assert not sandbox.is_running()
    with pytest.raises(SandboxNotFoundException):
        sandbox.get_info()


def test_a_sandbox_is_killed_once():
    sandbox = Sandbox.create()
    assert sandbox.kill()
    assert not sandbox.kill()
    assert not Sandbox.kill(sandbox.sandbox_id)
    assert not sandbox.is_running()


def test_a_sandbox_is_connected_to_by_its_id(sandbox):
    sandbox.run_code("kept = 41")
    other = Sandbox.connect(sandbox.sandbox_id)
    assert other.sandbox_id == sandbox.sandbox_id
    assert other.run_code("kept + 1").text == "42"
    assert other.files.exists("/home/user")


def test_connecting_prolongs_a_life_and_never_shortens_it(sandbox):
    end_at = sandbox.get_info().end_at
    sandbox.connect(timeout=1)
    assert sandbox.get_info().end_at == end_at
    sandbox.connect(timeout=900)
    assert sandbox.get_info().end_at > end_at


def test_a_life_is_set_to_a_time_from_now():
    with Sandbox.create(timeout=600) as sandbox:
        sandbox.set_timeout(30)
        info = sandbox.get_info()
        assert info.end_at < info.started_at + timedelta(seconds=600)
        Sandbox.set_timeout(sandbox.sandbox_id, 300)
        assert sandbox.get_info().end_at > info.end_at


def test_a_sandbox_ends_when_its_time_is_over():
    sandbox = Sandbox.create(timeout=60)
    sandbox.set_timeout(0)
    until("the sandbox has ended", lambda: not sandbox.is_running())
    with pytest.raises(SandboxNotFoundException):
        Sandbox.get_info(sandbox.sandbox_id)


def test_sandboxes_are_listed_by_metadata_and_state(sandbox):
    with Sandbox.create(metadata={"suite": "a b&c=d", "n": "1"}) as one:
        with Sandbox.create(metadata={"suite": "a b&c=d", "n": "2"}) as two:
            query = SandboxQuery(metadata={"suite": "a b&c=d"})
            assert {info.sandbox_id for info in all_of(Sandbox.list(query=query))} == {
                one.sandbox_id,
                two.sandbox_id,
            }
            query = SandboxQuery(
                metadata={"suite": "a b&c=d", "n": "2"}, state=[SandboxState.RUNNING]
            )
            assert [info.sandbox_id for info in all_of(Sandbox.list(query=query))] == [
                two.sandbox_id
            ]
            query = SandboxQuery(metadata={"suite": "a b&c=d"}, state=[SandboxState.PAUSED])
            assert all_of(Sandbox.list(query=query)) == []
            listed = {info.sandbox_id: info for info in all_of(Sandbox.list())}
            assert listed[sandbox.sandbox_id].metadata == {}
            assert listed[one.sandbox_id].metadata == {"suite": "a b&c=d", "n": "1"}


def test_sandboxes_are_listed_page_by_page():
    made = [Sandbox.create(metadata={"suite": "pages"}) for _ in range(3)]
    try:
        ids = [sandbox.sandbox_id for sandbox in made]
        paginator = Sandbox.list(
            query=SandboxQuery(metadata={"suite": "pages"}), limit=2, order="asc"
        )
        first = paginator.next_items()
        assert paginator.has_next and paginator.next_token
        second = paginator.next_items()
        assert not paginator.has_next
        assert [info.sandbox_id for info in first + second] == ids
        newest_first = Sandbox.list(query=SandboxQuery(metadata={"suite": "pages"}), order="desc")
        assert [info.sandbox_id for info in all_of(newest_first)] == ids[::-1]
        started_after = made[1].get_info().started_at
        query = SandboxQuery(metadata={"suite": "pages"}, started_after=started_after)
        assert made[0].sandbox_id not in {
            info.sandbox_id for info in all_of(Sandbox.list(query=query))
        }
    finally:
        for sandbox in made:
            sandbox.kill()


def test_an_unknown_sandbox_is_not_found():
    with pytest.raises(SandboxNotFoundException):
        Sandbox.connect("nosuchsandbox")
    with pytest.raises(NotFoundException):
        Sandbox.get_info("nosuchsandbox")
    with pytest.raises(NotFoundException):
        Sandbox.set_timeout("nosuchsandbox", 10)
    with pytest.raises(NotFoundException):
        Sandbox.get_metrics("nosuchsandbox")
    assert not Sandbox.kill("nosuchsandbox")


def test_a_killed_sandbox_says_that_it_is_gone():
    sandbox = Sandbox.create()
    sandbox.kill()
    with pytest.raises(TimeoutException, match="sandbox"):
        sandbox.run_code("1")
    with pytest.raises(TimeoutException, match="sandbox"):
        sandbox.commands.run("true")
    with pytest.raises(TimeoutException, match="sandbox"):
        sandbox.files.read("/etc/hostname")
    with pytest.raises(TimeoutException, match="sandbox"):
        sandbox.files.list("/")


def test_unusual_requests_are_refused_with_a_reason():
    with pytest.raises(SandboxException, match="400"):
        Sandbox.create(timeout=-1)
    with pytest.raises(SandboxException, match="envVars"):
        Sandbox.create(envs={"A=B": "1"})


def test_an_idempotency_key_makes_one_sandbox():
    key = "7a0c1d52-key-of-this-test"
    with Sandbox.create(idempotency_key=key) as one:
        two = Sandbox.create(idempotency_key=key)
        assert two.sandbox_id == one.sandbox_id


def test_sandboxes_share_nothing(sandbox):
    with Sandbox.create() as other:
        sandbox.files.write("mine.txt", "mine")
        sandbox.run_code("mine = 1")
        assert not other.files.exists("mine.txt")
        assert other.run_code("mine").error.name == "NameError"
