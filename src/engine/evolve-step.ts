/** Folds the events of steps; see evolve.ts. */
import type { EventOf, RunEvent } from '../model/event.ts'
import type { Compiled } from './compile.ts'
import { isContainer, type CompiledStep } from './layout.ts'
import { afterOf, carryOf, contextOf } from './contexts.ts'
import { insert, lookup } from './dict.ts'
import { at, openFrame } from './frame.ts'
import { change, LIVE, type Draft, type EachState, type StepState } from './run.ts'
import { addTimer, type TimerKind } from './timers.ts'
import { get, push, set, vectorOf } from './vector.ts'

type StepEvent = Extract<RunEvent, { type: `step.${string}` }>
type Settling = EventOf<'step.completed' | 'step.failed' | 'step.cancelled' | 'step.skipped'>

export function evolveStep(compiled: Compiled, draft: Draft, event: StepEvent): void {
  const step = at(compiled, draft, event.path)
  const state = get(draft.steps, step.no)
  switch (event.type) {
    case 'step.completed':
    case 'step.failed':
    case 'step.cancelled':
    case 'step.skipped':
      return settle(compiled, draft, step, event)
    case 'step.started':
      return update(draft, step, { status: 'running' })
    case 'step.aborting':
      return change(draft, step.no, { aborting: true })
    case 'step.ending':
      return change(draft, step.no, { ending: event.error })
    case 'step.progress':
      return
    case 'step.iterated':
      change(draft, step.no, { carry: carryOf(draft, state) })
      openFrame(draft, step.no, event.index)
      return
    case 'step.child_undo':
      if (state.child) change(draft, step.no, { child: { ...state.child, undo: event.items } })
      for (const item of event.items) draft.childUndos = insert(draft.childUndos, `${event.path}/${item.path}`, { item, undo: undefined })
      return
    case 'step.opened':
    case 'step.gated':
    case 'step.scheduled':
    case 'step.sleeping':
    case 'step.waiting':
    case 'step.child':
      return evolveBegin(draft, step, { ...begun(compiled, draft, state, event.at) }, event)
    default:
      return evolveAttempt(draft, step, state, event)
  }
}

interface Begun {
  context: StepState['context']
  deadlineAt: number
}

/** What is noted when a step begins: what it sees, and until when it must be done. */
function begun(compiled: Compiled, draft: Draft, state: StepState, now: number): Begun {
  const { step } = state
  const context = state.context ?? contextOf(compiled, draft, step)
  const { deadlineMs } = step.step
  if (deadlineMs === undefined || state.deadlineAt !== 0) return { context, deadlineAt: state.deadlineAt }
  timer(draft, 'deadline', now + deadlineMs, step.no)
  return { context, deadlineAt: now + deadlineMs }
}

type Beginning = EventOf<'step.opened' | 'step.gated' | 'step.scheduled' | 'step.sleeping' | 'step.waiting' | 'step.child'>

function evolveBegin(draft: Draft, step: CompiledStep, base: Begun, event: Beginning): void {
  const state = get(draft.steps, step.no)
  switch (event.type) {
    case 'step.opened':
      return update(draft, step, { ...base, status: 'running', ...opened(step, event) })
    case 'step.gated':
      return update(draft, step, { ...base, status: 'queued', gate: event.token, slot: event.slot?.key ?? state.slot, cacheKey: event.cache ?? state.cacheKey })
    case 'step.scheduled':
      return update(draft, step, {
        ...base, status: 'queued', attempt: event.attempt, token: event.token, input: event.input ?? state.input, secrets: event.secrets ?? state.secrets,
        gate: 0, passed: false,
      })
    case 'step.sleeping':
      timer(draft, 'sleep', event.dueAt, step.no)
      return update(draft, step, { ...base, status: 'sleeping', dueAt: event.dueAt })
    case 'step.child':
      return update(draft, step, {
        ...base, status: 'running', attempt: state.attempt + 1, child: { run: event.run, token: event.token, undo: undefined }, input: event.input, gate: 0, passed: false,
      })
    case 'step.waiting':
      if (event.dueAt !== undefined) timer(draft, 'timeout', event.dueAt, step.no)
      if (event.signal !== undefined) addWait(draft, event.signal, step.no)
      return update(draft, step, { ...base, status: 'waiting', dueAt: event.dueAt ?? 0, wait: event.signal })
  }
}

function opened(step: CompiledStep, event: EventOf<'step.opened'>): Partial<StepState> {
  if (event.items) return { each: { items: event.items, outputs: vectorOf([]), failed: 0, error: undefined } }
  if (step.body) return {}
  const branch = event.branch ?? -1
  const lists = event.branch === undefined ? step.branches : step.branches.slice(branch, branch < 0 ? 0 : branch + 1)
  return { branch, open: lists.reduce((sum, list) => sum + list.steps.length, 0) }
}

function addWait(draft: Draft, name: string, no: number): void {
  const there = lookup(draft.waits, name) ?? { steps: vectorOf<number>([]), head: 0 }
  draft.waits = insert(draft.waits, name, { steps: push(there.steps, no), head: there.head })
}

/** So that a signal finds its step at once, however many have waited before. */
function skipSettledWaits(draft: Draft, name: string): void {
  const waits = lookup(draft.waits, name)
  if (!waits) return
  let { head } = waits
  while (head < waits.steps.length && get(draft.steps, get(waits.steps, head)).status !== 'waiting') head++
  if (head !== waits.head) draft.waits = insert(draft.waits, name, { steps: waits.steps, head })
}

function evolveAttempt(draft: Draft, step: CompiledStep, state: StepState, event: StepEvent): void {
  switch (event.type) {
    case 'step.retrying':
      timer(draft, 'retry', event.dueAt, step.no)
      return update(draft, step, {
        status: 'retrying', token: 0, gate: 0, child: undefined, dueAt: event.dueAt, failures: state.failures + 1, error: event.error,
        unknown: state.unknown || event.unknown === true,
      })
    case 'step.lost':
      return update(draft, step, {
        status: 'queued', token: 0, unknown: true, losses: state.losses + 1, crashes: state.crashes + (state.status === 'running' ? 1 : 0),
      })
    case 'step.released':
      return update(draft, step, { status: 'queued', token: 0, unknown: true })
    case 'step.in_doubt':
      return update(draft, step, { status: 'in_doubt', token: 0, unknown: true })
    default:
  }
}

function settle(compiled: Compiled, draft: Draft, step: CompiledStep, event: Settling): void {
  const state = get(draft.steps, step.no)
  const context = state.context ?? contextOf(compiled, draft, step)
  const unknown = state.unknown || ('unknown' in event && event.unknown === true)
  const base = { token: 0, gate: 0, passed: false, settledSeq: event.seq, settledAt: event.at, context, after: context, aborting: false, unknown }
  switch (event.type) {
    case 'step.completed':
      if (event.signal !== undefined) draft.signals = draft.signals.filter((kept) => kept.id !== event.signal)
      update(draft, step, { ...base, status: 'completed', output: event.output, cached: event.cached === true, after: afterOf(draft, state, context, event.output) })
      break
    case 'step.failed':
      update(draft, step, { ...base, status: 'failed', error: event.error, continued: event.continued === true })
      break
    case 'step.cancelled':
      update(draft, step, { ...base, status: 'cancelled' })
      break
    case 'step.skipped':
      update(draft, step, { ...base, status: 'skipped', skip: event.code })
  }
  if (state.wait !== undefined) skipSettledWaits(draft, state.wait)
  for (const no of step.dependents) {
    // One that was kept by a retry has begun long ago.
    const { unmet } = get(draft.steps, no)
    if (unmet > 0) change(draft, no, { unmet: unmet - 1 })
  }
  if (step.parent < 0) draft.open--
  else settleInside(draft, step, event)
}

function settleInside(draft: Draft, step: CompiledStep, event: Settling): void {
  const around = get(draft.steps, step.parent)
  const inside: { open: number; each?: EachState } = { open: around.open - 1 }
  if (around.each && step.element >= 0) inside.each = withElement(around.each, step.element, event)
  change(draft, step.parent, inside)
}

function withElement(each: EachState, index: number, event: Settling): EachState {
  const output = event.type === 'step.completed' ? event.output : null
  let { outputs } = each
  while (outputs.length < index) outputs = push(outputs, null)
  outputs = outputs.length === index ? push(outputs, output) : set(outputs, index, output)
  const failed = event.type === 'step.failed'
  return { items: each.items, outputs, failed: each.failed + (failed ? 1 : 0), error: each.error ?? (failed ? event.error : undefined) }
}

function timer(draft: Draft, kind: TimerKind, due: number, no: number): void {
  draft.timers = addTimer(draft.timers, { at: due, kind, no })
}

/** Changes a step and keeps the counts of what is in flight, here and in every container around it. */
export function update(draft: Draft, step: CompiledStep, by: Partial<StepState>): void {
  const before = get(draft.steps, step.no)
  const was = { task: before.token === 0 ? 0 : 1, gate: before.gate === 0 ? 0 : 1, live: LIVE.has(before.status) ? 1 : 0, child: inFlight(before) }
  change(draft, step.no, by)
  const after = get(draft.steps, step.no)
  draft.tasks += (after.token === 0 ? 0 : 1) - was.task
  draft.gating += (after.gate === 0 ? 0 : 1) - was.gate
  if (isContainer(step)) return
  draft.childCount += inFlight(after) - was.child
  const delta = (LIVE.has(after.status) ? 1 : 0) - was.live
  if (delta === 0) return
  draft.live += delta
  for (let no = step.parent; no >= 0; ) {
    const around = get(draft.steps, no)
    change(draft, no, { live: around.live + delta })
    no = around.step.parent
  }
}

/** A child that has not ended. */
function inFlight({ child, status }: StepState): number {
  return child !== undefined && status === 'running' ? 1 : 0
}
