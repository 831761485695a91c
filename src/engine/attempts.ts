/** Attempts of steps: scheduling them, and what their outcomes lead to. */
import { DEFAULT_PRIORITY, DEFAULT_QUEUE, MAX_CRASHES, RETRY_DEFAULTS, type RetryPolicy } from '../model/definition.ts'
import type { ErrorInfo } from '../model/error.ts'
import type { Json } from '../model/json.ts'
import type { Outcome } from '../model/message.ts'
import type { Task } from '../model/command.ts'
import type { CompiledStep } from './layout.ts'
import { toJson } from './context.ts'
import { contextOf } from './contexts.ts'
import { failStep } from './ending.ts'
import { gateOf, passGate } from './gates.ts'
import { asText, inputOf, placeOf } from './inputs.ts'
import { evaluate, evaluateCondition, expressionError } from './scope.ts'
import { retryDelay } from './retry.ts'
import { startChild } from './children.ts'
import { emit, emitSettled, stateOf, type Turn } from './turn.ts'

/** Schedules the next attempt of a step that has attempts. Its input is evaluated once, before the first. */
export function schedule(turn: Turn, step: CompiledStep): void {
  try {
    if (gateOf(step) && !passGate(turn, step)) return
    if (step.step.kind.type === 'workflow') return startChild(turn, step)
    attempt(turn, step)
  } catch (error) {
    failStep(turn, step, expressionError(error, step.path))
  }
}

function attempt(turn: Turn, step: CompiledStep): void {
  const { draft, compiled } = turn
  const before = stateOf(turn, step)
  const given = before.input === undefined && takesInput(step) ? inputOf(turn, step) : undefined
  const input = given?.input
  const token = draft.seq + 1
  emit(turn, {
    type: 'step.scheduled', path: step.path, attempt: before.attempt + 1, token, worker: workerName(step), ...(input === undefined ? {} : { input }),
    ...(given && given.secrets.length > 0 ? { secrets: given.secrets } : {}),
  })
  const state = stateOf(turn, step)
  // A step whose process died before says durably that it runs before it does, or a worker that kills its process at
  // once would never be counted towards POISON.
  if (state.losses > 0) emit(turn, { type: 'step.started', path: step.path, token })
  const task: Task = {
    runId: draft.id, workflow: draft.workflow, path: step.path, stepId: step.id, purpose: 'step', attempt: state.attempt, token,
    target: targetOf(step), input: state.input ?? toJson(state.context ?? contextOf(compiled, draft, step)),
    idempotencyKey: state.generation > 1 ? `${draft.id}/${step.path}#${state.generation}` : `${draft.id}/${step.path}`,
  }
  addOptions(task, step)
  if (state.secrets) task.secrets = [...state.secrets]
  turn.commands.push({ type: 'task', task })
}

function takesInput({ step }: CompiledStep): boolean {
  return step.with !== undefined || step.kind.type === 'run' || step.kind.type === 'http'
}

function addOptions(task: Task, { step }: CompiledStep): void {
  if (step.timeoutMs !== undefined) task.timeoutMs = step.timeoutMs
  if (step.retry) task.retry = step.retry
  if (step.heartbeatMs !== undefined) task.heartbeatMs = step.heartbeatMs
  if (step.queue !== undefined && step.queue !== DEFAULT_QUEUE) task.queue = step.queue
  if (step.priority !== undefined && step.priority !== DEFAULT_PRIORITY) task.priority = step.priority
  if (step.isolation) task.isolation = step.isolation
}

function targetOf({ step: { kind } }: CompiledStep): Task['target'] {
  switch (kind.type) {
    case 'run':
      return { kind: 'shell', script: kind.script }
    case 'http':
      return { kind: 'http', expect: kind.expect }
    case 'worker':
      return { kind: 'worker', worker: kind.worker }
    default:
      throw new Error(`broken invariant: ${kind.type} has no attempts`)
  }
}

function workerName({ step: { kind } }: CompiledStep): string {
  return kind.type === 'worker' ? kind.worker : kind.type === 'http' ? 'http' : 'shell'
}

export function onOutcome(turn: Turn, step: CompiledStep, message: Outcome): void {
  const { result } = message
  const { aborting, attempt: number } = stateOf(turn, step)
  const startedAt = message.startedAt === undefined ? {} : { startedAt: message.startedAt }
  if (result.ok) {
    const failure = failIf(turn, step, result.output)
    countCircuit(turn, step, failure === undefined)
    if (failure) return attemptFailed(turn, step, { error: failure, policy: policyOf(step, message), unknown: false, ...startedAt })
    return emitSettled(turn, step, { type: 'step.completed', path: step.path, token: message.token, output: result.output, ...startedAt })
  }
  switch (result.how) {
    case 'released':
      if (aborting) return cancelled(turn, step)
      return emit(turn, { type: 'step.released', path: step.path, token: message.token })
    case 'lost':
      return aborting ? cancelled(turn, step) : lost(turn, step, message.token, result.error.message)
    case 'aborted':
      if (aborting) return cancelled(turn, step)
  }
  countCircuit(turn, step, false)
  const error = { ...result.error, step: step.path, attempt: number }
  attemptFailed(turn, step, { error, policy: policyOf(step, message), unknown: result.how !== 'thrown', ...startedAt })
}

function countCircuit(turn: Turn, step: CompiledStep, ok: boolean): void {
  const { circuitBreaker, kind } = step.step
  if (circuitBreaker && kind.type === 'worker') turn.commands.push({ type: 'circuit', worker: kind.worker, ...circuitBreaker, ok })
}

function cancelled(turn: Turn, step: CompiledStep): void {
  emitSettled(turn, step, { type: 'step.cancelled', path: step.path, unknown: true })
}

function policyOf(step: CompiledStep, message: Outcome): RetryPolicy {
  return step.step.retry ?? message.workerRetry ?? RETRY_DEFAULTS
}

/** The failure that a returned value means by `fail_if`; undefined: none. */
export function failIf(turn: Turn, step: CompiledStep, output: Json): ErrorInfo | undefined {
  const condition = step.step.failIf
  if (!condition) return undefined
  const place = { ...placeOf(turn, step), extra: { output } }
  try {
    if (!evaluateCondition(place, condition)) return undefined
    const message = step.step.failMessage ? asText(evaluate(place, step.step.failMessage)) : `fail_if: ${condition.src}`
    return {
      code: 'FAIL_IF', message, retryable: step.step.failRetry === true, details: output, step: step.path, attempt: stateOf(turn, step).attempt,
    }
  } catch (error) {
    return expressionError(error, step.path)
  }
}

interface Failure {
  error: ErrorInfo
  policy: RetryPolicy
  unknown: boolean
  startedAt?: number
}

export function attemptFailed(turn: Turn, step: CompiledStep, failure: Failure): void {
  const state = stateOf(turn, step)
  const { error, policy, unknown, startedAt } = failure
  if (!state.aborting && mayRetry(error, policy) && state.failures + 1 < policy.attempts) {
    const delay = retryDelay(policy, state.failures + 1, `${turn.draft.id}/${step.path}`)
    return emit(turn, {
      type: 'step.retrying', path: step.path, token: state.token, attempt: state.attempt, dueAt: turn.now + delay, error, ...(unknown ? { unknown } : {}),
    })
  }
  failStep(turn, step, error, { unknown, ...(startedAt === undefined ? {} : { startedAt }) })
}

export function mayRetry(error: ErrorInfo, policy: RetryPolicy): boolean {
  if (!error.retryable) return false
  if (policy.on && !policy.on.includes(error.code)) return false
  return !policy.notOn?.includes(error.code)
}

function lost(turn: Turn, step: CompiledStep, token: number, reason: string): void {
  emit(turn, { type: 'step.lost', path: step.path, token, reason })
  const { attempt: number, crashes } = stateOf(turn, step)
  const place = { retryable: false, step: step.path, attempt: number }
  if (step.step.onCrash === 'fail') {
    return failStep(turn, step, { code: 'CRASHED', message: `the process that ran it died (${reason}); on_crash: fail`, ...place }, { unknown: true })
  }
  if (step.step.onCrash === 'ask') return emit(turn, { type: 'step.in_doubt', path: step.path, token })
  if (crashes >= MAX_CRASHES) {
    return failStep(turn, step, { code: 'POISON', message: `its process died ${crashes} times while it ran`, ...place }, { unknown: true })
  }
  schedule(turn, step)
}
