/**
 * Runs attempts in this process: at most `concurrency` at once, the others in order of arrival. Each attempt it is given
 * gets exactly one outcome. It knows nothing of runs, retries or stores, and never lets a worker's value, error or
 * fault reach further than that outcome. Outcomes are never reported from within `run`.
 */
import { realpathSync } from 'node:fs'
import type { LogLine } from '../../backend/backend.ts'
import type { Task } from '../../model/command.ts'
import type { Json } from '../../model/json.ts'
import { DEFAULT_TIMEOUT_MS, GRACE_MS } from '../../model/definition.ts'
import type { ErrorInfo } from '../../model/error.ts'
import { LIMITS } from '../../model/limits.ts'
import type { AttemptResult, Outcome } from '../../model/message.ts'
import type { Clock } from '../clock.ts'
import type { LoadedWorker } from '../loader/loaded.ts'
import { cloneJson, toOutput } from '../outcome.ts'
import { errorInfo } from '../outcome-error.ts'
import { formatBytes, formatLimit } from '../outcome-text.ts'
import { fillSecrets, type SecretSource } from '../secrets.ts'
import type { WorkerDefinition } from '../worker.ts'
import { Attempt, type AttemptHooks } from './attempt.ts'
import { createDeadlines, type Deadlines } from './deadlines.ts'
import { runOwned } from './faults.ts'
import { createHeartbeats, type Heartbeats } from './heartbeats.ts'
import { PriorityQueue } from './priority-queue.ts'
import { checked } from './validate.ts'

export interface PoolOptions {
  lookup(name: string): LoadedWorker | undefined
  concurrency: number
  clock: Clock
  projectDir: string
  /** Id of the process that the attempts run in. */
  process: string
  /** The values of secrets; without it none resolves. */
  secret?: SecretSource
  onStarted(task: Task): void
  onOutcome(task: Task, outcome: Outcome): void
  onProgress(task: Task, progress: { fraction?: number; text?: string }): void
  onLog(line: LogLine): void
}

export interface Pool {
  run(task: Task): void
  /** Aborts the attempt's signal; what it does with it within the grace of 10 s is its outcome. */
  cancel(runId: string, token: number, reason: string): void
  /** Attempts that occupy a place now. */
  readonly busy: number
  /** Takes nothing new, gives what runs `graceMs` to end, then aborts it and hands it back as `released`. */
  drain(graceMs: number): Promise<void>
  /** A drain without grace; afterwards no timer and no process of it is left. */
  stop(): Promise<void>
}

interface Core {
  options: PoolOptions
  hooks: AttemptHooks
  queue: PriorityQueue<Attempt>
  /** By `runId/token`: waiting and running alike. */
  attempts: Map<string, Attempt>
  running: Set<Attempt>
  /** Ends of shell steps, which are waited for even after their outcome. */
  ends: Set<Promise<unknown>>
  deadlines: Deadlines
  heartbeats: Heartbeats<Attempt>
  draining: boolean
  idlers: Array<() => void>
}

export function createPool(given: PoolOptions): Pool {
  const { clock } = given
  const options = { ...given, projectDir: realPath(given.projectDir) }
  const core: Core = {
    options, queue: new PriorityQueue(), attempts: new Map(), running: new Set(), ends: new Set(), deadlines: createDeadlines(clock), heartbeats: createHeartbeats(clock, (attempt) => silent(core, attempt)), draining: false, idlers: [],
    hooks: {
      clock, onLog: options.onLog, onProgress: options.onProgress,
      onDeadline: (attempt) => overdue(core, attempt),
      onFault: (attempt, error) => onFault(core, attempt, error),
    },
  }
  return {
    run: (task) => take(core, task),
    cancel: (runId, token, reason) => cancel(core, core.attempts.get(`${runId}/${token}`), reason),
    get busy() {
      return core.running.size
    },
    drain: (graceMs) => drain(core, graceMs),
    async stop() {
      await drain(core, 0)
      core.deadlines.stop()
      core.heartbeats.stop()
    },
  }
}

/** Stack traces name real paths. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

function take(core: Core, task: Task): void {
  const attempt = new Attempt(task, core.hooks)
  core.attempts.set(keyOf(task), attempt)
  if (core.draining) queueMicrotask(() => release(core, attempt))
  else if (core.running.size < core.options.concurrency) begin(core, attempt)
  else core.queue.push(attempt, task.priority)
}

function keyOf(task: Task): string {
  return `${task.runId}/${task.token}`
}

function begin(core: Core, attempt: Attempt): void {
  const { task } = attempt
  core.running.add(attempt)
  attempt.startedAt = core.options.clock.now()
  core.options.onStarted(task)
  if (task.heartbeatMs !== undefined) core.heartbeats.add(attempt, task.heartbeatMs)
  if (task.target.kind !== 'worker') return beginOutside(core, attempt)
  const loaded = core.options.lookup(task.target.worker)
  if (!loaded) {
    const message = `step "${task.path}" needs worker "${task.target.worker}", which is not loaded`
    return queueMicrotask(() => settle(core, attempt, thrown({ code: 'WORKER_NOT_FOUND', message, retryable: false })))
  }
  const { definition } = loaded
  attempt.definition = definition
  core.deadlines.add(attempt, task.timeoutMs ?? definition.timeoutMs ?? DEFAULT_TIMEOUT_MS)
  let returned: unknown
  try {
    returned = runOwned(attempt, () => call(core, attempt, definition))
  } catch (error) {
    return queueMicrotask(() => failed(core, attempt, error))
  }
  if (isThenable(returned)) returned.then((value) => completed(core, attempt, value), (error: unknown) => failed(core, attempt, error))
  else queueMicrotask(() => completed(core, attempt, returned))
}

function inputOf({ options }: Core, task: Task): Json {
  return task.secrets ? fillSecrets(task, options.secret ?? (() => undefined)) : task.input
}

/** The worker's function on a copy of the input, between its schemas. */
function call(core: Core, attempt: Attempt, definition: WorkerDefinition): unknown {
  const input = cloneJson(inputOf(core, attempt.task))
  return definition.input || definition.output ? callChecked(attempt, definition, input) : definition.run(input, attempt)
}

async function callChecked(attempt: Attempt, definition: WorkerDefinition, given: unknown): Promise<unknown> {
  const { name, input, output } = definition
  const value = input ? await checked('input', name, input, given) : given
  // The schema's check may have taken long.
  if (attempt.stop) throw new Error(attempt.stop.reason)
  const returned = await definition.run(value, attempt)
  return output ? checked('output', name, output, returned) : returned
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value instanceof Promise || (typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function')
}

/** Scripts and requests; what runs them is loaded with the first task that needs it. */
function beginOutside(core: Core, attempt: Attempt): void {
  const { task } = attempt
  attempt.waitsForEnd = true
  core.deadlines.add(attempt, task.timeoutMs ?? DEFAULT_TIMEOUT_MS)
  const end = outside(core, attempt).then((output) => completed(core, attempt, output), (error: unknown) => failed(core, attempt, error))
  core.ends.add(end)
  void end.then(() => core.ends.delete(end))
}

async function outside(core: Core, attempt: Attempt): Promise<unknown> {
  const { target } = attempt.task
  const { clock, projectDir } = core.options
  const input = inputOf(core, attempt.task)
  if (target.kind === 'http') return (await import('./http.ts')).runHttp(attempt, input, target.expect)
  return (await import('./shell.ts')).runShell({ attempt, input, clock, projectDir })
}

function completed(core: Core, attempt: Attempt, returned: unknown): void {
  if (attempt.settled) return
  // A shell that was ended by mag may still have exited with 0.
  if (attempt.stop && attempt.waitsForEnd) return failed(core, attempt, new Error(attempt.stop.reason))
  try {
    const { value, largeBytes } = toOutput(returned)
    if (largeBytes !== undefined) {
      attempt.write('warn', `the output has ${formatBytes(largeBytes)}; above ${formatBytes(LIMITS.payloadWarnBytes)} return a reference instead (${formatBytes(LIMITS.payloadBytes)} is the limit)`)
    }
    settle(core, attempt, { ok: true, output: value })
  } catch (error) {
    failed(core, attempt, error)
  }
}

function failed(core: Core, attempt: Attempt, error: unknown): void {
  if (attempt.settled) return
  const { stop, task } = attempt
  if (stop) return settle(core, attempt, stopped(attempt, stop))
  settle(core, attempt, thrown(errorInfo(error, { projectDir: core.options.projectDir, task })))
}

/** A worker's timer threw, or a rejection of it was never handled: the attempt fails, or it is said in its log. */
function onFault(core: Core, attempt: Attempt, error: unknown): void {
  const info = errorInfo(error, { projectDir: core.options.projectDir, task: attempt.task })
  const late = attempt.settled ? ' after it had ended' : ''
  attempt.write('warn', `the worker failed outside its own promise${late}: ${info.code}: ${info.message}`, info.location)
  failed(core, attempt, error)
}

function thrown(error: ErrorInfo): AttemptResult {
  return { ok: false, how: 'thrown', error }
}

function stopped(attempt: Attempt, { why, reason }: NonNullable<Attempt['stop']>): AttemptResult {
  const { path, attempt: number } = attempt.task
  const place = { step: path, attempt: number }
  switch (why) {
    case 'timeout':
      return { ok: false, how: 'timeout', error: { code: 'TIMEOUT', message: reason, retryable: true, ...place } }
    case 'cancel':
      return { ok: false, how: 'aborted', error: { code: 'ABORTED', message: reason, retryable: false, ...place } }
    case 'silent':
      return { ok: false, how: 'lost', error: { code: 'LOST', message: reason, retryable: true, ...place } }
    case 'stop':
      return { ok: false, how: 'released', error: { code: 'RELEASED', message: reason, retryable: true, ...place } }
  }
}

/** The attempt's one outcome. Its place goes to the next in the queue. */
function settle(core: Core, attempt: Attempt, result: AttemptResult): void {
  if (attempt.settled) return
  attempt.settled = true
  const { task, startedAt, definition } = attempt
  core.deadlines.remove(attempt)
  core.heartbeats.remove(attempt)
  core.attempts.delete(keyOf(task))
  const ran = core.running.delete(attempt)
  const outcome: Outcome = { type: 'outcome', path: task.path, token: task.token, result }
  if (startedAt > 0) outcome.startedAt = startedAt
  if (definition?.retry) outcome.workerRetry = definition.retry
  core.options.onOutcome(task, outcome)
  if (ran) refill(core)
}

function refill(core: Core): void {
  while (core.running.size < core.options.concurrency) {
    const next = core.queue.shift()
    if (!next) break
    if (!next.settled) begin(core, next)
  }
  if (core.running.size > 0 || core.idlers.length === 0) return
  const { idlers } = core
  core.idlers = []
  for (const idle of idlers) idle()
}

function cancel(core: Core, attempt: Attempt | undefined, reason: string): void {
  if (!attempt || attempt.stop) return
  attempt.abort({ why: 'cancel', reason })
  // Never begun: nothing of it needs to be waited for or undone.
  if (!core.running.has(attempt)) return queueMicrotask(() => settle(core, attempt, stopped(attempt, { why: 'cancel', reason })))
  core.deadlines.remove(attempt)
  core.deadlines.add(attempt, GRACE_MS)
}

function overdue(core: Core, attempt: Attempt): void {
  if (!attempt.stop) {
    const { task, definition } = attempt
    const limit = task.timeoutMs ?? definition?.timeoutMs ?? DEFAULT_TIMEOUT_MS
    const what = task.purpose === 'compensation' ? `the undo of step "${task.path}"` : `step "${task.path}"`
    attempt.abort({ why: 'timeout', reason: `${what} took longer than ${formatLimit(limit)}` })
  }
  if (!attempt.waitsForEnd && attempt.stop) settle(core, attempt, stopped(attempt, attempt.stop))
}

/** It has shown no sign of life for as long as its heartbeat says. A script is ended first. */
function silent(core: Core, attempt: Attempt): void {
  if (attempt.settled || attempt.stop) return
  const limit = attempt.task.heartbeatMs ?? 0
  attempt.abort({ why: 'silent', reason: `no sign of life for ${formatLimit(limit)} (heartbeat)` })
  if (!attempt.waitsForEnd && attempt.stop) settle(core, attempt, stopped(attempt, attempt.stop))
}

function release(core: Core, attempt: Attempt): void {
  attempt.abort({ why: 'stop', reason: 'the process is stopping' })
  if (!attempt.waitsForEnd) settle(core, attempt, stopped(attempt, { why: 'stop', reason: 'the process is stopping' }))
}

async function drain(core: Core, graceMs: number): Promise<void> {
  core.draining = true
  for (let next = core.queue.shift(); next; next = core.queue.shift()) release(core, next)
  if (core.running.size > 0 && graceMs > 0) await idleWithin(core, graceMs)
  for (const attempt of core.running) release(core, attempt)
  await Promise.all(core.ends)
}

function idleWithin(core: Core, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const disarm = core.options.clock.setTimer(graceMs, resolve)
    core.idlers.push(() => {
      disarm()
      resolve()
    })
  })
}
