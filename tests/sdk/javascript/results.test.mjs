// Results: what a cell shows, in the formats and chart types of E2B's SDK.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { Sandbox } from '@e2b/code-interpreter'

let sandbox
before(async () => {
  sandbox = await Sandbox.create({ timeoutMs: 280_000 })
})
after(() => sandbox.kill())

async function only(code) {
  const { error, results } = await sandbox.runCode(code)
  assert.equal(error, undefined, error?.traceback)
  assert.equal(results.length, 1)
  return results[0]
}

test('a data frame comes as text, html and data', async () => {
  const result = await only("import pandas as pd\npd.DataFrame({'city': ['Bonn', 'Köln'], 'n': [1, 2]})")
  assert.match(result.text, /Bonn/)
  assert.match(result.html, /<table/)
  assert.deepEqual(result.data, { city: ['Bonn', 'Köln'], n: [1, 2] })
  for (const format of ['html', 'data']) assert.ok(result.formats().includes(format))
})

test('every text format comes through', async () => {
  const calls = [
    ["HTML('<b>bold</b>')", 'html', '<b>bold</b>'],
    ["Markdown('# Title')", 'markdown', '# Title'],
    ["Latex('$x^2$')", 'latex', '$x^2$'],
    ["JSON({'a': 1})", 'json', { a: 1 }],
    ["Javascript('1 + 1')", 'javascript', '1 + 1'],
    ["SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')", 'svg', '<svg xmlns="http://www.w3.org/2000/svg"/>'],
  ]
  for (const [call, format, expected] of calls) {
    const result = await only(`from IPython.display import *\n${call}`)
    assert.deepEqual(result[format], expected)
    assert.ok(result.formats().includes(format))
  }
})

test('images come as base64', async () => {
  for (const [format, start] of [['png', '89504e47'], ['jpeg', 'ffd8ff']]) {
    const code = `
import io
from PIL import Image as Pillow
from IPython.display import Image
buffer = io.BytesIO()
Pillow.new("RGB", (4, 4), "red").save(buffer, "${format}")
Image(buffer.getvalue(), format="${format}")`
    const image = Buffer.from((await only(code))[format], 'base64')
    assert.ok(image.toString('hex').startsWith(start))
  }
})

test('several displays come in order before the main result', async () => {
  const { results } = await sandbox.runCode("display('one'); display('two'); 'three'")
  const shown = results.map(({ text, isMainResult }) => [text, isMainResult])
  assert.deepEqual(shown, [['one', false], ['two', false], ['three', true]])
})

test('charts of all types come as data', async () => {
  const charts = [
    ['plt.plot([1, 2], [3, 4], label="l")', 'line', (chart) => assert.deepEqual(chart.elements[0].points, [[1, 3], [2, 4]])],
    ['plt.scatter([1, 2], [3, 4])', 'scatter', (chart) => assert.deepEqual(chart.elements[0].points, [[1, 3], [2, 4]])],
    ['plt.bar(["Ada", "Bob"], [3, 5])', 'bar', (chart) => assert.deepEqual(chart.elements.map(({ label }) => label), ['Ada', 'Bob'])],
    ['plt.pie([1, 3], labels=["A", "B"])', 'pie', (chart) => assert.deepEqual(chart.elements.map(({ angle }) => Math.round(angle)), [90, 270])],
    [
      'plt.boxplot([[85, 92, 78, 95, 88], [65, 72, 68, 90, 55, 40]], patch_artist=True)',
      'box_and_whisker',
      (chart) => assert.deepEqual(chart.elements.map(({ median }) => median), [88, 66.5]),
    ],
    [
      'figure, axes = plt.subplots(1, 2); axes[0].bar(["a"], [1]); axes[1].plot([1, 2])',
      'superchart',
      (chart) => assert.deepEqual(chart.elements.map(({ type }) => type), ['bar', 'line']),
    ],
  ]
  for (const [code, type, check] of charts) {
    const result = await only(`import matplotlib.pyplot as plt\n${code}\nplt.show()`)
    assert.ok(result.png)
    assert.equal(result.chart?.type, type, code)
    check(result.chart)
  }
})

test('an execution becomes JSON', async () => {
  const execution = await sandbox.runCode("print('out'); {'a': 1}")
  const document = JSON.parse(JSON.stringify(execution))
  assert.deepEqual(document.results[0].json, { a: 1 })
  assert.deepEqual(document.logs.stdout, ['out\n'])
})
