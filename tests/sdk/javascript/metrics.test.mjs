// Metrics: what a sandbox may use and what it does use.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { Sandbox } from '@e2b/code-interpreter'

import { until } from './support.mjs'

test('metrics show what a sandbox uses', async () => {
  const sandbox = await Sandbox.create({ timeoutMs: 120_000 })
  try {
    const metrics = await until('there are metrics', async () => {
      const found = await sandbox.getMetrics()
      return found.length > 0 && found
    })
    const last = metrics.at(-1)
    assert.ok(last.cpuCount > 0)
    assert.ok(last.memUsed > 0 && last.memUsed <= last.memTotal)
    assert.ok(last.diskUsed >= 0 && last.diskUsed <= last.diskTotal)
    assert.ok(Math.abs(Date.now() - last.timestamp) < 60_000)
  } finally {
    await sandbox.kill()
  }
})
