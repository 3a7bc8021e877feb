// Sandboxes that pause and come back as they were.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Sandbox, TimeoutError } from '@e2b/code-interpreter'

import { until } from './support.mjs'

test('a paused sandbox comes back with its variables and files', async () => {
  const sandbox = await Sandbox.create({ timeoutMs: 120_000 })
  try {
    await sandbox.runCode('kept = 41')
    await sandbox.files.write('kept.txt', 'kept')
    assert.equal(await sandbox.pause(), true)
    assert.equal(await Sandbox.pause(sandbox.sandboxId), false)
    assert.equal((await sandbox.getInfo()).state, 'paused')
    assert.equal(await sandbox.isRunning(), false)
    await assert.rejects(sandbox.files.read('kept.txt'), TimeoutError)
    const again = await Sandbox.connect(sandbox.sandboxId)
    assert.equal((await again.runCode('kept + 1')).text, '42')
    assert.equal(await again.files.read('kept.txt'), 'kept')
    assert.equal(await again.betaPause(), true)
  } finally {
    await sandbox.kill()
  }
})

test('at its end a sandbox is paused when asked to', async () => {
  const sandbox = await Sandbox.create({ timeoutMs: 120_000, lifecycle: { onTimeout: 'pause' } })
  try {
    await sandbox.runCode("kept = 'yes'")
    await sandbox.setTimeout(0)
    await until('it is paused', async () => (await sandbox.getInfo()).state === 'paused')
    await sandbox.connect({ timeoutMs: 60_000 })
    assert.equal((await sandbox.runCode('kept')).text, 'yes')
  } finally {
    await sandbox.kill()
  }
})
