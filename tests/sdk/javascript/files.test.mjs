// Files: read, write, list, move, remove, watch, and signed addresses.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import {
  AuthenticationError,
  FileNotFoundError,
  FileType,
  FilesystemEventType,
  InvalidArgumentError,
  Sandbox,
} from '@e2b/code-interpreter'

import { until } from './support.mjs'

const BYTES = Uint8Array.from({ length: 768 }, (_, i) => i % 256)

let sandbox
let files
before(async () => {
  sandbox = await Sandbox.create({ timeoutMs: 280_000 })
  files = sandbox.files
})
after(() => sandbox.kill())

async function read(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return new Uint8Array(Buffer.concat(chunks))
}

test('text is written and read', async () => {
  const info = await files.write('text.txt', 'grüße 😀\n')
  assert.deepEqual([info.name, info.path, info.type], ['text.txt', '/home/user/text.txt', FileType.FILE])
  assert.equal(await files.read('text.txt'), 'grüße 😀\n')
})

test('bytes are written and read in every form', async () => {
  await files.write('bytes.bin', BYTES.buffer)
  assert.deepEqual(await files.read('bytes.bin', { format: 'bytes' }), BYTES)
  await files.write('bytes.bin', new Blob([BYTES]))
  const blob = await files.read('bytes.bin', { format: 'blob' })
  assert.deepEqual(new Uint8Array(await blob.arrayBuffer()), BYTES)
  await files.write('bytes.bin', new Blob([BYTES]).stream())
  assert.deepEqual(await read(await files.read('bytes.bin', { format: 'stream' })), BYTES)
})

test('compressed transfers carry the same', async () => {
  const text = 'again and again '.repeat(5_000)
  await files.write('packed.txt', text, { gzip: true })
  assert.equal(await files.read('packed.txt', { gzip: true }), text)
  await files.write('packed.txt', text, { useOctetStream: true })
  assert.equal(await files.read('packed.txt'), text)
})

test('many files are written at once', async () => {
  const many = [
    { path: 'many/a.txt', data: 'a' },
    { path: '/tmp/b.bin', data: new Blob([BYTES]) },
  ]
  const written = await files.write(many)
  assert.deepEqual(written.map(({ path }) => path), ['/home/user/many/a.txt', '/tmp/b.bin'])
  assert.equal((await files.writeFiles(many)).length, 2)
  assert.deepEqual(await files.read('/tmp/b.bin', { format: 'bytes' }), BYTES)
})

test('a file carries metadata', async () => {
  const info = await files.write('marked.txt', 'x', { metadata: { source: 'a test' } })
  assert.deepEqual(info.metadata, { source: 'a test' })
  assert.deepEqual((await files.getInfo('marked.txt')).metadata, { source: 'a test' })
})

test('entries are described, listed, renamed and removed', async () => {
  assert.equal(await files.makeDir('tree/b'), true)
  assert.equal(await files.makeDir('tree/b'), false)
  await files.write('tree/a.txt', '12345')
  await files.write('tree/b/c.txt', 'c')
  const info = await files.getInfo('tree/a.txt')
  assert.deepEqual([info.size, info.type, info.owner, info.permissions], [5, FileType.FILE, 'user', '-rw-r--r--'])
  assert.ok(Math.abs(Date.now() - info.modifiedTime) < 60_000)
  const names = async (depth) => (await files.list('tree', { depth })).map(({ name }) => name).sort()
  assert.deepEqual(await names(1), ['a.txt', 'b'])
  assert.deepEqual(await names(2), ['a.txt', 'b', 'c.txt'])
  assert.equal((await files.rename('tree/a.txt', 'tree/d.txt')).path, '/home/user/tree/d.txt')
  assert.equal(await files.exists('tree/a.txt'), false)
  await files.remove('tree')
  assert.equal(await files.exists('tree'), false)
})

test('what cannot be is refused by its reason', async () => {
  await assert.rejects(files.read('nowhere.txt'), FileNotFoundError)
  await assert.rejects(files.getInfo('nowhere.txt'), FileNotFoundError)
  await assert.rejects(files.list('nowhere'), FileNotFoundError)
  await assert.rejects(files.watchDir('nowhere', () => {}), FileNotFoundError)
  await files.makeDir('folder')
  await assert.rejects(files.read('folder'), InvalidArgumentError)
  await assert.rejects(files.write('folder', 'x'), InvalidArgumentError)
  await assert.rejects(files.read('x', { user: 'nobody-here' }), AuthenticationError)
})

test('changes are told to callbacks', async () => {
  await files.makeDir('watched/below')
  const heard = []
  const seen = []
  let over = false
  const onExit = () => (over = true)
  const shallow = await files.watchDir('watched', (event) => heard.push(event), { onExit })
  const deep = await files.watchDir('watched', async (event) => seen.push(event), {
    recursive: true,
    includeEntry: true,
  })
  await files.write('watched/below/a.txt', '12345')
  await files.write('watched/b.txt', 'x')
  await files.remove('watched/b.txt')
  const removed = ({ name, type }) => name === 'b.txt' && type === FilesystemEventType.REMOVE
  await until('the shallow one hears', async () => heard.some(removed))
  await until('the deep one hears', async () => seen.some(removed))
  assert.ok(heard.every(({ name }) => !name.startsWith('below/')))
  const below = seen.find(({ name }) => name === 'below/a.txt')
  assert.equal(below.type, FilesystemEventType.CREATE)
  assert.equal(below.entry.path, '/home/user/watched/below/a.txt')
  await shallow.stop()
  await deep.stop()
  await until('the end is told', async () => over)
})

test('signed addresses work without a client', async () => {
  await files.write('signed.txt', 'secret')
  const url = await sandbox.downloadUrl('signed.txt', { useSignatureExpiration: 60 })
  assert.equal(await (await fetch(url)).text(), 'secret')
  const form = new FormData()
  form.append('file', new Blob(['new']), 'any.txt')
  const reply = await fetch(await sandbox.uploadUrl('signed.txt'), { method: 'POST', body: form })
  assert.equal(reply.status, 200)
  assert.equal(await files.read('signed.txt'), 'new')
  assert.equal((await fetch(url.replace('signed.txt', 'other.txt'))).status, 401)
})
