"""Code, by the asynchronous client: runs, results, contexts, and what ends a run."""

import asyncio
import base64

import pytest
from e2b_code_interpreter import (
    AsyncSandbox,
    InvalidArgumentException,
    NotFoundException,
    SandboxException,
    TimeoutException,
)
from e2b_code_interpreter.charts import BarChart


async def test_a_run_gives_its_last_expression_and_its_output(async_sandbox):
    execution = await async_sandbox.run_code(
        "import sys; print('out'); print('err', file=sys.stderr); 6 * 7"
    )
    assert execution.text == "42"
    assert (execution.logs.stdout, execution.logs.stderr) == (["out\n"], ["err\n"])
    assert execution.error is None and execution.execution_count > 0
    assert (await async_sandbox.run_code("")).results == []


async def test_callbacks_of_both_kinds_hear_everything(async_sandbox):
    heard = []

    async def hear_result(result):
        heard.append(("result", result.text))

    async def hear_error(error):
        heard.append(("error", error.name))

    await async_sandbox.run_code(
        "import sys\nprint('one', flush=True)\nprint('two', file=sys.stderr, flush=True)\ndisplay('shown')\n1/0",
        on_stdout=lambda message: heard.append(("stdout", message.line)),
        on_stderr=lambda message: heard.append(("stderr", message.line)),
        on_result=hear_result,
        on_error=hear_error,
    )
    assert heard == [
        ("stdout", "one\n"),
        ("stderr", "two\n"),
        ("result", "shown"),
        ("error", "ZeroDivisionError"),
    ]


async def test_an_error_has_name_value_and_traceback(async_sandbox):
    error = (await async_sandbox.run_code("def broken():\n    return {}['key']\n\nbroken()")).error
    assert (error.name, error.value) == ("KeyError", "'key'")
    assert "line 2" in error.traceback and "\x1b" not in error.traceback
    assert (await async_sandbox.run_code("x = = 1")).error.name == "SyntaxError"


async def test_text_of_all_alphabets_comes_whole(async_sandbox):
    text = "naïve — Größe — Привет — 你好 — 😀"
    execution = await async_sandbox.run_code(f"text = {text!r}\nprint(text)\ntext")
    assert (execution.logs.stdout, execution.text) == ([text + "\n"], text)


async def test_large_output_comes_whole(async_sandbox):
    execution = await async_sandbox.run_code("for i in range(50_000): print(f'line {i:06}')")
    assert "".join(execution.logs.stdout) == "".join(f"line {i:06}\n" for i in range(50_000))


async def test_results_are_rich(async_sandbox):
    frame = (
        await async_sandbox.run_code("import pandas as pd\npd.DataFrame({'n': [1, 2]})")
    ).results[0]
    assert "<table" in frame.html and frame.data == {"n": [1, 2]}
    code = "import matplotlib.pyplot as plt\nplt.bar(['Ada', 'Bob'], [3, 5]); plt.title('Marks'); plt.show()"
    plot = (await async_sandbox.run_code(code)).results[0]
    assert base64.b64decode(plot.png).startswith(b"\x89PNG")
    assert isinstance(plot.chart, BarChart) and plot.chart.title == "Marks"
    shown = await async_sandbox.run_code("display('one'); display('two'); 'three'")
    assert [(result.text, result.is_main_result) for result in shown.results] == [
        ("one", False),
        ("two", False),
        ("three", True),
    ]


async def test_variables_of_one_run_are_gone_after_it(async_sandbox):
    execution = await async_sandbox.run_code(
        "import os; os.environ['RUN_ONLY']", envs={"RUN_ONLY": "it's"}
    )
    assert execution.text == "it's"
    assert (await async_sandbox.run_code("os.environ.get('RUN_ONLY', 'gone')")).text == "gone"


async def test_bash_runs_and_other_languages_are_refused(async_sandbox):
    assert (await async_sandbox.run_code("echo $((20 + 22))", language="bash")).logs.stdout == [
        "42\n"
    ]
    with pytest.raises(SandboxException, match="javascript"):
        await async_sandbox.run_code("1", language="javascript")


async def test_contexts_are_made_listed_restarted_and_removed(async_sandbox):
    context = await async_sandbox.create_code_context(cwd="/tmp", language="python")
    assert (context.cwd, context.language) == ("/tmp", "python")
    assert context.id in {listed.id for listed in await async_sandbox.list_code_contexts()}
    assert (
        await async_sandbox.run_code("import os; mine = 1; os.getcwd()", context=context)
    ).text == "/tmp"
    assert (await async_sandbox.run_code("mine")).error.name == "NameError"
    with pytest.raises(InvalidArgumentException):
        await async_sandbox.run_code("1", context=context, language="python")
    await async_sandbox.restart_code_context(context)
    assert (await async_sandbox.run_code("mine", context=context)).error.name == "NameError"
    await async_sandbox.remove_code_context(context.id)
    assert context.id not in {listed.id for listed in await async_sandbox.list_code_contexts()}
    with pytest.raises(NotFoundException, match=context.id):
        await async_sandbox.run_code("1", context=context)


async def test_a_timeout_ends_the_run_and_the_context_lives_on(async_sandbox):
    await async_sandbox.run_code("kept = 'yes'")
    with pytest.raises(TimeoutException):
        await async_sandbox.run_code("while True: pass", timeout=1)
    assert (await async_sandbox.run_code("kept", timeout=20)).text == "yes"


async def test_a_cancelled_run_is_interrupted(async_sandbox):
    begun = asyncio.Event()
    code = "import time\nprint('begun', flush=True)\ntime.sleep(1000)"
    run = asyncio.create_task(async_sandbox.run_code(code, on_stdout=lambda _message: begun.set()))
    await asyncio.wait_for(begun.wait(), 30)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert (await async_sandbox.run_code("'usable'", timeout=20)).text == "usable"


async def test_two_contexts_run_at_the_same_time(async_sandbox):
    contexts = [await async_sandbox.create_code_context() for _ in range(2)]
    # Each writes its file and waits for the other's: one after the other, neither would end.
    code = "import os, time\nopen('met{0}', 'w').close()\nwhile not os.path.exists('met{1}'): time.sleep(0.01)\n'met'"
    runs = await asyncio.gather(
        *(
            async_sandbox.run_code(code.format(n, 1 - n), context=contexts[n], timeout=30)
            for n in range(2)
        )
    )
    assert [run.text for run in runs] == ["met", "met"]
    for context in contexts:
        await async_sandbox.remove_code_context(context)


async def test_a_sandbox_killed_in_the_middle_of_a_run_says_so():
    sandbox = await AsyncSandbox.create()
    begun = asyncio.Event()
    code = "import time\nprint('begun', flush=True)\ntime.sleep(1000)"
    run = asyncio.create_task(sandbox.run_code(code, on_stdout=lambda _message: begun.set()))
    await asyncio.wait_for(begun.wait(), 30)
    await sandbox.kill()
    with pytest.raises(TimeoutException, match="killed"):
        await run
