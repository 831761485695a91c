import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clean } from '../../src/view/clean.ts'
import { eventLine, exitCodeOf, runDocument, withoutHidden } from '../../src/view/document.ts'
import { applyEvent, applyEvents, outputOf, viewOf } from '../../src/view/run-view.ts'
import type { RunEvent } from '../../src/model/event.ts'
import { definition, eventsOf, inOrder, ran, RUN_ID, SCENES, START, step, type Story } from './stories.ts'

test('the run document has the fields that CLI.md names', () => {
  const scene = SCENES.compensated
  assert.ok(scene)
  const document = runDocument(scene.view, { owner: null })
  assert.deepEqual(Object.keys(document).sort(), [
    'createdAt', 'currentStep', 'currentSteps', 'definitionHash', 'error', 'exitCode', 'finishedAt', 'input', 'output', 'owner', 'schema', 'state', 'stepResults',
    'steps', 'transactionId', 'updatedAt', 'warnings', 'workflow',
  ])
  assert.equal(document.schema, 'mag.run/v1')
  assert.equal(document.exitCode, 8)
  assert.equal(document.error?.code, 'CardDeclinedError')
  assert.deepEqual(document.error?.location, { file: 'workers/payment.ts', line: 41, column: 11 })
  const stock = document.steps.find(({ id }) => id === 'stock')
  assert.equal(stock?.state, 'compensated')
  assert.equal(stock?.compensation?.worker, 'release-stock')
  assert.equal(stock?.durationMs, 210)
})

test('without outputs the result is that of every completed top-level step', () => {
  const about = definition('w', inOrder(step('a'), step('b'), step('c')))
  const view = applyEvents(viewOf(about, RUN_ID), eventsOf('w', [
    ...ran('a', 1, 2, { n: 1 }), [3, { type: 'step.skipped', path: 'b', code: 'if', reason: 'if: false' }], ...ran('c', 4, 5, { n: 3 }), [6, { type: 'run.finished', state: 'completed' }],
  ]))
  assert.deepEqual({ ...(outputOf(view) as object) }, { a: { n: 1 }, c: { n: 3 } })
})

test('the last line of a stream has state, output and exit code', () => {
  const about = definition('w', [step('a')])
  const view = viewOf(about, RUN_ID)
  const lines = eventsOf('w', [...ran('a', 1, 20, { n: 1 }), [30, { type: 'run.finished', state: 'completed', output: { total: 2 } }]]).map((event) => eventLine(applyEvent(view, event), event))
  assert.deepEqual(lines.at(-1), {
    seq: 4, at: new Date(START + 30).toISOString(), type: 'run.finished', transactionId: RUN_ID, v: 1, state: 'completed', output: { total: 2 }, exitCode: 0, durationMs: 30,
  })
  assert.deepEqual(lines.map(({ seq }) => seq), [1, 2, 3, 4])
  assert.equal(lines[2]?.startedAt, new Date(START + 1).toISOString())
})

test('events that are not known change nothing, and are shown as they are', () => {
  const about = definition('w', [step('a')])
  const view = applyEvents(viewOf(about, RUN_ID), eventsOf('w', []))
  const strange = { seq: 2, at: START + 5, type: 'step.teleported', path: 'a', where: 'mars' } as unknown as RunEvent
  applyEvent(view, strange)
  assert.equal(view.state, 'running')
  assert.equal(eventLine(view, strange).where, 'mars')
})

test('an event folded twice counts once', () => {
  const about = definition('w', [step('a')])
  const story: Story = [...ran('a', 1, 2)]
  const view = applyEvents(applyEvents(viewOf(about, RUN_ID), eventsOf('w', story)), eventsOf('w', story))
  assert.deepEqual(view.counts, { done: 1, total: 1, retries: 0 })
})

test('every final state has its exit code', () => {
  assert.deepEqual((['completed', 'failed', 'timed_out', 'cancelled', 'compensated', 'compensation_failed', 'running'] as const).map(exitCodeOf), [0, 1, 3, 4, 8, 9, undefined])
})

test('keys with an underscore are hidden from text', () => {
  assert.equal(JSON.stringify(withoutHidden({ a: 1, _b: 2, c: [{ _d: 3, e: 4 }] })), '{"a":1,"c":[{"e":4}]}')
})

test('control characters become visible', () => {
  assert.equal(clean('plain text'), 'plain text')
  assert.equal(clean('\u001b[2J'), '^[[2J')
  assert.equal(clean('\u001b]0;title\u0007'), '^[]0;title^G')
  assert.equal(clean('\u001bPq\u001b\\'), '^[Pq^[\\')
  assert.equal(clean('\u009b31m\u0090x\u009c'), '^[[31m^[Px^[\\')
  assert.equal(clean('a\rb\u007f\u0000'), 'a^Mb^?^@')
  assert.equal(clean('\u202egnp.exe\u2066x'), '<U+202E>gnp.exe<U+2066>x')
  assert.equal(clean('one\ntwo\r\nthree'), 'one two three')
  assert.equal(clean('one\ntwo\r\nthree', { newlines: 'keep' }), 'one\ntwo\nthree')
  assert.equal(clean('a\ud800b'), 'a\ufffdb')
  assert.equal(clean('日本語 ✔ é 😀'), '日本語 ✔ é 😀')
  assert.equal(clean(clean('\u001b[2J')), clean('\u001b[2J'))
})
