import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'

const at = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href)

/** In a process of its own: streams of a process that is diverted are no place for a test runner's report. */
const PROGRAM = `
import { writeSync } from 'node:fs'
import { captured, installCapture } from ${at('cli/capture.ts')}
import { worker } from ${at('runtime/worker.ts')}
installCapture()
console.log('no step says this \\u001b[2J')
const said = []
const handle = (path) => {
  const log = (level) => (message) => void said.push(path + ' ' + level + ': ' + message)
  return { run: { path }, log: { info: log('info'), error: log('error') } }
}
const definition = worker('talks', async (_, task) => {
  console.log('one %d', 1)
  await new Promise((done) => setImmediate(done))
  console.error(task.run.path + ' two')
})
const [one] = captured([{ definition, name: 'talks', file: 'workers/t.ts', exportName: 'default' }])
await Promise.all(['a', 'b'].map((path) => one.definition.run({}, handle(path))))
writeSync(1, JSON.stringify({ said: said.sort(), brands: Object.getOwnPropertySymbols(one.definition).length }))
`

test('what steps print is their own log, also side by side and after a pause; stdout stays clean', () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM], { encoding: 'utf8' })
  assert.deepEqual(JSON.parse(stdout), { said: ['a error: a two', 'a info: one 1', 'b error: b two', 'b info: one 1'], brands: 1 }, stderr)
  assert.equal(stderr, 'no step says this ^[[2J\n')
})
