/** Timers that are due, oldest first. A timer counts only while its step still stands where it set it. */
import { stepAt } from './compile.ts'
import { closeOut, endContainer, endRun, failStep, rangeOf } from './ending.ts'
import { schedule } from './attempts.ts'
import { listAt } from './compile.ts'
import { SETTLED, sectionOf, type StepState } from './run.ts'
import { dropFirst, firstTimer, type Timer, type Timers } from './timers.ts'
import { emitSettled, stateOf, type Turn } from './turn.ts'
import { scheduleUndo } from './undo.ts'
import { formatDuration } from '../model/duration.ts'

export function nextTimer(turn: Turn): { timer: Timer | undefined; timers: Timers } {
  let { timers } = turn.draft
  if (turn.draft.phase === 'done') return { timer: undefined, timers: null }
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
  draft.timers = dropFirst(timers)
  fire(turn, timer)
  return true
}

function isValid(turn: Turn, timer: Timer): boolean {
  const { draft } = turn
  if (timer.kind === 'run_timeout') return draft.phase === 'main'
  if (timer.no < 0) return draft.graceAt === timer.at && draft.live > 0 && (draft.phase === 'aborting' || draft.sectionEnding)
  const state = stateOf(turn, stepAt(turn.compiled, timer.no))
  return isValidFor(state, timer)
}

function isValidFor(state: StepState, timer: Timer): boolean {
  switch (timer.kind) {
    case 'retry':
      return state.status === 'retrying' && state.dueAt === timer.at
    case 'sleep':
      return state.status === 'sleeping' && state.dueAt === timer.at
    case 'deadline':
      return !SETTLED.has(state.status) && state.deadlineAt === timer.at && !state.aborting && !state.ending
    case 'grace':
      return state.status === 'running' && state.ending !== undefined && state.dueAt === timer.at && state.live > 0
    case 'undo_retry':
      return state.undo?.status === 'retrying' && state.undo.dueAt === timer.at
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
  if (timer.no < 0) {
    const list = listAt(compiled, compiled.sections[sectionOf(draft.phase)])
    return closeOut(turn, ...rangeOf(compiled, list))
  }
  const step = stepAt(compiled, timer.no)
  switch (timer.kind) {
    case 'retry':
      return schedule(turn, step)
    case 'sleep':
      return emitSettled(turn, step, { type: 'step.completed', path: step.path, output: null })
    case 'deadline':
      return deadline(turn, timer.no)
    case 'grace':
      closeOut(turn, step.no + 1, step.end)
      turn.ready.push(step.no)
      return
    case 'undo_retry':
      return scheduleUndo(turn, step)
  }
}

function deadline(turn: Turn, no: number): void {
  const step = stepAt(turn.compiled, no)
  const limit = formatDuration(step.step.deadlineMs ?? 0)
  const error = { code: 'DEADLINE', message: `step "${step.path}" did not end within its deadline of ${limit}`, retryable: false, step: step.path }
  if (step.step.kind.type === 'parallel') return endContainer(turn, step, error)
  const { token } = stateOf(turn, step)
  if (token !== 0) turn.commands.push({ type: 'cancel_task', path: step.path, token, reason: error.message })
  failStep(turn, step, error, { unknown: token !== 0 })
}
