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
import { find } from '../../src/engine/frame.ts'
import type { StepState, UndoState } from '../../src/engine/run.ts'
import { lookup } from '../../src/engine/dict.ts'
import { toArray } from '../../src/engine/vector.ts'

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
    assert.ok(run.tasks > 0 || wakeAt !== null || isHandedBack(seen) || isAsked(seen), `8: stuck in ${run.phase}: no task and no timer`)
  }
}

/** A stopping owner handed an attempt back: it starts again with the next owner. */
function isHandedBack({ run }: Observed): boolean {
  return toArray(run.steps).some(({ status, token, gate, undo }) => (status === 'queued' && token === 0 && gate === 0) || (undo?.status === 'queued' && undo.token === 0))
}

/** Something outside will be heard of: a person, a signal, a child, an answer of the store. */
function isAsked({ run }: Observed): boolean {
  if (run.paused || run.gate !== 0 || run.childCount > 0) return true
  return toArray(run.steps).some(({ status, gate, child }) => status === 'waiting' || status === 'in_doubt' || gate !== 0 || (run.phase === 'aborting' && child && !child.undo))
}

function stateAt({ compiled, run }: Observed, path: string): StepState | undefined {
  const step = find(compiled, run, path)
  return step && toArray(run.steps)[step.no]
}

function undoAt(seen: Observed, path: string): UndoState | undefined {
  return lookup(seen.run.childUndos, path)?.undo ?? stateAt(seen, path)?.undo
}

export function checkFold({ compiled, run, history, wakeAt }: Observed): void {
  const folded = recover(compiled, run.id, history)
  // The heap's shape is free; what counts of it is the next valid time.
  assert.equal(shown(folded.run), shown(run), '2: fold = live state')
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
    if (event.type === 'run.finished' && i < history.length - 1) assert.equal(history[i + 1]?.type, 'run.retried', '1: nothing after the end')
    if (event.type === 'run.retried') for (const path of event.reopened) completed.delete(path)
    if (event.type === 'run.retried') for (const path of event.paths) for (const done of completed) if (done === path || done.startsWith(`${path}/`) || done.startsWith(`${path}[`)) completed.delete(done)
  })
}

function checkSteps({ run, history }: Observed): void {
  const losses = new Map<string, number>()
  const last = history.findLastIndex((event) => event.type === 'run.retried')
  for (const event of history.slice(last + 1)) {
    if (event.type === 'step.lost' || event.type === 'step.released' || event.type === 'step.in_doubt') losses.set(event.path, (losses.get(event.path) ?? 0) + 1)
  }
  for (const state of toArray(run.steps)) {
    const { step } = state
    const limit = (step.step.retry ?? RETRY_DEFAULTS).attempts
    assert.ok(state.attempt <= limit + (losses.get(step.path) ?? 0), `13: ${step.path} has ${state.attempt} tries`)
    if (run.phase === 'done') assert.equal(state.token, 0, `10: ${step.path} still has a task`)
    assert.ok(state.unmet >= 0 && state.open >= 0 && state.live >= 0, 'counts never fall below zero')
  }
}

function checkUndo(seen: Observed): void {
  const { run, history } = seen
  const last = history.findLastIndex((event) => event.type === 'run.retried')
  const generation = history.slice(last + 1)
  const order = generation.flatMap((event) => (event.type === 'run.compensating' ? event.paths : []))
  const settled = order.map((path) => lookup(run.childUndos, path)?.item.at ?? stateAt(seen, path)?.settledAt ?? Number.NaN)
  assert.deepEqual(settled, [...settled].sort((a, b) => b - a), '16: reverse order of settling')
  const undone = new Set(generation.flatMap((event) => (event.type === 'compensation.completed' ? [event.path] : [])))
  const scheduled = generation.flatMap((event) => (event.type === 'compensation.scheduled' && event.attempt === 1 ? [event.path] : []))
  assert.deepEqual(scheduled, order, '16: each once, in that order')
  for (const path of order) {
    assert.ok(undoAt(seen, path), `16: ${path} has an undo`)
    if (!lookup(run.childUndos, path)) assert.ok((stateAt(seen, path)?.attempt ?? 0) > 0, '16: only what started')
  }
  if (run.final !== 'compensated') return
  for (const { step, status, cached } of toArray(run.steps)) {
    if (step.section !== 'steps' || !step.step.compensate || step.step.foreach || cached) continue
    if (status === 'completed') assert.ok(undone.has(step.path), `17: ${step.path} was not undone`)
  }
}

/** What of a run could be changed by mistake; templates are shared and never change. */
export function shown(run: Run): string {
  return JSON.stringify({ ...run, timers: null, steps: toArray(run.steps).map(({ step, ...state }) => ({ path: step.path, ...state })) })
}

