import type { RetryPolicy, SecretPart, WhenFull } from './definition.ts'
import type { Json, JsonObject } from './json.ts'

/** What the engine wants done once its events are durable. Timers are not commands: a run says when to wake it. */
export type Command =
  | { type: 'task'; task: Task }
  /** Abort the attempt's signal; its outcome, if any comes, is handled or ignored by token. */
  | { type: 'cancel_task'; path: string; token: number; reason: string }
  /** Asks what only the store knows; answered by a `gate` message with the same token. Path '': the run itself. */
  | { type: 'gate'; gate: Gate }
  /** The step (or the run: path '') has settled: its slot is free. */
  | { type: 'free'; key: string; path: string }
  | { type: 'cache'; key: string; ttlMs?: number; output: Json }
  /** How an attempt guarded by a circuit breaker went. */
  | { type: 'circuit'; worker: string; failures: number; recoveryMs: number; ok: boolean }
  | { type: 'start_child'; child: ChildStart }
  /** After a takeover: start it if it was never started, and tell of its end if it has ended. */
  | { type: 'await_child'; path: string; token: number; run: string }
  | { type: 'cancel_child'; run: string; reason: string }
  /** Asks what a completed child has to undo; answered by `child_undo`. */
  | { type: 'load_undo'; path: string; run: string }

/** What must be asked before an attempt: in this order, each only where it is given. */
export interface Gate {
  path: string
  token: number
  cache?: string
  circuit?: { worker: string; failures: number; recoveryMs: number }
  slot?: { key: string; limit: number; whenFull: WhenFull }
}

/** A child run. Starting it twice is a no-op: its id is made from the parent's, the step's path and the token. */
export interface ChildStart {
  path: string
  token: number
  run: string
  workflow: string
  /** What `with` gave. */
  input?: JsonObject
  /** Without `with`: of these the keys that the child declares. */
  context?: JsonObject
  depth: number
}

/** Where in a task's input a secret stands, and the text that it is made of. */
export interface SecretUse {
  at: Array<string | number>
  parts: SecretPart[]
}

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
  target: { kind: 'worker'; worker: string } | { kind: 'shell'; script: string } | { kind: 'http'; expect: string[] }
  /** The worker's first argument; for a shell step `{ cwd, env }`, for http the request. Secrets stand in it as `***`. */
  input: Json
  secrets?: SecretUse[]
  /** Undefined: the worker's own timeout, else the default of 5 minutes. */
  timeoutMs?: number
  heartbeatMs?: number
  queue?: string
  priority?: number
  isolation?: 'thread'
  /** The step's own policy, when it has one (the worker's is used otherwise). */
  retry?: RetryPolicy
  /** Same for every attempt: run + step path + element (+ purpose). */
  idempotencyKey: string
}
