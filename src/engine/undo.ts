/** Compensations: completed steps undone one by one, the last to complete first, and those that nobody is sure of. */
import { COMPENSATION_RETRY, MAX_CRASHES, type Compensation } from '../model/definition.ts'
import { invariant, type ErrorInfo } from '../model/error.ts'
import type { UndoOutcome } from '../model/event.ts'
import type { Json } from '../model/json.ts'
import type { Outcome } from '../model/message.ts'
import { mayRetry } from './attempts.ts'
import { stepAt, type CompiledStep } from './compile.ts'
import { toJson } from './context.ts'
import { retryDelay } from './retry.ts'
import type { StepState, UndoState } from './run.ts'
import { errorJson, evaluate, expressionError } from './scope.ts'
import { emit, stateOf, type Turn } from './turn.ts'

/** Paths to undo, in order; LANGUAGE.md section 5, "What is undone". */
export function toUndo(turn: Turn): string[] {
  const found: Array<{ path: string; seq: number }> = []
  for (const step of turn.compiled.steps) {
    if (!step.step.compensate || step.section !== 'steps') continue
    const state = stateOf(turn, step)
    if (outcomeOf(state)) found.push({ path: step.path, seq: state.settledSeq })
  }
  return found.sort((a, b) => b.seq - a.seq).map((entry) => entry.path)
}

function outcomeOf(state: StepState): UndoOutcome | undefined {
  if (state.status === 'completed') return 'completed'
  return state.unknown && state.attempt > 0 ? 'unknown' : undefined
}

export function scheduleUndo(turn: Turn, step: CompiledStep): void {
  const { draft } = turn
  const compensation = compensationOf(step)
  const state = stateOf(turn, step)
  const outcome = state.undo?.outcome ?? outcomeOf(state) ?? 'unknown'
  let input = state.undo?.input
  try {
    input ??= inputOf(turn, step, compensation, outcome)
  } catch (error) {
    return emit(turn, { type: 'compensation.failed', path: step.path, error: expressionError(error, step.path) })
  }
  const token = draft.seq + 1
  const attempt = (state.undo?.attempt ?? 0) + 1
  emit(turn, {
    type: 'compensation.scheduled', path: step.path, attempt, token, worker: compensation.worker, outcome,
    ...(compensation.with && attempt === 1 ? { input } : {}),
  })
  if ((state.undo?.crashes ?? 0) > 0) emit(turn, { type: 'compensation.started', path: step.path, token })
  turn.commands.push({
    type: 'task',
    task: {
      runId: draft.id, workflow: draft.workflow, path: step.path, stepId: step.id, purpose: 'compensation', attempt, token,
      target: { kind: 'worker', worker: compensation.worker }, input, idempotencyKey: `${draft.id}/${step.path}:undo`,
      ...(compensation.timeoutMs === undefined ? {} : { timeoutMs: compensation.timeoutMs }),
    },
  })
}

function compensationOf(step: CompiledStep): Compensation {
  invariant(step.step.compensate, `${step.path} has no compensation`)
  return step.step.compensate
}

function inputOf(turn: Turn, step: CompiledStep, compensation: Compensation, outcome: UndoOutcome): Json {
  const state = stateOf(turn, step)
  const output = state.status === 'completed' ? (state.output ?? null) : null
  const extra = { output, error: errorJson(state.error), outcome }
  if (compensation.with) return evaluate({ compiled: turn.compiled, run: turn.draft, step, extra }, compensation.with)
  return { context: state.context ? toJson(state.context) : turn.draft.input, ...extra }
}

export function onUndoOutcome(turn: Turn, step: CompiledStep, undo: UndoState, message: Outcome): void {
  const { result, token } = message
  if (result.ok) return emit(turn, { type: 'compensation.completed', path: step.path, token, output: result.output })
  const error: ErrorInfo = { ...result.error, step: step.path, attempt: undo.attempt }
  switch (result.how) {
    case 'released':
      return emit(turn, { type: 'compensation.released', path: step.path, token })
    case 'lost':
      return lost(turn, step, token, error.message)
    default:
      return failed(turn, step, undo, error)
  }
}

function lost(turn: Turn, step: CompiledStep, token: number, reason: string): void {
  emit(turn, { type: 'compensation.lost', path: step.path, token, reason })
  const crashes = stateOf(turn, step).undo?.crashes ?? 0
  if (crashes < MAX_CRASHES) return scheduleUndo(turn, step)
  const error = { code: 'POISON', message: `its process died ${crashes} times while it ran`, retryable: false, step: step.path }
  emit(turn, { type: 'compensation.failed', path: step.path, error })
}

function failed(turn: Turn, step: CompiledStep, undo: UndoState, error: ErrorInfo): void {
  const policy = compensationOf(step).retry ?? COMPENSATION_RETRY
  if (mayRetry(error, policy) && undo.failures + 1 < policy.attempts) {
    const dueAt = turn.now + retryDelay(policy, undo.failures + 1, `${turn.draft.id}/${step.path}:undo`)
    if (policy.withinMs === undefined || dueAt - undo.firstAt <= policy.withinMs) {
      return emit(turn, { type: 'compensation.retrying', path: step.path, token: undo.token, attempt: undo.attempt, dueAt, error })
    }
  }
  emit(turn, { type: 'compensation.failed', path: step.path, error })
}

/** Starts the next compensation, if one is due. False: none is left and none is at work. */
export function advanceUndo(turn: Turn): boolean {
  const { draft, compiled } = turn
  if (draft.undoing >= 0) return true
  const next = draft.toUndo[0]
  if (next === undefined) return false
  scheduleUndo(turn, stepAt(compiled, next))
  return true
}
