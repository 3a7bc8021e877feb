// Code: runs, their output and errors, contexts, and what ends a run.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import {
  InvalidArgumentError,
  NotFoundError,
  Sandbox,
  SandboxError,
  TimeoutError,
} from '@e2b/code-interpreter'

let sandbox
before(async () => {
  sandbox = await Sandbox.create({ timeoutMs: 280_000 })
})
after(() => sandbox.kill())

test('a run gives its last expression and its output', async () => {
  const execution = await sandbox.runCode("import sys; print('out'); print('err', file=sys.stderr); 6 * 7")
  assert.equal(execution.text, '42')
  assert.deepEqual(execution.logs, { stdout: ['out\n'], stderr: ['err\n'] })
  assert.equal(execution.error, undefined)
  assert.deepEqual(execution.results.map(({ isMainResult }) => isMainResult), [true])
  const { executionCount } = await sandbox.runCode('1')
  assert.equal(executionCount, execution.executionCount + 1)
  assert.deepEqual((await sandbox.runCode('')).results, [])
})

test('callbacks hear everything in order', async () => {
  const heard = []
  await sandbox.runCode(
    "import sys\nprint('one', flush=True)\nprint('two', file=sys.stderr, flush=True)\ndisplay('shown')\n1/0",
    {
      onStdout: ({ line, error }) => heard.push(['stdout', line, error]),
      onStderr: ({ line, error }) => heard.push(['stderr', line, error]),
      onResult: async ({ text }) => heard.push(['result', text]),
      onError: ({ name }) => heard.push(['error', name]),
    },
  )
  assert.deepEqual(heard, [
    ['stdout', 'one\n', false],
    ['stderr', 'two\n', true],
    ['result', 'shown'],
    ['error', 'ZeroDivisionError'],
  ])
})

test('messages carry their time', async () => {
  const times = []
  await sandbox.runCode("print('x')", { onStdout: ({ timestamp }) => times.push(timestamp) })
  assert.ok(Math.abs(times[0] / 1_000 - Date.now()) < 60_000, `${times[0]} is no time in microseconds`)
})

test('an error has name, value and traceback', async () => {
  const { error } = await sandbox.runCode("def broken():\n    return {}['key']\n\nbroken()")
  assert.equal(error.name, 'KeyError')
  assert.equal(error.value, "'key'")
  assert.match(error.traceback, /line 2/)
  assert.equal((await sandbox.runCode('x = = 1')).error.name, 'SyntaxError')
})

test('text of all alphabets comes whole', async () => {
  const text = 'naïve — Größe — Привет — 你好 — 😀'
  const execution = await sandbox.runCode(`text = '${text}'\nprint(text)\ntext`)
  assert.deepEqual(execution.logs.stdout, [`${text}\n`])
  assert.equal(execution.text, text)
})

test('large output comes whole', async () => {
  const { logs } = await sandbox.runCode("for i in range(50_000): print(f'line {i:06}')")
  const expected = Array.from({ length: 50_000 }, (_, i) => `line ${String(i).padStart(6, '0')}\n`)
  assert.equal(logs.stdout.join(''), expected.join(''))
})

test('variables of one run are gone after it', async () => {
  const { text } = await sandbox.runCode("import os; os.environ['RUN_ONLY']", { envs: { RUN_ONLY: "it's" } })
  assert.equal(text, "it's")
  assert.equal((await sandbox.runCode("os.environ.get('RUN_ONLY', 'gone')")).text, 'gone')
})

test('bash runs, and other languages are refused', async () => {
  const { logs } = await sandbox.runCode('echo $((20 + 22))', { language: 'bash' })
  assert.deepEqual(logs.stdout, ['42\n'])
  await assert.rejects(sandbox.runCode('1', { language: 'javascript' }), SandboxError)
  await assert.rejects(sandbox.createCodeContext({ language: 'r' }), SandboxError)
})

test('contexts are made, listed, restarted and removed', async () => {
  const context = await sandbox.createCodeContext({ cwd: '/tmp', language: 'python' })
  assert.equal(context.cwd, '/tmp')
  const ids = async () => (await sandbox.listCodeContexts()).map(({ id }) => id)
  assert.ok((await ids()).includes(context.id))
  const { text } = await sandbox.runCode('import os; mine = 1; os.getcwd()', { context })
  assert.equal(text, '/tmp')
  assert.equal((await sandbox.runCode('mine')).error.name, 'NameError')
  await assert.rejects(sandbox.runCode('1', { context, language: 'python' }), InvalidArgumentError)
  await sandbox.restartCodeContext(context)
  assert.equal((await sandbox.runCode('mine', { context })).error.name, 'NameError')
  await sandbox.removeCodeContext(context.id)
  assert.ok(!(await ids()).includes(context.id))
  await assert.rejects(sandbox.runCode('1', { context }), NotFoundError)
})

test('a timeout ends the run, and the context lives on', async () => {
  await sandbox.runCode("kept = 'yes'")
  await assert.rejects(sandbox.runCode('while True: pass', { timeoutMs: 1_000 }), TimeoutError)
  assert.equal((await sandbox.runCode('kept', { timeoutMs: 20_000 })).text, 'yes')
})

test('two contexts run at the same time', async () => {
  const contexts = await Promise.all([sandbox.createCodeContext(), sandbox.createCodeContext()])
  // Each writes its file and waits for the other's: one after the other, neither would end.
  const code = (mine, other) =>
    `import os, time\nopen('met${mine}', 'w').close()\nwhile not os.path.exists('met${other}'): time.sleep(0.01)\n'met'`
  const runs = await Promise.all(
    contexts.map((context, n) => sandbox.runCode(code(n, 1 - n), { context, timeoutMs: 30_000 })),
  )
  assert.deepEqual(runs.map(({ text }) => text), ['met', 'met'])
})

test('a sandbox killed in the middle of a run says so', async () => {
  const made = await Sandbox.create()
  let begun
  const running = new Promise((resolve) => (begun = resolve))
  const code = "import time\nprint('begun', flush=True)\ntime.sleep(1000)"
  const run = assert.rejects(made.runCode(code, { onStdout: begun }), (error) => {
    assert.ok(error instanceof TimeoutError, String(error))
    assert.match(error.message, /killed/)
    return true
  })
  await running
  await made.kill()
  await run
})
