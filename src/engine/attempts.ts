/** Attempts of steps: scheduling them, and what their outcomes lead to. */
import { MAX_CRASHES, RETRY_DEFAULTS, type RetryPolicy, type Value } from '../model/definition.ts'
import type { ErrorInfo } from '../model/error.ts'
import type { Json, JsonObject } from '../model/json.ts'
import type { Outcome } from '../model/message.ts'
import type { Task } from '../model/command.ts'
import type { CompiledStep } from './compile.ts'
import { toJson } from './context.ts'
import { contextOf } from './evolve.ts'
import { failStep } from './ending.ts'
import { evaluate, evaluateCondition, expressionError } from './scope.ts'
import { retryDelay } from './retry.ts'
import { emit, emitSettled, stateOf, type Turn } from './turn.ts'

/** Schedules the next attempt of a worker or shell step. Its input is evaluated once, before the first. */
export function schedule(turn: Turn, step: CompiledStep): void {
  const { draft, compiled } = turn
  const before = stateOf(turn, step)
  let input = before.input
  if (input === undefined && (step.step.with || step.step.kind.type === 'run')) {
    try {
      input = inputOf(turn, step)
    } catch (error) {
      return failStep(turn, step, expressionError(error, step.path))
    }
  }
  const token = draft.seq + 1
  emit(turn, {
    type: 'step.scheduled', path: step.path, attempt: before.attempt + 1, token, worker: workerName(step),
    ...(input === undefined || before.input !== undefined ? {} : { input }),
  })
  const state = stateOf(turn, step)
  // A step whose process died before says durably that it runs before it does, or a worker that kills its process at
  // once would never be counted towards POISON.
  if (state.losses > 0) emit(turn, { type: 'step.started', path: step.path, token })
  const { timeoutMs, retry } = step.step
  const task: Task = {
    runId: draft.id, workflow: draft.workflow, path: step.path, stepId: step.id, purpose: 'step', attempt: state.attempt, token,
    target: step.step.kind.type === 'run' ? { kind: 'shell', script: step.step.kind.script } : { kind: 'worker', worker: workerName(step) },
    input: state.input ?? toJson(state.context ?? contextOf(compiled, draft, step)),
    idempotencyKey: `${draft.id}/${step.path}`,
    ...(timeoutMs === undefined ? {} : { timeoutMs }), ...(retry ? { retry } : {}),
  }
  turn.commands.push({ type: 'task', task })
}

function workerName(step: CompiledStep): string {
  return step.step.kind.type === 'worker' ? step.step.kind.worker : 'shell'
}

function inputOf(turn: Turn, step: CompiledStep): Json {
  const place = { compiled: turn.compiled, run: turn.draft, step }
  const given = step.step.with ? evaluate(place, step.step.with) : {}
  const { kind } = step.step
  if (kind.type !== 'run') return given
  const values = kind.env
  const env: { [name: string]: Json } = Object.create(null)
  for (const [name, value] of Object.entries(given as JsonObject)) env[name] = asText(value)
  for (const [name, value] of Object.entries(turn.draft.env)) env[name] = value
  for (const name of Object.keys(values)) env[name] = asText(evaluate(place, values[name] as Value))
  return { env, ...(kind.cwd ? { cwd: evaluate(place, kind.cwd) } : {}) }
}

export function asText(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

export function onOutcome(turn: Turn, step: CompiledStep, message: Outcome): void {
  const { result } = message
  const startedAt = message.startedAt === undefined ? {} : { startedAt: message.startedAt }
  if (result.ok) {
    const failure = failIf(turn, step, result.output)
    if (failure) return attemptFailed(turn, step, { error: failure, policy: policyOf(step, message), unknown: false, ...startedAt })
    return emitSettled(turn, step, { type: 'step.completed', path: step.path, token: message.token, output: result.output, ...startedAt })
  }
  const { aborting, attempt } = stateOf(turn, step)
  switch (result.how) {
    case 'released':
      if (aborting) return cancelled(turn, step)
      return emit(turn, { type: 'step.released', path: step.path, token: message.token })
    case 'lost':
      return aborting ? cancelled(turn, step) : lost(turn, step, message.token, result.error.message)
    case 'aborted':
      if (aborting) return cancelled(turn, step)
  }
  const error = { ...result.error, step: step.path, attempt }
  attemptFailed(turn, step, { error, policy: policyOf(step, message), unknown: result.how !== 'thrown', ...startedAt })
}

function cancelled(turn: Turn, step: CompiledStep): void {
  emitSettled(turn, step, { type: 'step.cancelled', path: step.path, unknown: true })
}

function policyOf(step: CompiledStep, message: Outcome): RetryPolicy {
  return step.step.retry ?? message.workerRetry ?? RETRY_DEFAULTS
}

/** The failure that a returned value means by `fail_if`; undefined: none. */
function failIf(turn: Turn, step: CompiledStep, output: Json): ErrorInfo | undefined {
  const condition = step.step.failIf
  if (!condition) return undefined
  const place = { compiled: turn.compiled, run: turn.draft, step, extra: { output } }
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

function attemptFailed(turn: Turn, step: CompiledStep, failure: Failure): void {
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
  const { attempt, crashes } = stateOf(turn, step)
  if (step.step.onCrash === 'fail') {
    const message = `the process that ran it died (${reason}); on_crash: fail`
    return failStep(turn, step, { code: 'CRASHED', message, retryable: false, step: step.path, attempt }, { unknown: true })
  }
  if (crashes >= MAX_CRASHES) {
    const message = `its process died ${crashes} times while it ran`
    return failStep(turn, step, { code: 'POISON', message, retryable: false, step: step.path, attempt }, { unknown: true })
  }
  schedule(turn, step)
}
