/** Every exit code of the contract, each from a real process; `mag help exit-codes` lists these and no others. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { five, letGo } from './five.ts'
import { bin, mag, project, runsIn, start, startProgram, statusOf, type Result } from './mag.ts'

const WORKERS = `
import { NonRetryableError, worker } from 'multiagents'
export const hello = worker('hello', (context) => ({ greeting: 'hello ' + (context.name ?? 'you'), _trace: 'hidden' }))
export const decline = worker('decline', () => { throw new NonRetryableError('card ending 0000 was declined', { code: 'DECLINED' }) })
export const unbook = worker('unbook', () => ({}))
export const undo_fails = worker('undo_fails', () => { throw new NonRetryableError('the bank did not answer', { code: 'BANK_OFFLINE' }) })
export const hang = worker('hang', (context, task) => new Promise((_, reject) => task.signal.addEventListener('abort', () => reject(new Error('aborted')))))
`
const files: Record<string, string> = {
  ...five, 'workers/all.ts': WORKERS,
  'workflows/good.yaml': 'inputs: { name: { type: string, optional: true } }\nsteps: [ { id: greet, worker: hello } ]\noutputs: { said: "${{ steps.greet.output.greeting }}", _debug: "${{ run.id }}" }\n',
  'workflows/bad.yaml': 'steps: [ { id: pay, worker: decline } ]\n',
  'workflows/saga.yaml': 'steps: [ { id: book, worker: hello, compensate: unbook }, { id: pay, worker: decline } ]\n',
  'workflows/stuck.yaml': 'steps: [ { id: book, worker: hello, compensate: undo_fails }, { id: pay, worker: decline } ]\n',
  'workflows/late.yaml': 'timeout: 300ms\nsteps: [ { id: wait, worker: hang } ]\n',
  'workflows/asleep.yaml': 'steps: [ { id: nap, sleep: 1h } ]\n',
  'lost.yaml': 'steps: [ { id: a, worker: no_such_worker } ]\n',
  'broken.yaml': 'steps:\n  - id: a\n    worker: hello\n    retires: 3\n',
}

const tested = new Set<number>()
function exits(code: number, name: string, body: (t: TestContext) => Promise<void>): void {
  tested.add(code)
  test(`${code}: ${name}`, { timeout: 60_000 }, body)
}

const runIdIn = (text: string): string => /TX-\d{8}-\d{6}-[0-9a-z]+/.exec(text)?.[0] ?? assert.fail(`no run id in ${text}`)
const document = ({ stdout }: Result) => JSON.parse(stdout) as { state: string; exitCode: number | null; transactionId: string; error: { code: string } | null }

exits(0, 'a completed run, an empty list, a valid definition, help', async (t) => {
  const dir = project(t, files)
  assert.equal((await mag(['list'], { cwd: dir })).code, 0)
  const run = await mag(['run', 'good', '-i', 'name=Ada'], { cwd: dir })
  assert.deepEqual([run.code, run.stdout], [0, '{"said":"hello Ada"}\n'])
  assert.deepEqual(document(await mag(['run', 'good', '-o', 'json'], { cwd: dir })).exitCode, 0)
  for (const words of [['validate'], ['--help'], ['help', 'run'], ['--version'], ['status'], ['explain', 'TIMEOUT'], ['workflows', 'list'], ['workers', 'list']]) {
    const { code, stderr } = await mag(words, { cwd: dir })
    assert.deepEqual([code, stderr], [0, ''], words.join(' '))
  }
})

const ENDINGS: Array<[code: number, workflow: string, state: string, says: RegExp]> = [
  [1, 'bad', 'failed', /DECLINED: card ending 0000 was declined/], [3, 'late', 'timed_out', /timed out/],
  [8, 'saga', 'compensated', /book\s+undone/], [9, 'stuck', 'compensation_failed', /BANK_OFFLINE[\s\S]*needs a person/],
]
for (const [code, workflow, state, says] of ENDINGS) {
  exits(code, `a run that ends ${state}; also as JSON, from status, and from resume`, async (t) => {
    const dir = project(t, files)
    const ended = await mag(['run', workflow], { cwd: dir })
    assert.deepEqual([ended.code, ended.stdout], [code, ''], ended.stderr)
    assert.match(ended.stderr, says)
    assert.match(ended.stderr, /mag status TX-/)
    const json = await mag(['run', workflow, '-o', 'json'], { cwd: dir })
    assert.deepEqual([json.code, document(json).state, document(json).exitCode], [code, state, code])
    const last = (await mag(['run', workflow, '--json'], { cwd: dir })).stdout.trimEnd().split('\n').at(-1) ?? ''
    assert.deepEqual([(JSON.parse(last) as { type: string }).type, (JSON.parse(last) as { exitCode: number }).exitCode], ['run.finished', code])
    assert.equal((await mag(['status', '@last'], { cwd: dir })).code, 0, 'looking is no failure')
    assert.equal((await mag(['status', '@last', '--exit-status'], { cwd: dir })).code, code)
    assert.equal((await mag(['resume', '@last'], { cwd: dir })).code, code)
  })
}

exits(1, 'mag doctor finds something', async (t) => {
  const dir = project(t, { ...files, 'workflows/broken.yaml': 'steps: 5\n' })
  const { code, stdout } = await mag(['doctor'], { cwd: dir })
  assert.equal(code, 1)
  assert.match(stdout, /✖ workflows +not valid: workflows\/broken\.yaml/)
})

exits(2, 'usage, an invalid definition, worker, configuration or input', async (t) => {
  const cases: Array<[words: string[], says: RegExp]> = [
    [['rnu'], /Did you mean run/], [['run'], /missing required argument/], [['run', 'broken.yaml'], /broken\.yaml:4:5[\s\S]*retires[\s\S]*retry/],
    [['run', 'lost.yaml'], /step "a" needs worker "no_such_worker"/], [['run', 'good', '-i', 'nmae=x'], /nmae/], [['run', 'good', '--input', '[1]'], /must be a JSON object/],
    [['run', 'good', '--timeout', '5'], /no duration/], [['list', '-C', 'nowhere'], /no such folder/],
  ]
  const dir = project(t, files)
  for (const [words, says] of cases) {
    const { code, stdout, stderr } = await mag(words, { cwd: dir })
    assert.deepEqual([code, stdout], [2, ''], `${words.join(' ')}: ${stderr}`)
    assert.match(stderr, says)
    assert.match(stderr, /hint/)
  }
  assert.deepEqual(await runsIn(dir), [])
  const json = await mag(['run', 'lost.yaml', '-o', 'json'], { cwd: dir })
  assert.deepEqual([json.code, document(json).error?.code], [2, 'MAG2020'])
})

exits(4, 'a run that somebody cancels; the one who cancels gets 0', async (t) => {
  const dir = project(t, files)
  const run = start(['run', 'five'], { cwd: dir, env: { HOLD: 'b' } })
  await run.saw('holding b')
  assert.equal((await mag(['cancel', '@last', '--reason', 'enough'], { cwd: dir })).code, 0)
  const { code, stderr } = await run.done
  assert.equal(code, 4, stderr)
  assert.match(stderr, /cancelled by cli: enough/)
  assert.equal((await mag(['status', '--exit-status'], { cwd: dir })).code, 4)
})

exits(5, 'a run that waits, only where it was asked not to wait', async (t) => {
  const dir = project(t, files)
  const { code, stdout, stderr } = await mag(['run', 'asleep', '--no-wait'], { cwd: dir })
  assert.deepEqual([code, stdout], [5, ''])
  assert.match(stderr, /waits[\s\S]*mag resume TX-/)
  const json = await mag(['resume', '@last', '--no-wait', '-o', 'json'], { cwd: dir })
  assert.deepEqual([json.code, document(json).state, document(json).exitCode, document(json).transactionId], [5, 'waiting', null, runIdIn(stderr)])
  assert.equal((await mag(['status', '--exit-status'], { cwd: dir })).code, 5)
})

exits(6, 'what does not exist', async (t) => {
  const dir = project(t, files)
  for (const words of [['run', 'godo'], ['status', 'TX-19990101'], ['logs', '../../etc/passwd'], ['workflows', 'show', 'x'], ['workers', 'run', 'x'], ['explain', 'x'], ['history', '@last']]) {
    const { code, stdout, stderr } = await mag(words, { cwd: dir })
    assert.deepEqual([code, stdout], [6, ''], `${words.join(' ')}: ${stderr}`)
    assert.match(stderr, /^error \S+: .*\n {2}hint {2}\S/)
  }
  assert.match((await mag(['run', 'godo'], { cwd: dir })).stderr, /did you mean good/)
})

exits(7, 'a store that cannot be reached, in the foreground and for --detach', async (t) => {
  const dir = project(t, files)
  for (const words of [['run', 'good'], ['run', 'good', '--detach']]) {
    const { code, stdout, stderr } = await mag([...words, '--store', 'sqlite:/dev/null/mag.db'], { cwd: dir })
    assert.deepEqual([code, stdout], [7, ''], stderr)
    assert.match(stderr, /^error STORE_\w+: the store \/dev\/null\/mag\.db .*\n {2}hint {2}/)
  }
})

exits(7, 'a result that cannot be written', async (t) => {
  if (!existsSync('/dev/full')) return t.skip('there is no /dev/full here')
  const dir = project(t, files)
  const full = await startProgram('sh', ['-c', '"$0" "$1" run good >/dev/full', process.execPath, bin], { cwd: dir }).done
  assert.equal(full.code, 7, full.stderr)
  assert.match(full.stderr, /error MAG2041: the standard output cannot be written: ENOSPC.*\n {2}hint {2}.*mag status @last/)
  assert.equal((await statusOf(dir)).state, 'completed')
})

exits(10, 'an --id with another input, a state that refuses the command', async (t) => {
  const dir = project(t, files)
  const first = await mag(['run', 'good', '--id', 'k-1', '-i', 'name=a', '-o', 'ids', '-q'], { cwd: dir })
  const again = await mag(['run', 'good', '--id', 'k-1', '-i', 'name=a', '-o', 'ids', '-q'], { cwd: dir })
  assert.deepEqual([again.code, again.stdout], [0, first.stdout])
  for (const words of [['run', 'good', '--id', 'k-1', '-i', 'name=b'], ['run', 'good', '--id', 'k-1', '-i', 'name=b', '--detach'], ['run', 'saga', '--id', 'k-1'], ['cancel', first.stdout.trim()]]) {
    const { code, stdout, stderr } = await mag(words, { cwd: dir })
    assert.deepEqual([code, stdout], [10, ''], stderr)
    assert.match(stderr, new RegExp(`${first.stdout.trim()}[\\s\\S]*hint {2}mag status ${first.stdout.trim()}`))
  }
  assert.equal((await runsIn(dir)).length, 1)
})

exits(70, 'a fault in mag: here its store driver answers with something that nobody foresaw', async (t) => {
  const dir = project(t, { ...files, 'fault.mjs': "import { DatabaseSync } from 'node:sqlite'\nDatabaseSync.prototype.prepare = () => { throw new TypeError('planted') }\n" })
  const { code, stdout, stderr } = await mag(['run', 'good'], { cwd: dir, env: { NODE_OPTIONS: `--import=${join(dir, 'fault.mjs')}` } })
  assert.deepEqual([code, stdout], [70, ''])
  assert.match(stderr, /^error MAG0070: a fault in mag itself: planted\n {4}at [\s\S]*\n {2}hint {2}please report it/)
  const json = await mag(['list', '--json'], { cwd: dir, env: { NODE_OPTIONS: `--import=${join(dir, 'fault.mjs')}` } })
  assert.deepEqual([json.code, document(json).error?.code], [70, 'MAG0070'])
})

exits(124, '--timeout passed, whatever the step does; the run is kept', async (t) => {
  for (const env of [{ HOLD: 'b' }, { HOLD: 'b', DEAF: '1' }] as Array<Record<string, string>>) {
    const dir = project(t, files)
    const began = performance.now()
    const json = await mag(['run', 'five', '--timeout', '1s', '-o', 'json'], { cwd: dir, env })
    assert.equal(json.code, 124, json.stderr)
    assert.ok(performance.now() - began < 8_000, 'it does not wait for the step')
    assert.match(json.stderr, /--timeout passed: the run is kept\. {2}Resume: mag resume TX-/)
    assert.deepEqual([document(json).state, document(json).exitCode], ['waiting', null])
    assert.equal((await mag(['resume', '@last'], { cwd: dir })).code, 0)
  }
})

for (const [code, signal] of [[130, 'SIGINT'], [143, 'SIGTERM']] as const) {
  exits(code, `${signal}: stopped, and kept`, async (t) => {
    const dir = project(t, files)
    const run = start(['run', 'five', '-o', 'json'], { cwd: dir, env: { HOLD: 'b' } })
    await run.saw('holding b')
    run.child.kill(signal)
    await run.saw('stopping')
    letGo(dir)
    const stopped = await run.done
    assert.equal(stopped.code, code, stopped.stderr)
    assert.match(stopped.stderr, /Nothing is lost\. {2}Resume: mag resume TX-/)
    assert.equal(document(stopped).transactionId, runIdIn(stopped.stderr))
    assert.equal((await mag(['resume', runIdIn(stopped.stderr)], { cwd: dir })).code, 0)
  })

  exits(code, `${signal} twice: at once, with the step in flight`, async (t) => {
    const dir = project(t, files)
    const run = start(['run', 'five'], { cwd: dir, env: { HOLD: 'b', DEAF: '1' } })
    await run.saw('holding b')
    run.child.kill(signal)
    await run.saw('stopping')
    run.child.kill(signal)
    assert.equal((await run.done).code, code)
    assert.match((await mag(['status'], { cwd: dir })).stdout, /owner +gone/)
    assert.equal((await mag(['resume', '@last'], { cwd: dir })).code, 0)
  })
}

test('mag help exit-codes lists each of them', async (t) => {
  const { stdout } = await mag(['help', 'exit-codes'], { cwd: project(t, {}) })
  assert.deepEqual([...stdout.matchAll(/^ {2}(\d+) /gm)].map(([, code]) => Number(code)), [...tested].sort((a, b) => a - b))
  assert.equal(stdout, readFileSync(new URL('../view/golden/exit-codes.txt', import.meta.url), 'utf8'))
})
