/**
 * The engine-level invariants of the catalogue (section 3b), written down before the generator that tries to break them.
 *
 *  1 a final state never changes              2 seq is dense; folding the events gives the live state
 *  3 one committed result per step, with the highest token granted
 *  4 tokens strictly increase                 8 an open run has a task in flight or a time to wake
 *  9 no timer fires before its instant       10 a finished run has nothing in flight
 * 13 counted tries stay within the policy    16 undo only what started, in reverse order of settling
 * 17 an undo missing or failed: not `compensated`          19 the definition and recorded inputs never change
 * 27 once every answer comes, every run ends               28 the same messages give the same events
 */
import assert from 'node:assert/strict'
import { recover, runState, type Compiled, type Run } from '../../src/engine/transition.ts'
import type { RunEvent } from '../../src/model/event.ts'
import { RETRY_DEFAULTS } from '../../src/model/definition.ts'
import { get } from '../../src/engine/vector.ts'

export interface Observed {
  compiled: Compiled
  run: Run
  history: RunEvent[]
  wakeAt: number | null
  now: number
}

export function checkAlways(seen: Observed): void {
  checkHistory(seen)
  checkSteps(seen)
  const { run, wakeAt } = seen
  if (run.phase === 'done') {
    assert.equal(wakeAt, null, '10: a finished run wants no wake')
    assert.equal(run.tasks, 0, '10: a finished run has no task')
    checkUndo(seen)
  } else {
    const handedBack = isHandedBack(seen)
    assert.ok(run.tasks > 0 || wakeAt !== null || handedBack, `8: stuck in ${run.phase}: no task and no timer`)
  }
}

/** A stopping owner handed an attempt back: it starts again with the next owner. */
function isHandedBack({ compiled, run }: Observed): boolean {
  return compiled.steps.some(({ no }) => {
    const { status, token, undo } = get(run.steps, no)
    return (status === 'queued' && token === 0) || (undo?.status === 'queued' && undo.token === 0)
  })
}

export function checkFold({ compiled, run, history, wakeAt }: Observed): void {
  const folded = recover(compiled, run.id, history)
  // The heap's shape is free; what counts of it is the next valid time.
  assert.deepEqual({ ...folded.run, timers: null }, { ...run, timers: null }, '2: fold = live state')
  assert.equal(folded.wakeAt, wakeAt, '2: fold wakes at the same time')
  assert.equal(runState(folded.run), runState(run))
}

function checkHistory({ history }: Observed): void {
  const completed = new Set<string>()
  const granted = new Map<string, number>()
  const due = new Map<string, number>()
  let lastToken = 0
  history.forEach((event, i) => {
    assert.equal(event.seq, i + 1, '2: dense')
    if (event.type === 'step.scheduled' || event.type === 'compensation.scheduled') {
      assert.ok(event.token > lastToken, '4: tokens increase')
      lastToken = event.token
      const key = `${event.type[0]}${event.path}`
      assert.ok(event.at >= (due.get(key) ?? 0), '9: not before its instant')
      granted.set(key, event.token)
    }
    if (event.type === 'step.retrying' || event.type === 'compensation.retrying') due.set(`${event.type[0]}${event.path}`, event.dueAt)
    if (event.type === 'step.completed') {
      assert.ok(!completed.has(event.path), '3: one result')
      completed.add(event.path)
      if (event.token !== undefined) assert.equal(event.token, granted.get(`s${event.path}`), '3: the highest token')
    }
    if (event.type === 'run.finished') assert.equal(i, history.length - 1, '1: nothing after the end')
  })
}

function checkSteps({ compiled, run, history }: Observed): void {
  const losses = new Map<string, number>()
  for (const event of history) {
    if (event.type === 'step.lost' || event.type === 'step.released') losses.set(event.path, (losses.get(event.path) ?? 0) + 1)
  }
  for (const step of compiled.steps) {
    const state = get(run.steps, step.no)
    const limit = (step.step.retry ?? RETRY_DEFAULTS).attempts
    assert.ok(state.attempt <= limit + (losses.get(step.path) ?? 0), `13: ${step.path} has ${state.attempt} tries`)
    if (run.phase === 'done') assert.equal(state.token, 0, `10: ${step.path} still has a task`)
    assert.ok(state.unmet >= 0 && state.open >= 0 && state.live >= 0, 'counts never fall below zero')
  }
}

function checkUndo({ compiled, run, history }: Observed): void {
  const order = history.flatMap((event) => (event.type === 'run.compensating' ? event.paths : []))
  const settled = order.map((path) => get(run.steps, compiled.byPath.get(path)?.no ?? -1).settledSeq)
  assert.deepEqual(settled, [...settled].sort((a, b) => b - a), '16: reverse order of settling')
  const undone = new Set(history.flatMap((event) => (event.type === 'compensation.completed' ? [event.path] : [])))
  const scheduled = history.flatMap((event) => (event.type === 'compensation.scheduled' && event.attempt === 1 ? [event.path] : []))
  assert.deepEqual(scheduled, order, '16: each once, in that order')
  for (const path of order) assert.ok(get(run.steps, compiled.byPath.get(path)?.no ?? -1).attempt > 0, '16: only what started')
  if (run.final !== 'compensated') return
  for (const step of compiled.steps) {
    if (step.section !== 'steps' || !step.step.compensate) continue
    const state = get(run.steps, step.no)
    if (state.status === 'completed') assert.ok(undone.has(step.path), `17: ${step.path} was not undone`)
  }
}
