"""What all suites share: a sandbox per file, and waiting for a condition.

The service is named by the SDK's own variables: E2B_API_KEY, E2B_API_URL and E2B_SANDBOX_URL.
"""

import asyncio
import os
import time
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from e2b_code_interpreter import AsyncSandbox, Sandbox

# Far beyond what anything here takes, also on a busy machine.
PATIENCE_SECONDS = 30
LOOK_SECONDS = 0.05


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox.create(timeout=280) as sandbox:
        yield sandbox


@pytest_asyncio.fixture(scope="module")
async def async_sandbox():
    async with await AsyncSandbox.create(timeout=280) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def service():
    """Host and port of the service."""
    address = urlsplit(os.environ["E2B_SANDBOX_URL"])
    return address.hostname, address.port


def until(what, condition):
    """Looks until `condition` gives something true, and gives that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(LOOK_SECONDS)
    pytest.fail(f"waited {PATIENCE_SECONDS} s in vain until {what}")


async def until_async(what, condition):
    """Looks until `condition`, which may be a coroutine function, gives something true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        await asyncio.sleep(LOOK_SECONDS)
    pytest.fail(f"waited {PATIENCE_SECONDS} s in vain until {what}")
