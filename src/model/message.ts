import type { RetryPolicy } from './definition.ts'
import type { ErrorInfo } from './error.ts'
import type { Json, JsonObject } from './json.ts'

/** What a run can be told. Everything that moves a run is one of these; delivery may repeat and reorder. */
export type Message =
  | { type: 'start'; id: string; workflow: string; definition: string; input: JsonObject; key?: string
      parent?: { run: string; path: string } }
  | { type: 'started'; path: string; token: number; process?: string }
  | { type: 'progress'; path: string; token: number; fraction?: number; text?: string }
  | Outcome
  /** Some timer may be due; the engine looks which ones are at `now`. */
  | { type: 'tick' }
  | { type: 'cancel'; by?: string; reason?: string }
  /** A new owner: attempts that the old one held in its own process are lost (or were handed back). */
  | { type: 'taken_over'; owner: string; clean: boolean }
  | { type: 'signal'; id: string; name: string; data: Json }

export interface Outcome {
  type: 'outcome'
  path: string
  token: number
  result: AttemptResult
  /** Epoch ms at which the worker function began. */
  startedAt?: number
  /** The worker's own policy; a step's beats it. */
  workerRetry?: RetryPolicy
}

/**
 * How an attempt ended. `thrown`: the worker's failure. `timeout`: its time limit. `aborted`: it gave up on its
 * abort signal. `lost`: its process died. `released`: handed back undone by a stopping process, not a failure.
 */
export type AttemptResult =
  | { ok: true; output: Json }
  | { ok: false; how: 'thrown' | 'timeout' | 'aborted' | 'lost' | 'released'; error: ErrorInfo }
