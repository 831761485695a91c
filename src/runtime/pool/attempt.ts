/**
 * One attempt in this process: what its worker sees of it, and its life from taken to settled. The signal, the log and
 * the run's names are made when they are first asked for; most workers never do.
 */
import type { LogLine } from '../../backend/backend.ts'
import type { Task } from '../../model/command.ts'
import type { Json } from '../../model/json.ts'
import type { Clock } from '../clock.ts'
import { toJsonSafely } from '../outcome.ts'
import type { TaskHandle, TaskLog, WorkerDefinition } from '../worker.ts'
import type { Deadline } from './deadlines.ts'
import { runUnowned, type FaultOwner } from './faults.ts'

/** Why an attempt is being ended before its worker is done. */
export type Stop = { why: 'timeout' | 'cancel' | 'stop' | 'silent'; reason: string }

export interface AttemptHooks {
  clock: Clock
  onLog(line: LogLine): void
  onProgress(task: Task, progress: { fraction?: number; text?: string }): void
  /** The attempt's time limit, or the grace after a cancel, is over. */
  onDeadline(attempt: Attempt): void
  /** Its worker failed outside its own promise. */
  onFault(attempt: Attempt, error: unknown): void
}

const PROGRESS_EVERY_MS = 100
const MAX_LOG_FIELDS = 8 * 1024
const MAX_PROGRESS_TEXT = 200

export class Attempt implements TaskHandle, Deadline, FaultOwner {
  readonly task: Task
  definition: WorkerDefinition | undefined
  startedAt = 0
  settled = false
  /** The last sign of life: a heartbeat, progress or a line. Monotonic milliseconds. */
  aliveAt = 0
  stop: Stop | undefined
  /** A shell step's end is waited for; a function that ignores its signal is not. */
  waitsForEnd = false
  deadlineAt = 0
  previous: Deadline | undefined
  next: Deadline | undefined
  list: Deadline['list']
  readonly #hooks: AttemptHooks
  #controller: AbortController | undefined
  #progressAt = Number.NEGATIVE_INFINITY

  constructor(task: Task, hooks: AttemptHooks) {
    this.task = task
    this.#hooks = hooks
  }

  get idempotencyKey(): string {
    return this.task.idempotencyKey
  }
  get attempt(): number {
    return this.task.attempt
  }
  get fencingToken(): number {
    return this.task.token
  }
  get run(): TaskHandle['run'] {
    const { runId, workflow, stepId, path } = this.task
    return { id: runId, workflow, step: stepId, path }
  }
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.stop) this.#controller.abort(abortReason(this.stop))
    }
    return this.#controller.signal
  }

  // Getters that give closures: `const { progress, log } = task` works.
  get heartbeat(): (details?: Json) => void {
    return (details) => {
      this.aliveAt = this.#hooks.clock.monotonic()
      if (details !== undefined) this.write('debug', 'heartbeat', { details })
    }
  }
  get progress(): (fraction: number, text?: string) => void {
    return (fraction, text) => {
      const now = this.#hooks.clock.monotonic()
      this.aliveAt = now
      // Each one told becomes an event of the run; more than ten a second show nobody anything.
      if (this.settled || (now - this.#progressAt < PROGRESS_EVERY_MS && fraction !== 1)) return
      this.#progressAt = now
      const told = {
        ...(Number.isFinite(fraction) ? { fraction: Math.min(1, Math.max(0, fraction)) } : {}),
        ...(text === undefined ? {} : { text: String(text).slice(0, MAX_PROGRESS_TEXT) }),
      }
      runUnowned(() => this.#hooks.onProgress(this.task, told))
    }
  }
  get log(): TaskLog {
    return {
      debug: (message, fields) => this.write('debug', message, fields),
      info: (message, fields) => this.write('info', message, fields),
      warn: (message, fields) => this.write('warn', message, fields),
      error: (message, fields) => this.write('error', message, fields),
    }
  }

  write(level: LogLine['level'], message: unknown, fields?: unknown): void {
    this.aliveAt = this.#hooks.clock.monotonic()
    const { runId, path, attempt } = this.task
    const json = fields === undefined ? undefined : toJsonSafely(fields, MAX_LOG_FIELDS)
    const line: LogLine = {
      runId, path, attempt, at: this.#hooks.clock.now(), level, message: textOf(message), ...(json === undefined ? {} : { fields: json }),
    }
    runUnowned(() => this.#hooks.onLog(line))
  }

  /** The first reason stands; the signal carries it. */
  abort(stop: Stop): void {
    if (this.stop) return
    this.stop = stop
    this.#controller?.abort(abortReason(stop))
  }

  onDeadline(): void {
    this.#hooks.onDeadline(this)
  }

  fault(error: unknown): void {
    this.#hooks.onFault(this, error)
  }
}

function textOf(message: unknown): string {
  try {
    return String(message)
  } catch {
    return typeof message
  }
}

function abortReason(stop: Stop): DOMException {
  return new DOMException(stop.reason, stop.why === 'timeout' ? 'TimeoutError' : 'AbortError')
}
