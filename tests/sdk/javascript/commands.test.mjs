// Commands and terminals: run, stream, feed, kill.

import assert from 'node:assert/strict'
import { request } from 'node:http'
import { after, before, test } from 'node:test'

import {
  AuthenticationError,
  CommandExitError,
  InvalidArgumentError,
  NotFoundError,
  Sandbox,
  TimeoutError,
} from '@e2b/code-interpreter'

import { until } from './support.mjs'

let sandbox
let commands
before(async () => {
  sandbox = await Sandbox.create({ timeoutMs: 280_000 })
  commands = sandbox.commands
})
after(() => sandbox.kill())

test('a command gives output and exit code', async () => {
  const result = await commands.run('echo out; echo err >&2')
  assert.deepEqual([result.stdout, result.stderr, result.exitCode], ['out\n', 'err\n', 0])
  await assert.rejects(commands.run('echo out; exit 3'), (error) => {
    assert.ok(error instanceof CommandExitError)
    assert.deepEqual([error.exitCode, error.stdout], [3, 'out\n'])
    return true
  })
})

test('output is heard as it comes', async () => {
  const heard = []
  const errors = []
  await commands.run('echo out; echo err >&2', {
    onStdout: (text) => heard.push(text),
    onStderr: async (text) => errors.push(text),
  })
  assert.deepEqual([heard, errors], [['out\n'], ['err\n']])
})

test('a command has folder, variables and user', async () => {
  const options = { cwd: '/tmp', envs: { ONE: '1' }, user: 'user' }
  assert.equal((await commands.run('pwd; echo $ONE; whoami', options)).stdout, '/tmp\n1\nuser\n')
  await assert.rejects(commands.run('true', { cwd: '/nowhere' }), InvalidArgumentError)
  await assert.rejects(commands.run('true', { user: 'nobody-here' }), AuthenticationError)
})

test('a command in the background is fed, listed and waited for', async () => {
  const handle = await commands.run('echo begun; read word; echo heard $word; cat', { background: true, stdin: true })
  const pids = async () => (await commands.list()).map(({ pid }) => pid)
  assert.ok((await pids()).includes(handle.pid))
  await until('it has begun', async () => handle.stdout === 'begun\n')
  await handle.sendStdin('something\n')
  await commands.sendStdin(handle.pid, new TextEncoder().encode('rest\n'))
  await handle.closeStdin()
  assert.equal((await handle.wait()).stdout, 'begun\nheard something\nrest\n')
  assert.equal(handle.exitCode, 0)
  assert.ok(!(await pids()).includes(handle.pid))
})

test('a killed command says so', async () => {
  const handle = await commands.run('sleep 1000', { background: true })
  assert.equal(await handle.kill(), true)
  await assert.rejects(handle.wait(), (error) => {
    assert.ok(error instanceof CommandExitError)
    assert.match(error.error, /killed/)
    return true
  })
  assert.equal(await commands.kill(handle.pid), false)
})

test('a command is connected to again', async () => {
  const code = 'until [ -e resume ]; do sleep 0.01; done; echo after'
  const handle = await commands.run(code, { background: true })
  await handle.disconnect()
  const heard = []
  const other = await commands.connect(handle.pid, { onStdout: (text) => heard.push(text) })
  await sandbox.files.write('resume', '')
  assert.equal((await other.wait()).stdout, 'after\n')
  assert.deepEqual(heard, ['after\n'])
  await assert.rejects(commands.connect(handle.pid), NotFoundError)
})

test('a timeout kills the command', async () => {
  await assert.rejects(commands.run('exec sleep 985', { timeoutMs: 1_000 }), TimeoutError)
  const left = async () => (await commands.run("pgrep -f '[s]leep 985' || true")).stdout
  await until('it is gone', async () => (await left()) === '')
})

test('text comes whole, split between writes and large', async () => {
  const split = String.raw`printf '\xf0\x9f'; sleep 0.2; printf '\x98\x80\n'`
  assert.equal((await commands.run(split)).stdout, '😀\n')
  const { stdout } = await commands.run('seq 1 100000')
  assert.equal(stdout, Array.from({ length: 100_000 }, (_, i) => `${i + 1}\n`).join(''))
})

test('a sandbox killed in the middle of a command says so', async () => {
  const made = await Sandbox.create()
  const handle = await made.commands.run('sleep 1000', { background: true })
  const waiting = assert.rejects(handle.wait(), TimeoutError)
  await made.kill()
  await waiting
})

test('a terminal is used, resized, left and connected to', async () => {
  const { pty } = sandbox
  let screen = ''
  const onData = (data) => (screen += new TextDecoder().decode(data))
  const shows = (text) => until(`the terminal shows ${text}`, async () => screen.includes(text))
  const type = (pid, text) => pty.sendInput(pid, new TextEncoder().encode(text))
  const terminal = await pty.create({ cols: 101, rows: 30, onData, cwd: '/tmp', envs: { WORD: 'hello' } })
  await type(terminal.pid, 'echo $WORD-$((20+22)); pwd; stty size\n')
  await shows('hello-42')
  await shows('30 101')
  await pty.resize(terminal.pid, { cols: 132, rows: 40 })
  await type(terminal.pid, 'stty size\n')
  await shows('40 132')
  await terminal.disconnect()
  const again = await pty.connect(terminal.pid, { onData })
  await type(terminal.pid, 'echo ag""ain; exit\n')
  await shows('again')
  assert.equal((await again.wait()).exitCode, 0)
  assert.equal(await pty.kill(terminal.pid), false)
})

test('a server inside is reached by its host', async () => {
  const python = (await sandbox.runCode('import sys; sys.executable')).text
  await sandbox.files.write('site/index.html', 'from inside')
  const server = await commands.run(`${python} -m http.server 8000 --directory site`, { background: true, timeoutMs: 0 })
  const host = sandbox.getHost(8000)
  assert.match(host, new RegExp(`^8000-${sandbox.sandboxId}\\.localhost:\\d+$`))
  // Browsers find names below `localhost` by themselves; here the name goes into the header.
  const address = new URL(process.env.E2B_SANDBOX_URL)
  const get = () =>
    new Promise((resolve, reject) => {
      const options = { host: address.hostname, port: address.port, path: '/', headers: { Host: host } }
      request(options, async (reply) => {
        let body = ''
        for await (const chunk of reply) body += chunk
        resolve(body)
      }).on('error', reject).end()
    })
  await until('it answers', async () => (await get()) === 'from inside')
  await server.kill()
})
