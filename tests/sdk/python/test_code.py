"""Code: runs, their output and errors, contexts, and what ends a run."""

import threading

import pytest
from e2b_code_interpreter import (
    InvalidArgumentException,
    NotFoundException,
    Sandbox,
    SandboxException,
    TimeoutException,
)


def test_a_run_gives_its_last_expression_and_its_output(sandbox):
    execution = sandbox.run_code("import sys; print('out'); print('err', file=sys.stderr); 6 * 7")
    assert execution.text == "42"
    assert execution.logs.stdout == ["out\n"]
    assert execution.logs.stderr == ["err\n"]
    assert execution.error is None
    assert [result.is_main_result for result in execution.results] == [True]


def test_executions_are_counted(sandbox):
    first = sandbox.run_code("1").execution_count
    assert sandbox.run_code("1").execution_count == first + 1


def test_variables_imports_and_functions_live_on(sandbox):
    sandbox.run_code("import math\ndef twice(x): return 2 * x\nkept = 21")
    assert sandbox.run_code("twice(kept) + math.floor(0.5)").text == "42"


def test_no_expression_means_no_result(sandbox):
    execution = sandbox.run_code("x = 1")
    assert execution.text is None and execution.results == []
    assert sandbox.run_code("").results == []


def test_callbacks_hear_everything_in_order(sandbox):
    heard = []
    execution = sandbox.run_code(
        "import sys\nprint('one', flush=True)\nprint('two', file=sys.stderr, flush=True)\ndisplay('shown')\n1/0",
        on_stdout=lambda message: heard.append(("stdout", message.line)),
        on_stderr=lambda message: heard.append(("stderr", message.line)),
        on_result=lambda result: heard.append(("result", result.text)),
        on_error=lambda error: heard.append(("error", error.name)),
    )
    assert heard == [
        ("stdout", "one\n"),
        ("stderr", "two\n"),
        ("result", "shown"),
        ("error", "ZeroDivisionError"),
    ]
    assert execution.error.name == "ZeroDivisionError"


def test_messages_carry_their_kind_and_time(sandbox):
    messages = []
    sandbox.run_code(
        "import sys; print('x'); print('y', file=sys.stderr)",
        on_stdout=messages.append,
        on_stderr=messages.append,
    )
    assert {(str(message).strip(), message.error) for message in messages} == {
        ("x", False),
        ("y", True),
    }
    assert all(message.timestamp for message in messages)


def test_output_comes_while_the_code_runs(sandbox):
    sandbox.files.write("go", "")
    sandbox.files.remove("go")
    execution = sandbox.run_code(
        "import os, time\nprint('ready', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint('gone')",
        on_stdout=lambda message: message.line == "ready\n" and sandbox.files.write("go", ""),
        timeout=30,
    )
    assert "".join(execution.logs.stdout) == "ready\ngone\n"


def test_an_error_has_name_value_and_traceback(sandbox):
    error = sandbox.run_code("def broken():\n    return {}['key']\n\nbroken()").error
    assert error.name == "KeyError"
    assert error.value == "'key'"
    assert "broken()" in error.traceback and "line 2" in error.traceback
    assert "\x1b" not in error.traceback


def test_a_syntax_error_is_an_error_of_the_code(sandbox):
    error = sandbox.run_code("x = = 1").error
    assert error.name == "SyntaxError"
    assert "invalid syntax" in error.value
    assert sandbox.run_code("'fine'").text == "fine"


def test_an_error_keeps_what_came_before_it(sandbox):
    execution = sandbox.run_code("print('before'); display('shown'); raise ValueError('ü€😀')")
    assert execution.logs.stdout == ["before\n"]
    assert [result.text for result in execution.results] == ["shown"]
    assert execution.error.value == "ü€😀"


def test_exit_and_input_are_errors_and_nothing_hangs(sandbox):
    assert sandbox.run_code("import sys; sys.exit(3)").error.name == "SystemExit"
    assert "input" in sandbox.run_code("input('name? ')").error.value
    assert sandbox.run_code("1").text == "1"


def test_text_of_all_alphabets_comes_whole(sandbox):
    text = "naïve café — Größe — Привет — 你好 — 😀"
    execution = sandbox.run_code(f"text = {text!r}\nprint(text)\ntext")
    assert execution.logs.stdout == [text + "\n"]
    assert execution.text == text


def test_large_output_comes_whole(sandbox):
    execution = sandbox.run_code("for i in range(100_000): print(f'line {i:06}')")
    assert "".join(execution.logs.stdout) == "".join(f"line {i:06}\n" for i in range(100_000))


def test_large_code_runs(sandbox):
    text = "x" * 3_000_000
    assert sandbox.run_code(f"len('{text}')").text == "3000000"


def test_variables_of_one_run_are_gone_after_it(sandbox):
    envs = {"RUN_ONLY": "quote ' and \\ and \n line", "HOME": "/tmp"}
    execution = sandbox.run_code("import os; os.environ['RUN_ONLY'], os.environ['HOME']", envs=envs)
    assert execution.error is None
    assert execution.text == repr((envs["RUN_ONLY"], "/tmp"))
    assert (
        sandbox.run_code("os.environ.get('RUN_ONLY'), os.environ['HOME']").text
        == "(None, '/home/user')"
    )


def test_code_starts_in_the_home_of_the_user(sandbox):
    assert sandbox.run_code("import os; os.getcwd()").text == "/home/user"
    sandbox.files.write("data.csv", "a,b\n1,2\n")
    assert sandbox.run_code("import pandas; int(pandas.read_csv('data.csv').b.sum())").text == "2"


def test_shell_lines_and_magics_work(sandbox):
    assert "".join(sandbox.run_code("!echo from the shell").logs.stdout).strip() == "from the shell"
    assert sandbox.run_code("%%bash\necho cell $((1 + 1))").logs.stdout == ["cell 2\n"]
    assert sandbox.run_code("await __import__('asyncio').sleep(0, 'awaited')").text == "awaited"


def test_bash_runs_by_its_language_and_keeps_its_state(sandbox):
    execution = sandbox.run_code("export WORD=kept; cd /tmp; echo $((20 + 22))", language="bash")
    assert execution.logs.stdout == ["42\n"]
    assert sandbox.run_code('echo "$WORD $PWD"', language="bash").logs.stdout == ["kept /tmp\n"]
    assert sandbox.run_code("'still ' + 'python'", language="python").text == "still python"


@pytest.mark.parametrize("language", ["javascript", "typescript", "r", "java", "cobol"])
def test_a_language_that_is_not_there_is_refused_with_a_reason(sandbox, language):
    with pytest.raises(SandboxException, match=language) as refusal:
        sandbox.run_code("1", language=language)
    assert "python" in str(refusal.value) and "bash" in str(refusal.value)
    with pytest.raises(SandboxException, match=language):
        sandbox.create_code_context(language=language)


def test_contexts_have_variables_of_their_own(sandbox):
    sandbox.run_code("place = 'default'")
    one = sandbox.create_code_context()
    two = sandbox.create_code_context(language="python", cwd="/tmp")
    assert one.cwd == "/home/user" and two.cwd == "/tmp" and one.language == "python"
    assert (
        sandbox.run_code("place = 'one'; import os; os.getcwd()", context=one).text == "/home/user"
    )
    assert sandbox.run_code("import os; os.getcwd()", context=two).text == "/tmp"
    assert sandbox.run_code("place", context=two).error.name == "NameError"
    assert sandbox.run_code("place").text == "default"
    sandbox.remove_code_context(one)
    sandbox.remove_code_context(two.id)


def test_contexts_are_listed_and_removed(sandbox):
    before = {context.id for context in sandbox.list_code_contexts()}
    made = sandbox.create_code_context(cwd="/tmp")
    listed = {context.id: context for context in sandbox.list_code_contexts()}
    assert set(listed) == before | {made.id}
    assert listed[made.id].cwd == "/tmp" and listed[made.id].language == "python"
    sandbox.remove_code_context(made)
    assert {context.id for context in sandbox.list_code_contexts()} == before
    with pytest.raises(NotFoundException, match=made.id):
        sandbox.run_code("1", context=made)
    with pytest.raises(NotFoundException, match=made.id):
        sandbox.remove_code_context(made)
    with pytest.raises(NotFoundException, match=made.id):
        sandbox.restart_code_context(made)


def test_a_restarted_context_is_empty_and_keeps_its_place(sandbox):
    context = sandbox.create_code_context(cwd="/tmp")
    sandbox.run_code("gone = 1", context=context)
    sandbox.restart_code_context(context)
    assert sandbox.run_code("gone", context=context).error.name == "NameError"
    assert sandbox.run_code("import os; os.getcwd()", context=context).text == "/tmp"
    sandbox.remove_code_context(context.id)


def test_a_bash_context_runs_bash(sandbox):
    context = sandbox.create_code_context(language="bash", cwd="/tmp")
    assert context.language == "bash"
    assert sandbox.run_code("pwd", context=context).logs.stdout == ["/tmp\n"]
    sandbox.remove_code_context(context)


def test_a_context_and_a_language_exclude_each_other(sandbox):
    context = sandbox.list_code_contexts()[0]
    with pytest.raises(InvalidArgumentException):
        sandbox.run_code("1", context=context, language="python")


def test_a_timeout_ends_the_run_and_the_context_lives_on(sandbox):
    sandbox.run_code("kept = 'yes'")
    with pytest.raises(TimeoutException):
        sandbox.run_code("while True: pass", timeout=1)
    assert sandbox.run_code("kept", timeout=20).text == "yes"


def test_a_dropped_run_is_interrupted(sandbox):
    class Enough(Exception):
        pass

    def stop(_message):
        raise Enough

    with pytest.raises(Enough):
        sandbox.run_code(
            "import time\nprint('begun', flush=True)\ntime.sleep(1000)", on_stdout=stop
        )
    assert sandbox.run_code("'usable'", timeout=20).text == "usable"


def test_two_contexts_run_at_the_same_time(sandbox):
    contexts = [sandbox.create_code_context() for _ in range(2)]
    # Each writes its file and waits for the other's: one after the other, neither would end.
    code = "import os, time\nopen('met{0}', 'w').close()\nwhile not os.path.exists('met{1}'): time.sleep(0.01)\n'met'"
    met = {}

    def run(number):
        execution = sandbox.run_code(
            code.format(number, 1 - number), context=contexts[number], timeout=30
        )
        met[number] = execution.text

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert met == {0: "met", 1: "met"}
    for context in contexts:
        sandbox.remove_code_context(context)


def test_runs_in_one_context_wait_for_each_other(sandbox):
    counts = []
    code = "n = globals().get('n', 0); import time; seen = n; time.sleep(0.02); n = seen + 1"
    threads = [
        threading.Thread(target=lambda: counts.append(sandbox.run_code(code))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sandbox.run_code("n").text == "4"


def test_a_sandbox_killed_in_the_middle_of_a_run_says_so():
    sandbox = Sandbox.create()
    running = threading.Event()
    raised = []

    def run():
        try:
            sandbox.run_code(
                "import time\nprint('begun', flush=True)\ntime.sleep(1000)",
                on_stdout=lambda _message: running.set(),
            )
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert running.wait(30)
    sandbox.kill()
    thread.join()
    assert isinstance(raised[0], TimeoutException), raised
    assert "killed" in str(raised[0])


def test_a_kernel_that_dies_is_an_error_and_the_next_run_works():
    with Sandbox.create() as sandbox:
        sandbox.run_code("gone = 1")
        error = sandbox.run_code("import os; os._exit(7)").error
        assert error.name and error.value
        assert sandbox.run_code("1 + 1").text == "2"
        assert sandbox.run_code("gone").error.name == "NameError"


def test_a_fresh_sandbox_has_a_python_context():
    with Sandbox.create() as fresh:
        assert "python" in {context.language for context in fresh.list_code_contexts()}
