import type { RetryPolicy } from './definition.ts'
import type { Json } from './json.ts'

/** What the engine wants done once its events are durable. Timers are not commands: a run says when to wake it. */
export type Command =
  | { type: 'task'; task: Task }
  /** Abort the attempt's signal; its outcome, if any comes, is handled or ignored by token. */
  | { type: 'cancel_task'; path: string; token: number; reason: string }

/** One attempt of one step (or of one compensation), for a worker pool. */
export interface Task {
  runId: string
  workflow: string
  /** Step path; the same for the step and for its compensation. */
  path: string
  stepId: string
  purpose: 'step' | 'compensation'
  attempt: number
  /** Fencing token: strictly increasing per run; the outcome carries it back. */
  token: number
  target: { kind: 'worker'; worker: string } | { kind: 'shell'; script: string }
  /** The worker's first argument; for a shell step `{ cwd, env }`. */
  input: Json
  /** Undefined: the worker's own timeout, else the default of 5 minutes. */
  timeoutMs?: number
  /** The step's own policy, when it has one (the worker's is used otherwise). */
  retry?: RetryPolicy
  /** Same for every attempt: run + step path + element (+ purpose). */
  idempotencyKey: string
}
