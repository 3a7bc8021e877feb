"""Metrics: what a sandbox may use and what it does use.

The service is started with 256 MiB of memory and 64 MiB of disk a sandbox.
"""

from datetime import datetime, timedelta, timezone

from conftest import until, until_async
from e2b_code_interpreter import AsyncSandbox

MIB = 1 << 20


def test_a_sandbox_tells_its_size(sandbox):
    assert sandbox.get_info().memory_mb == 256


def test_metrics_show_what_a_sandbox_uses(sandbox):
    sandbox.run_code("block = bytearray(20_000_000)")
    sandbox.files.write("block.bin", b"x" * 5 * MIB)
    metrics = until("there are metrics", sandbox.get_metrics)
    last = metrics[-1]
    assert last.cpu_count > 0 and last.cpu_used_pct >= 0
    assert last.mem_total == 256 * MIB and 20_000_000 < last.mem_used <= last.mem_total
    assert 5 * MIB <= last.disk_used <= last.disk_total <= 64 * MIB
    assert abs(datetime.now(timezone.utc) - last.timestamp) < timedelta(minutes=1)
    assert sandbox.get_metrics(start=datetime.now(timezone.utc) + timedelta(hours=1)) == []


async def test_the_asynchronous_client_gets_metrics_too():
    async with await AsyncSandbox.create(timeout=120) as sandbox:
        await sandbox.run_code("1")
        metrics = await until_async("there are metrics", sandbox.get_metrics)
        assert metrics[-1].mem_total == 256 * MIB
