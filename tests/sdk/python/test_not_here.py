"""What E2B's cloud has and this service has not: refused with a text that says so."""

import pytest
from e2b_code_interpreter import (
    Sandbox,
    SandboxException,
    Secret,
    Template,
    Volume,
)

NOT_HERE = "not (supported|available|to be had).*local sandbox service"


def test_snapshots_are_not_here(sandbox):
    with pytest.raises(SandboxException, match=NOT_HERE) as refusal:
        sandbox.create_snapshot()
    assert refusal.value.status_code == 501
    with pytest.raises(SandboxException, match=NOT_HERE):
        sandbox.list_snapshots().next_items()
    with pytest.raises(SandboxException, match=NOT_HERE):
        Sandbox.delete_snapshot("some-snapshot")


def test_forks_are_not_here(sandbox):
    with pytest.raises(SandboxException, match=NOT_HERE) as refusal:
        sandbox.fork()
    assert refusal.value.status_code == 501


def test_volumes_are_not_here():
    with pytest.raises(Exception, match=NOT_HERE):
        Volume.create("data")
    with pytest.raises(Exception, match=NOT_HERE):
        Volume.list()
    with pytest.raises(SandboxException, match=NOT_HERE):
        Sandbox.create(volume_mounts={"/data": "data"})


def test_templates_are_not_built_here():
    template = Template().from_python_image("3.11").run_cmd("true")
    with pytest.raises(Exception, match=NOT_HERE):
        Template.build(template, "mine")
    with pytest.raises(Exception, match=NOT_HERE):
        Template.exists("mine")


def test_secrets_are_not_here():
    with pytest.raises(Exception, match=NOT_HERE):
        Secret.create("name", "value")
    with pytest.raises(Exception, match=NOT_HERE):
        Secret.list().next_items()


def test_identities_are_not_here():
    with pytest.raises(SandboxException, match=NOT_HERE):
        Sandbox.create(
            iam={"tokens": {"aws": Secret.iam_token(audience="a", token_type="JWT-SVID")}}
        )


def test_mcp_servers_are_not_here():
    with pytest.raises(SandboxException, match=NOT_HERE):
        Sandbox.create(mcp={"time": {}})
