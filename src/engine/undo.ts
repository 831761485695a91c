/** Compensations: completed steps undone one by one, the last to complete first, and those that nobody is sure of. */
import { COMPENSATION_RETRY, MAX_CRASHES, type RetryPolicy } from '../model/definition.ts'
import { invariant, type ErrorInfo } from '../model/error.ts'
import type { UndoItem, UndoOutcome } from '../model/event.ts'
import type { Json } from '../model/json.ts'
import type { SecretUse } from '../model/command.ts'
import type { Outcome } from '../model/message.ts'
import { mayRetry } from './attempts.ts'
import { toJson } from './context.ts'
import { lookup } from './dict.ts'
import { find } from './frame.ts'
import { placeOf } from './inputs.ts'
import { retryDelay } from './retry.ts'
import type { StepState, UndoState } from './run.ts'
import { ExpressionError } from '../model/expression.ts'
import { errorJson, evaluate, expressionError } from './scope.ts'
import { emit, type Turn } from './turn.ts'
import { each, get } from './vector.ts'

/** What a path to undo means: a step of this run, or one of a completed child. */
interface Undone {
  path: string
  worker: string
  stepId: string
  outcome: UndoOutcome
  state: UndoState | undefined
  retry: RetryPolicy
  timeoutMs?: number
  /** True where the input must be recorded because it is evaluated. */
  recorded: boolean
  input(): { input: Json; secrets: SecretUse[] }
}

/** Asks completed children what they have to undo. False: everything is known. */
export function loadUndo(turn: Turn): boolean {
  let open = false
  each(turn.draft.steps, (state) => {
    const { child, step, status } = state
    if (!child || child.undo || status !== 'completed' || step.section !== 'steps' || step.step.compensate) return
    open = true
    turn.commands.push({ type: 'load_undo', path: step.path, run: child.run })
  })
  return open
}

/** Paths to undo, in order; LANGUAGE.md section 5, "What is undone". */
export function toUndo(turn: Turn): string[] {
  const found: Array<{ path: string; at: number; seq: number; no: number }> = []
  each(turn.draft.steps, (state, no) => {
    const { step, child } = state
    if (step.section !== 'steps') return
    if (step.step.compensate && !step.step.foreach) {
      if (outcomeOf(state)) found.push({ path: step.path, at: state.settledAt, seq: state.settledSeq, no })
    } else if (state.status === 'completed') {
      for (const [i, item] of (child?.undo ?? []).entries()) found.push({ path: `${step.path}/${item.path}`, at: item.at, seq: state.settledSeq, no: i })
    }
  })
  return found.sort((a, b) => b.at - a.at || b.seq - a.seq || b.no - a.no).map((entry) => entry.path)
}

export function outcomeOf(state: StepState): UndoOutcome | undefined {
  if (state.cached) return undefined
  if (state.status === 'completed') return 'completed'
  return state.unknown && state.attempt > 0 ? 'unknown' : undefined
}

/** What a completed run's parent has to undo, in the order of completion; and the completed children that are to be asked as well. */
export function undoItems(turn: Turn): { items: UndoItem[]; children: Array<{ path: string; run: string }> } {
  const items = toUndo(turn).reverse().map((path): UndoItem => {
    const undone = undoneAt(turn, path)
    const own = find(turn.compiled, turn.draft, path)
    const at = own ? get(turn.draft.steps, own.no).settledAt : (lookup(turn.draft.childUndos, path)?.item.at ?? 0)
    const { worker, outcome, retry, timeoutMs } = undone
    return { path, worker, outcome, at, ...givenOf(undone), ...(retry === COMPENSATION_RETRY ? {} : { retry }), ...(timeoutMs === undefined ? {} : { timeoutMs }) }
  })
  const children: Array<{ path: string; run: string }> = []
  each(turn.draft.steps, ({ child, step, status }) => {
    if (child && !child.undo && status === 'completed' && step.section === 'steps' && !step.step.compensate) children.push({ path: step.path, run: child.run })
  })
  return { items, children }
}

function givenOf(undone: Undone): { input: Json; secrets?: SecretUse[]; failure?: string } {
  try {
    const { input, secrets } = undone.input()
    return { input, ...(secrets.length > 0 ? { secrets } : {}) }
  } catch (error) {
    return { input: null, failure: expressionError(error, undone.path).message }
  }
}

function undoneAt(turn: Turn, path: string): Undone {
  const child = lookup(turn.draft.childUndos, path)
  if (child) {
    const { item, undo } = child
    return {
      path, worker: item.worker, stepId: item.path, outcome: item.outcome, state: undo, retry: item.retry ?? COMPENSATION_RETRY, recorded: false,
      input: () => {
        if (item.failure !== undefined) throw new ExpressionError(item.failure)
        return { input: item.input, secrets: item.secrets ?? [] }
      }, ...(item.timeoutMs === undefined ? {} : { timeoutMs: item.timeoutMs }),
    }
  }
  const step = find(turn.compiled, turn.draft, path)
  const compensate = step?.step.compensate
  invariant(step && compensate, `${path} has no compensation`)
  const state = get(turn.draft.steps, step.no)
  const outcome = state.undo?.outcome ?? outcomeOf(state) ?? 'unknown'
  return {
    path, worker: compensate.worker, stepId: step.id, outcome, state: state.undo, retry: compensate.retry ?? COMPENSATION_RETRY,
    recorded: compensate.with !== undefined, ...(compensate.timeoutMs === undefined ? {} : { timeoutMs: compensate.timeoutMs }),
    input: () => {
      const extra = { output: state.status === 'completed' ? (state.output ?? null) : null, error: errorJson(state.error), outcome }
      if (!compensate.with) return { input: { context: state.context ? toJson(state.context) : turn.draft.input, ...extra }, secrets: [] }
      const secrets: SecretUse[] = []
      return { input: evaluate({ ...placeOf(turn, step), extra, secrets }, compensate.with), secrets }
    },
  }
}

export function scheduleUndo(turn: Turn, path: string): void {
  const { draft } = turn
  const undone = undoneAt(turn, path)
  let given: { input: Json; secrets: SecretUse[] }
  try {
    given = undone.input()
  } catch (error) {
    return emit(turn, { type: 'compensation.failed', path, error: expressionError(error, path) })
  }
  // What was recorded stands, whatever it would be now.
  const input = undone.state?.input ?? given.input
  const token = draft.seq + 1
  const attempt = (undone.state?.attempt ?? 0) + 1
  emit(turn, {
    type: 'compensation.scheduled', path, attempt, token, worker: undone.worker, outcome: undone.outcome, ...(undone.recorded && attempt === 1 ? { input } : {}),
  })
  if ((undone.state?.crashes ?? 0) > 0) emit(turn, { type: 'compensation.started', path, token })
  turn.commands.push({
    type: 'task',
    task: {
      runId: draft.id, workflow: draft.workflow, path, stepId: undone.stepId, purpose: 'compensation', attempt, token,
      target: { kind: 'worker', worker: undone.worker }, input, ...(given.secrets.length > 0 ? { secrets: given.secrets } : {}),
      idempotencyKey: draft.generation > 1 ? `${draft.id}/${path}:undo#${draft.generation}` : `${draft.id}/${path}:undo`,
      ...(undone.timeoutMs === undefined ? {} : { timeoutMs: undone.timeoutMs }),
    },
  })
}

/** The undo at work at a path; undefined where there is none. */
export function undoAt(turn: Turn, path: string): UndoState | undefined {
  const child = lookup(turn.draft.childUndos, path)
  if (child) return child.undo
  const step = find(turn.compiled, turn.draft, path)
  return step && get(turn.draft.steps, step.no).undo
}

export function onUndoOutcome(turn: Turn, path: string, undo: UndoState, message: Outcome): void {
  const { result, token } = message
  if (result.ok) return emit(turn, { type: 'compensation.completed', path, token, output: result.output })
  const error: ErrorInfo = { ...result.error, step: path, attempt: undo.attempt }
  switch (result.how) {
    case 'released':
      return emit(turn, { type: 'compensation.released', path, token })
    case 'lost':
      return lost(turn, path, token, error.message)
    default:
      return failed(turn, path, undo, error)
  }
}

function lost(turn: Turn, path: string, token: number, reason: string): void {
  emit(turn, { type: 'compensation.lost', path, token, reason })
  const crashes = undoAt(turn, path)?.crashes ?? 0
  if (crashes < MAX_CRASHES) return scheduleUndo(turn, path)
  const error = { code: 'POISON', message: `its process died ${crashes} times while it ran`, retryable: false, step: path }
  emit(turn, { type: 'compensation.failed', path, error })
}

function failed(turn: Turn, path: string, undo: UndoState, error: ErrorInfo): void {
  const policy = undoneAt(turn, path).retry
  if (mayRetry(error, policy) && undo.failures + 1 < policy.attempts) {
    const dueAt = turn.now + retryDelay(policy, undo.failures + 1, `${turn.draft.id}/${path}:undo`)
    if (policy.withinMs === undefined || dueAt - undo.firstAt <= policy.withinMs) {
      return emit(turn, { type: 'compensation.retrying', path, token: undo.token, attempt: undo.attempt, dueAt, error })
    }
  }
  emit(turn, { type: 'compensation.failed', path, error })
}

/** Starts the next compensation, if one is due. False: none is left and none is at work. */
export function advanceUndo(turn: Turn): boolean {
  const { draft } = turn
  if (draft.undoing !== undefined) return true
  const next = draft.toUndo[draft.undoNext]
  if (next === undefined) return false
  scheduleUndo(turn, next)
  return true
}
