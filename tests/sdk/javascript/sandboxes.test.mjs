// Sandboxes: make, find, keep and end them.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import {
  NotFoundError,
  Sandbox,
  SandboxError,
  SandboxNotFoundError,
  TimeoutError,
} from '@e2b/code-interpreter'

import { allOf, until } from './support.mjs'

let sandbox
before(async () => {
  sandbox = await Sandbox.create({ timeoutMs: 280_000 })
})
after(() => sandbox.kill())

test('a sandbox is made with metadata, variables and a time to live', async () => {
  const metadata = { user: 'ada & bob', größe: 'ü=1' }
  const envs = { GREETING: "it's me" }
  const made = await Sandbox.create({ timeoutMs: 120_000, metadata, envs })
  try {
    const info = await made.getInfo()
    assert.equal(info.sandboxId, made.sandboxId)
    assert.deepEqual(info.metadata, metadata)
    assert.equal(info.templateId, 'code-interpreter-v1')
    assert.equal(info.state, 'running')
    assert.equal(info.endAt - info.startedAt, 120_000)
    assert.ok(Math.abs(Date.now() - info.startedAt) < 60_000)
    assert.ok(info.cpuCount > 0 && info.memoryMB > 0)
    const { text } = await made.runCode("import os; os.environ['GREETING']")
    assert.equal(text, "it's me")
    const { stdout } = await made.commands.run('echo $GREETING')
    assert.equal(stdout, "it's me\n")
  } finally {
    await made.kill()
  }
})

test('a sandbox is killed once', async () => {
  const made = await Sandbox.create()
  assert.equal(await made.isRunning(), true)
  await made.kill()
  assert.equal(await Sandbox.kill(made.sandboxId), false)
  assert.equal(await made.isRunning(), false)
  await assert.rejects(Sandbox.getInfo(made.sandboxId), SandboxNotFoundError)
})

test('a sandbox is connected to by its id', async () => {
  await sandbox.runCode('kept = 41')
  const other = await Sandbox.connect(sandbox.sandboxId)
  assert.equal(other.sandboxId, sandbox.sandboxId)
  assert.equal((await other.runCode('kept + 1')).text, '42')
  assert.equal(await other.files.exists('/home/user'), true)
})

test('connecting prolongs a life and never shortens it', async () => {
  const { endAt } = await sandbox.getInfo()
  await sandbox.connect({ timeoutMs: 1_000 })
  assert.deepEqual((await sandbox.getInfo()).endAt, endAt)
  await sandbox.connect({ timeoutMs: 900_000 })
  assert.ok((await sandbox.getInfo()).endAt > endAt)
})

test('a life is set to a time from now, and ends', async () => {
  const made = await Sandbox.create({ timeoutMs: 600_000 })
  await made.setTimeout(30_000)
  const { startedAt, endAt } = await made.getInfo()
  assert.ok(endAt - startedAt < 600_000)
  await Sandbox.setTimeout(made.sandboxId, 0)
  await until('the sandbox has ended', async () => !(await made.isRunning()))
})

test('sandboxes are listed by metadata and state, page by page', async () => {
  const metadata = { suite: 'pages & more=1' }
  const made = []
  try {
    for (let n = 0; n < 3; n += 1) made.push(await Sandbox.create({ metadata }))
    const ids = made.map(({ sandboxId }) => sandboxId)
    const paginator = Sandbox.list({ query: { metadata }, limit: 2, order: 'asc' })
    const first = await paginator.nextItems()
    assert.ok(paginator.hasNext && paginator.nextToken)
    const second = await paginator.nextItems()
    assert.equal(paginator.hasNext, false)
    assert.deepEqual([...first, ...second].map(({ sandboxId }) => sandboxId), ids)
    const query = { metadata, state: ['paused'] }
    assert.deepEqual(await allOf(Sandbox.list({ query })), [])
    const all = await allOf(Sandbox.list({ limit: 1 }))
    assert.ok(all.some(({ sandboxId }) => sandboxId === sandbox.sandboxId))
  } finally {
    await Promise.all(made.map((one) => one.kill()))
  }
})

test('an unknown sandbox is not found', async () => {
  await assert.rejects(Sandbox.connect('nosuchsandbox'), SandboxNotFoundError)
  await assert.rejects(Sandbox.getInfo('nosuchsandbox'), NotFoundError)
  await assert.rejects(Sandbox.setTimeout('nosuchsandbox', 10), NotFoundError)
  assert.equal(await Sandbox.kill('nosuchsandbox'), false)
})

test('a killed sandbox says that it is gone', async () => {
  const made = await Sandbox.create()
  await made.kill()
  await assert.rejects(made.runCode('1'), TimeoutError)
  await assert.rejects(made.commands.run('true'), SandboxNotFoundError)
  await assert.rejects(made.files.read('/etc/hostname'), TimeoutError)
})

test('unusual requests are refused with a reason', async () => {
  await assert.rejects(Sandbox.create({ envs: { 'A=B': '1' } }), (error) => {
    assert.ok(error instanceof SandboxError)
    assert.match(error.message, /envVars/)
    return true
  })
})
