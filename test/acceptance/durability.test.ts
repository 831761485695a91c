/** D1-D10, D12, D18, D19: nothing acknowledged is lost, nothing is done twice. Real processes, killed and stopped. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { effects, five, keys, letGo } from './five.ts'
import { mag, project, runJson, start, states, statusOf } from './mag.ts'

test('D1: kill -9 during step 3 of 5; status says so, resume continues there, 1 and 2 do not run again', async (t) => {
  const dir = project(t, five)
  const run = start(['run', 'five'], { cwd: dir, env: { HOLD: 'c' } })
  await run.saw('holding c')
  run.child.kill('SIGKILL')
  await run.done
  const text = await mag(['status', '@last'], { cwd: dir })
  assert.equal(text.code, 0)
  assert.match(text.stdout + text.stderr, /gone/)
  assert.match(text.stdout + text.stderr, /mag resume TX-/)
  const resumed = await mag(['resume', '@last', '-o', 'json'], { cwd: dir })
  assert.equal(resumed.code, 0, resumed.stderr)
  assert.deepEqual(effects(dir), ['a', 'b', 'c', 'c', 'd', 'e'])
  const doc = await statusOf(dir)
  assert.equal(doc.state, 'completed')
  assert.deepEqual(Object.values(states(doc)), ['completed', 'completed', 'completed', 'completed', 'completed'])
  assert.equal(doc.steps[2]?.attempts, 2)
})

test('the idempotency key is the same for every attempt of a step, and differs between steps', async (t) => {
  const dir = project(t, five)
  const run = start(['run', 'five'], { cwd: dir, env: { HOLD: 'b' } })
  await run.saw('holding b')
  run.child.kill('SIGKILL')
  await run.done
  assert.equal((await mag(['resume', '@last'], { cwd: dir })).code, 0)
  const used = keys(dir)
  assert.equal(used[1], used[2])
  assert.equal(new Set(used).size, 5)
})

test('status from a second process while a run writes', async (t) => {
  const dir = project(t, five)
  const run = start(['run', 'five'], { cwd: dir, env: { HOLD: 'c' } })
  await run.saw('holding c')
  const doc = await statusOf(dir)
  assert.equal(doc.state, 'running')
  assert.equal(doc.currentStep, 'c')
  assert.equal(doc.steps[0]?.state, 'completed')
  assert.equal((await mag(['run', 'five'], { cwd: dir })).code, 0, 'another run beside it')
  letGo(dir)
  assert.equal((await run.done).code, 0)
})

test('D9: cancel during a step from another process: cancelled, undone, exit 4', async (t) => {
  const dir = project(t, five)
  const run = start(['run', 'five'], { cwd: dir, env: { HOLD: 'c' } })
  await run.saw('holding c')
  const cancelled = await mag(['cancel', '@last'], { cwd: dir })
  assert.equal(cancelled.code, 0, cancelled.stderr)
  assert.equal((await run.done).code, 4)
  const doc = await statusOf(dir)
  assert.equal(doc.state, 'cancelled')
  assert.deepEqual(effects(dir), ['a', 'b', 'c', 'undo c', 'undo b', 'undo a'])
})

test('D9: a step that completes after the cancel is undone with the others; its result stands in no output', async (t) => {
  const dir = project(t, five)
  const run = start(['run', 'five'], { cwd: dir, env: { HOLD: 'c', DEAF: '1' } })
  await run.saw('holding c')
  const asked = await mag(['cancel', '@last', '--reason', 'wrong address', '--no-wait'], { cwd: dir })
  assert.deepEqual([asked.code, asked.stdout], [0, ''], asked.stderr)
  await run.saw('cancel requested')
  letGo(dir)
  const { code, stdout, stderr } = await run.done
  assert.deepEqual([code, stdout], [4, ''])
  assert.match(stderr, /cancelled by cli: wrong address/)
  assert.deepEqual(effects(dir), ['a', 'b', 'c', 'undo c', 'undo b', 'undo a'])
  assert.equal((await statusOf(dir)).output, null)
})

test('D5: three steps of one worker: three executions, each with its own result', async (t) => {
  const dir = project(t, {
    'workers/w.ts': "import { worker } from 'multiagents'\nlet calls = 0\nexport default worker('count', (input, task) => ({ call: ++calls, step: task.run.step, of: input.of }))\n",
    'workflows/w.yaml': 'steps:\n  - { id: x, worker: count, with: { of: 1 } }\n  - { id: y, worker: count, with: { of: "${{ steps.x.output.of + 1 }}" } }\n  - { id: z, worker: count, with: { of: "${{ steps.y.output.of + 1 }}" } }\n',
  })
  const { code, doc } = await runJson(['w'], { cwd: dir })
  assert.equal(code, 0)
  assert.deepEqual({ ...doc.stepResults }, { x: { call: 1, step: 'x', of: 1 }, y: { call: 2, step: 'y', of: 2 }, z: { call: 3, step: 'z', of: 3 } })
})

const BRANCHES = `
inputs: { paid: { type: boolean }, gift: { type: boolean, default: false } }
steps:
  - { id: check, worker: say, with: { text: checked } }
  - { id: send, if: inputs.paid, worker: say, with: { text: sent } }
  - { id: remind, if: "!inputs.paid", worker: say, with: { text: reminded }, needs: check }
  - { id: close, worker: say, with: { text: closed }, needs: [send, remind] }
  - { id: wrap, if: inputs.gift, worker: say, with: { text: wrapped } }
  - { id: end, worker: say, with: { text: ended } }
`
const SAY = "import { worker } from 'multiagents'\nimport { appendFileSync } from 'node:fs'\nexport default worker('say', ({ text }: { text: string }) => { appendFileSync('said', text + ' '); return { text } })\n"
for (const [paid, branch, other] of [[true, 'send', 'remind'], [false, 'remind', 'send']] as const) {
  test(`D6: payment ${paid}: exactly one branch runs, and the join after it`, async (t) => {
    const dir = project(t, { 'workflows/b.yaml': BRANCHES, 'workers/say.ts': SAY })
    const { code, doc } = await runJson(['b', '-i', `paid=${paid}`], { cwd: dir })
    assert.equal(code, 0)
    assert.equal(readFileSync(join(dir, 'said'), 'utf8'), `checked ${branch === 'send' ? 'sent' : 'reminded'} closed ended `)
    assert.deepEqual([states(doc)[branch], states(doc)[other], states(doc).close], ['completed', 'skipped', 'completed'])
    assert.equal(doc.steps.find(({ id }) => id === other)?.attempts, 0)
  })
}

test('D7: a step whose condition is false is marked skipped, with the reason; those after it run', async (t) => {
  const dir = project(t, { 'workflows/b.yaml': BRANCHES, 'workers/say.ts': SAY })
  for (const [gift, state] of [[false, 'skipped'], [true, 'completed']] as const) {
    const { code, doc } = await runJson(['b', '-i', 'paid=true', '-i', `gift=${gift}`], { cwd: dir })
    assert.deepEqual([code, states(doc).wrap, states(doc).end], [0, state, 'completed'])
    if (!gift) assert.match(doc.steps.find(({ id }) => id === 'wrap')?.reason ?? '', /inputs\.gift/)
  }
})

test('D8: two steps of 1 s side by side take no 2 s, and the join sees both results', async (t) => {
  const dir = project(t, {
    'workers/w.ts': `import { setTimeout as pause } from 'node:timers/promises'
import { worker } from 'multiagents'
let here = 0
let meet = () => {}
const both = new Promise<void>((resolve) => { meet = resolve })
/** Goes on once the other one has begun, too. */
export const slow = worker('slow', async ({ n }: { n: number }) => { if (++here === 2) meet(); await both; await pause(1_000); return { ['got' + n]: n } })
export const add = worker('add', ({ got1, got2 }: { got1: number; got2: number }) => ({ sum: got1 + got2 }))
`,
    'workflows/w.yaml': 'steps:\n  - { id: l, worker: slow, with: { n: 20 }, needs: [] }\n  - { id: r, worker: slow, with: { n: 22 }, needs: [] }\n  - { id: join, worker: add, needs: [l, r], with: { got1: "${{ steps.l.output.got20 }}", got2: "${{ steps.r.output.got22 }}" } }\n',
  })
  const { code, doc } = await runJson(['w'], { cwd: dir })
  assert.deepEqual([code, doc.stepResults.join], [0, { sum: 42 }])
  const [l, r] = doc.steps
  const times = [l, r].flatMap((step) => [Date.parse(step?.startedAt ?? ''), Date.parse(step?.finishedAt ?? '')])
  const took = Math.max(...times) - Math.min(...times)
  assert.ok(took >= 990 && took < 1_900, `${took} ms`)
})

test('E18: kill -9 in the middle of the undoing: the interrupted undo runs again, the others once, and the end is the same', async (t) => {
  const dir = project(t, five)
  const run = start(['run', 'five'], { cwd: dir, env: { FAIL: 'd', HOLD: 'undo b' } })
  await run.saw('holding undo b')
  run.child.kill('SIGKILL')
  await run.done
  assert.equal((await statusOf(dir)).state, 'compensating')
  const resumed = await mag(['resume', '@last'], { cwd: dir })
  assert.equal(resumed.code, 8, resumed.stderr)
  assert.deepEqual(effects(dir), ['a', 'b', 'c', 'd', 'undo c', 'undo b', 'undo b', 'undo a'])
  const doc = await statusOf(dir)
  assert.deepEqual([doc.state, doc.error?.message, states(doc)], ['compensated', 'as told', { a: 'compensated', b: 'compensated', c: 'compensated', d: 'failed', e: 'skipped' }])
})

test('D10: cancel of a completed run is refused with 10, and undoes nothing', async (t) => {
  const dir = project(t, five)
  const { doc } = await runJson(['five'], { cwd: dir })
  const refused = await mag(['cancel', doc.transactionId], { cwd: dir })
  assert.equal(refused.code, 10)
  assert.match(refused.stderr, /completed/)
  assert.equal((await statusOf(dir)).state, 'completed')
  assert.ok(!effects(dir).some((line) => line.startsWith('undo')))
})

test('cancel of a run whose process is gone ends it here', async (t) => {
  const dir = project(t, five)
  const run = start(['run', 'five'], { cwd: dir, env: { HOLD: 'c' } })
  await run.saw('holding c')
  run.child.kill('SIGKILL')
  await run.done
  assert.equal((await mag(['cancel', '@last'], { cwd: dir })).code, 0)
  assert.equal((await statusOf(dir)).state, 'cancelled')
  assert.deepEqual(effects(dir), ['a', 'b', 'c', 'undo c', 'undo b', 'undo a'])
})

test('D18: the same key twice is one run; another input is a conflict', async (t) => {
  const dir = project(t, five)
  const first = await runJson(['five', '--id', 'order-1', '--input', '{"n":1}'], { cwd: dir })
  const second = await runJson(['five', '--id', 'order-1', '--input', '{"n":1}'], { cwd: dir })
  assert.equal(second.code, 0)
  assert.equal(second.doc.transactionId, first.doc.transactionId)
  assert.equal(effects(dir).length, 5)
  const other = await mag(['run', 'five', '--id', 'order-1', '--input', '{"n":2}'], { cwd: dir })
  assert.equal(other.code, 10, other.stderr)
  assert.match(other.stderr, /order-1/)
})

test('D18: six starts with one key at the same moment are one run, driven once; each gets its result', async (t) => {
  const dir = project(t, five)
  const starts = await Promise.all(Array.from({ length: 6 }, () => runJson(['five', '--id', 'once'], { cwd: dir })))
  assert.deepEqual(starts.map(({ code, doc }) => [code, doc.state]), Array(6).fill([0, 'completed']))
  assert.equal(new Set(starts.map(({ doc }) => doc.transactionId)).size, 1)
  assert.deepEqual(effects(dir), ['a', 'b', 'c', 'd', 'e'])
})

test('a start with the key of a run whose process died takes it over and finishes it', async (t) => {
  const dir = project(t, five)
  const run = start(['run', 'five', '--id', 'k'], { cwd: dir, env: { HOLD: 'c' } })
  await run.saw('holding c')
  run.child.kill('SIGKILL')
  await run.done
  const again = await runJson(['five', '--id', 'k'], { cwd: dir })
  assert.equal(again.code, 0)
  assert.deepEqual(effects(dir), ['a', 'b', 'c', 'c', 'd', 'e'])
})

for (const [signal, code] of [['SIGINT', 130], ['SIGTERM', 143]] as const) {
  test(`D19: ${signal} during a step: it may finish, the rest is handed back (exit ${code}) and goes on after resume`, async (t) => {
    const dir = project(t, five)
    const run = start(['run', 'five'], { cwd: dir, env: { HOLD: 'c' } })
    await run.saw('holding c')
    run.child.kill(signal)
    await run.saw('stopping: 1 step may finish within 10s')
    letGo(dir)
    const stopped = await run.done
    assert.equal(stopped.code, code, stopped.stderr)
    assert.match(stopped.stderr, /stopped\. Nothing is lost\. {2}Resume: mag resume TX-/)
    assert.deepEqual(effects(dir), ['a', 'b', 'c'])
    const resumed = await mag(['resume', '@last'], { cwd: dir })
    assert.equal(resumed.code, 0, resumed.stderr)
    assert.equal((await statusOf(dir)).state, 'completed')
    assert.deepEqual(effects(dir), ['a', 'b', 'c', 'd', 'e'])
  })
}

test('two runs at once in two processes share the store', async (t) => {
  const dir = project(t, five)
  const results = await Promise.all(Array.from({ length: 4 }, () => runJson(['five'], { cwd: dir })))
  assert.deepEqual(results.map(({ code }) => code), [0, 0, 0, 0])
  assert.equal(new Set(results.map(({ doc }) => doc.transactionId)).size, 4)
  assert.equal(effects(dir).length, 20)
  assert.ok(existsSync(join(dir, '.mag/mag.db')))
})
