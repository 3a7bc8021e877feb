// What E2B's cloud has and this service has not: refused with a text that says so.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { Sandbox, Template, Volume } from '@e2b/code-interpreter'

const NOT_HERE = /not (supported|available|to be had).*local sandbox service/

let sandbox
before(async () => {
  sandbox = await Sandbox.create()
})
after(() => sandbox.kill())

test('snapshots and forks are not here', async () => {
  await assert.rejects(sandbox.createSnapshot(), NOT_HERE)
  await assert.rejects(sandbox.listSnapshots().nextItems(), NOT_HERE)
  await assert.rejects(Sandbox.deleteSnapshot('some-snapshot'), NOT_HERE)
  await assert.rejects(sandbox.fork(), NOT_HERE)
})

test('volumes are not here', async () => {
  await assert.rejects(Volume.create('data'), NOT_HERE)
  await assert.rejects(Sandbox.create({ volumeMounts: { '/data': 'data' } }), NOT_HERE)
})

test('templates are not built here', async () => {
  const template = Template().fromPythonImage('3.11').runCmd('true')
  await assert.rejects(Template.build(template, 'mine'), NOT_HERE)
})
