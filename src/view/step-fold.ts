/** Folds a step's own events; see run-view.ts. */
import type { RunEvent } from '../model/event.ts'
import { elementSettled, iterate } from './steps.ts'
import type { RunView, StepView, StepViewState, UndoView } from './views.ts'

const SETTLED: ReadonlySet<StepViewState> = new Set(['completed', 'failed', 'skipped', 'cancelled', 'compensated', 'compensation_failed'])

export function isSettled(state: StepViewState): boolean {
  return SETTLED.has(state)
}

type PathEvent = Extract<RunEvent, { path?: string }>

export function foldStep(view: RunView, step: StepView, event: PathEvent): void {
  switch (event.type) {
    case 'step.opened':
      step.startedAt ??= event.at
      step.state = 'running'
      if (event.items) step.each = { total: event.items.length, done: 0, failed: 0, shown: new Map() }
      if (event.branch !== undefined) notTaken(step, event.branch)
      return
    case 'step.iterated':
      return iterate(view, step, event.index)
    case 'step.gated':
      step.startedAt ??= event.at
      step.gate = gateText(event)
      return toWork(view, step, 'queued')
    case 'step.waiting':
      step.startedAt ??= event.at
      if (event.signal !== undefined) step.signal = event.signal
      if (event.approve !== undefined) step.approve = event.approve
      return toWait(view, step, 'waiting', event.dueAt)
    case 'step.child':
      step.startedAt ??= event.at
      step.attempts++
      step.child = { run: event.run, workflow: event.workflow }
      forget(step, ['gate', 'dueAt'])
      return toWork(view, step, 'running')
    case 'step.scheduled':
      step.startedAt ??= event.at
      step.attempts = event.attempt
      forget(step, ['dueAt', 'progress', 'process', 'gate'])
      return toWork(view, step, 'queued')
    case 'step.started':
      if (step.attempts <= 1 && !step.error) step.startedAt = event.at
      if (event.process !== undefined) step.process = event.process
      return toWork(view, step, 'running')
    case 'step.progress':
      step.progress = { ...(event.fraction === undefined ? {} : { fraction: event.fraction }), ...(event.text === undefined ? {} : { text: event.text }) }
      return
    case 'step.sleeping':
      step.startedAt ??= event.at
      return toWait(view, step, 'sleeping', event.dueAt)
    case 'step.retrying':
      step.error = event.error
      view.counts.retries++
      return toWait(view, step, 'retrying', event.dueAt)
    case 'step.lost':
    case 'step.released':
      forget(step, ['process', 'progress'])
      view.tasks.delete(step)
      view.active.add(step)
      step.state = 'queued'
      if (event.type === 'step.lost') step.reason = event.reason
      return
    case 'step.in_doubt':
      return toWait(view, step, 'in_doubt')
    case 'step.aborting':
      step.aborting = true
      return
    case 'step.completed':
    case 'step.failed':
    case 'step.cancelled':
    case 'step.skipped':
      return settle(view, step, event)
    default:
      return foldUndo(view, step, event)
  }
}

function settle(view: RunView, step: StepView, event: Extract<PathEvent, { type: 'step.completed' | 'step.failed' | 'step.cancelled' | 'step.skipped' }>): void {
  if (step.section === 'steps' && !step.dynamic) view.counts.done += unsettledLeaves(step)
  view.tasks.delete(step)
  view.active.delete(step)
  forget(step, ['dueAt', 'progress', 'process', 'aborting', 'reason', 'gate'])
  step.finishedAt = event.at
  if ('startedAt' in event && event.startedAt !== undefined && step.attempts <= 1) step.startedAt = event.startedAt
  switch (event.type) {
    case 'step.completed':
      step.state = 'completed'
      step.startedAt ??= event.at
      step.output = event.output
      if (event.cached) step.cached = true
      delete step.error
      break
    case 'step.failed':
      step.state = 'failed'
      step.startedAt ??= event.at
      step.error = event.error
      if (event.continued) step.continued = true
      break
    case 'step.cancelled':
      step.state = 'cancelled'
      if (event.reason !== undefined) step.reason = event.reason
      break
    case 'step.skipped':
      step.state = 'skipped'
      step.reason = event.reason
      step.skip = event.code
  }
  if (step.elementOf) elementSettled(view, step)
}

/** A container takes with it what never began inside. */
function unsettledLeaves(step: StepView): number {
  if (step.branches.length === 0 || step.iteration !== undefined) return isSettled(step.state) ? 0 : 1
  return step.branches.reduce((sum, { steps }) => sum + steps.reduce((inner, one) => inner + unsettledLeaves(one), 0), 0)
}

/** Cases that a switch did not take. */
function notTaken(step: StepView, branch: number): void {
  for (const [i, { steps }] of step.branches.entries()) {
    if (i === branch) continue
    for (const inner of steps) Object.assign(inner, { state: 'skipped', skip: 'if', reason: 'another case was taken' } satisfies Partial<StepView>)
  }
}

function gateText({ slot, cache, circuit }: Extract<RunEvent, { type: 'step.gated' }>): string {
  if (slot) return `waits for a place: at most ${slot.limit} with the key ${JSON.stringify(slot.key)}`
  return circuit === undefined ? `looks for a result of ${cache ?? ''}` : `asks whether ${circuit} may be called`
}

function toWork(view: RunView, step: StepView, state: 'queued' | 'running'): void {
  step.state = state
  view.active.add(step)
  view.tasks.add(step)
}

function toWait(view: RunView, step: StepView, state: 'sleeping' | 'retrying' | 'in_doubt' | 'waiting', dueAt?: number): void {
  step.state = state
  if (dueAt !== undefined) step.dueAt = dueAt
  forget(step, ['process', 'progress'])
  view.tasks.delete(step)
  view.active.add(step)
}

function forget(step: StepView, fields: Array<'dueAt' | 'progress' | 'process' | 'aborting' | 'reason' | 'gate'>): void {
  for (const field of fields) delete step[field]
}

function foldUndo(view: RunView, step: StepView, event: PathEvent): void {
  const undo: UndoView = step.undo ?? { state: 'queued', worker: step.undoWorker ?? '', outcome: 'completed', attempts: 0, startedAt: event.at }
  switch (event.type) {
    case 'compensation.scheduled':
      step.undo = { ...undo, state: 'queued', worker: event.worker, outcome: event.outcome, attempts: event.attempt }
      delete step.undo.dueAt
      return undoing(view, step, true)
    case 'compensation.started':
      step.undo = { ...undo, state: 'running' }
      return undoing(view, step, true)
    case 'compensation.retrying':
      step.undo = { ...undo, state: 'retrying', dueAt: event.dueAt, error: event.error }
      view.counts.retries++
      return undoing(view, step, false)
    case 'compensation.lost':
    case 'compensation.released':
      step.undo = { ...undo, state: 'queued' }
      return undoing(view, step, false)
    case 'compensation.completed':
    case 'compensation.failed':
      step.undo = { ...undo, state: event.type === 'compensation.failed' ? 'failed' : 'completed', finishedAt: event.at }
      delete step.undo.dueAt
      delete step.undo.error
      if (event.type === 'compensation.failed') step.undo.error = event.error
      step.state = event.type === 'compensation.failed' ? 'compensation_failed' : 'compensated'
      view.tasks.delete(step)
      view.active.delete(step)
      return
    default:
  }
}

function undoing(view: RunView, step: StepView, atWork: boolean): void {
  step.state = 'compensating'
  view.active.add(step)
  if (atWork) view.tasks.add(step)
  else view.tasks.delete(step)
}
