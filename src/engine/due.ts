/** Timers that are due, oldest first. A timer counts only while its step still stands where it set it. */
import { formatDuration } from '../model/duration.ts'
import { schedule } from './attempts.ts'
import { endContainer, endRun, failStep, graceOver } from './ending.ts'
import { stepAt } from './frame.ts'
import { isContainer } from './layout.ts'
import { SETTLED, sectionOf, type StepState } from './run.ts'
import { dropFirst, firstTimer, type Timer, type Timers } from './timers.ts'
import { emitSettled, stateOf, type Turn } from './turn.ts'
import { scheduleUndo, undoAt } from './undo.ts'
import { get } from './vector.ts'

/** Of a paused run only its own time limit counts: everything else waits until it goes on. */
export function nextTimer(turn: Turn): { timer: Timer | undefined; timers: Timers } {
  const { draft } = turn
  let { timers } = draft
  if (draft.phase === 'done') return { timer: undefined, timers: null }
  if (draft.paused && draft.phase === 'main') return { timer: draft.timeoutAt > 0 ? { at: draft.timeoutAt, kind: 'run_timeout', no: -1 } : undefined, timers }
  for (;;) {
    const timer = firstTimer(timers)
    if (!timer || isValid(turn, timer)) return { timer, timers }
    timers = dropFirst(timers)
  }
}

/** Fires the oldest timer that is due. False: none is. What follows from it is settled before the next one fires. */
export function fireNext(turn: Turn): boolean {
  const { draft } = turn
  const { timer, timers } = nextTimer(turn)
  draft.timers = timers
  if (!timer || timer.at > turn.now) return false
  if (firstTimer(timers) === timer) draft.timers = dropFirst(timers)
  fire(turn, timer)
  return true
}

function isValid(turn: Turn, timer: Timer): boolean {
  const { draft } = turn
  if (timer.kind === 'run_timeout') return draft.phase === 'main' && draft.timeoutAt === timer.at
  if (timer.kind === 'undo_retry') {
    const undo = undoAt(turn, pathOf(turn, timer))
    return undo?.status === 'retrying' && undo.dueAt === timer.at
  }
  if (timer.no < 0) return draft.graceAt === timer.at && draft.live > 0 && (draft.phase === 'aborting' || draft.sectionEnding)
  return isValidFor(get(draft.steps, timer.no), timer)
}

function pathOf(turn: Turn, { no, path }: Timer): string {
  return path ?? stepAt(turn.draft, no).path
}

function isValidFor(state: StepState, timer: Timer): boolean {
  switch (timer.kind) {
    case 'retry':
      return state.status === 'retrying' && state.dueAt === timer.at
    case 'sleep':
      return state.status === 'sleeping' && state.dueAt === timer.at
    case 'timeout':
      return state.status === 'waiting' && state.dueAt === timer.at
    case 'deadline':
      return !SETTLED.has(state.status) && state.deadlineAt === timer.at && !state.aborting && !state.ending
    case 'grace':
      return state.status === 'running' && state.ending !== undefined && state.dueAt === timer.at && state.live > 0
    default:
      return false
  }
}

function fire(turn: Turn, timer: Timer): void {
  const { draft, compiled } = turn
  if (timer.kind === 'run_timeout') {
    const limit = formatDuration(compiled.definition.timeoutMs ?? 0)
    return endRun(turn, 'timed_out', { error: { code: 'TIMEOUT', message: `the run took longer than its timeout of ${limit}`, retryable: false } })
  }
  if (timer.kind === 'undo_retry') return scheduleUndo(turn, pathOf(turn, timer))
  const section = compiled.sections[sectionOf(draft.phase)]
  if (timer.no < 0) return graceOver(turn, undefined, section)
  const step = stepAt(draft, timer.no)
  switch (timer.kind) {
    case 'retry':
      return schedule(turn, step)
    case 'sleep':
      return emitSettled(turn, step, { type: 'step.completed', path: step.path, output: null })
    case 'timeout': {
      const limit = formatDuration(step.step.timeoutMs ?? 0)
      return failStep(turn, step, { code: 'TIMEOUT', message: `step "${step.path}" waited longer than ${limit}`, retryable: false, step: step.path })
    }
    case 'deadline':
      return deadline(turn, timer.no)
    case 'grace':
      return graceOver(turn, step, section)
  }
}

function deadline(turn: Turn, no: number): void {
  const step = stepAt(turn.draft, no)
  const limit = formatDuration(step.step.deadlineMs ?? 0)
  const error = { code: 'DEADLINE', message: `step "${step.path}" did not end within its deadline of ${limit}`, retryable: false, step: step.path }
  if (isContainer(step)) return endContainer(turn, step, error)
  const { token, child, status } = stateOf(turn, step)
  if (token !== 0) turn.commands.push({ type: 'cancel_task', path: step.path, token, reason: error.message })
  if (child && status === 'running') turn.commands.push({ type: 'cancel_child', run: child.run, reason: error.message })
  failStep(turn, step, error, { unknown: token !== 0 })
}
