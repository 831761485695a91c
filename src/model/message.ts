import type { FinalState, Parent, UndoItem } from './event.ts'
import type { RetryPolicy } from './definition.ts'
import type { ErrorInfo } from './error.ts'
import type { Json, JsonObject } from './json.ts'

export type { Parent }

/** What a run can be told. Everything that moves a run is one of these; delivery may repeat and reorder. */
export type Message =
  | { type: 'start'; id: string; workflow: string; definition: string; input: JsonObject; key?: string
      parent?: Parent; children?: { readonly [workflow: string]: string } }
  | { type: 'started'; path: string; token: number; process?: string }
  | { type: 'progress'; path: string; token: number; fraction?: number; text?: string }
  | Outcome
  /** Some timer may be due; the engine looks which ones are at `now`. */
  | { type: 'tick' }
  | { type: 'cancel'; by?: string; reason?: string }
  /** A new owner: attempts that the old one held in its own process are lost (or were handed back). */
  | { type: 'taken_over'; owner: string; clean: boolean }
  /** `id`: the same signal sent twice is one. */
  | { type: 'signal'; id: string; name: string; data: Json; by?: string }
  | { type: 'approve'; path: string; approved: boolean; by?: string; comment?: string; data?: Json }
  /** A person says what became of a step in doubt. */
  | { type: 'resolve'; path: string; as: 'completed' | 'failed' | 'retry'; output?: Json; reason?: string; by?: string }
  | { type: 'pause'; by?: string; reason?: string }
  | { type: 'unpause'; by?: string }
  /** A final run goes on as a new generation: what has not completed runs again, and what follows `from`. */
  | { type: 'retry'; from?: string; by?: string }
  /** Answers a `gate` command. */
  | { type: 'gate'; path: string; token: number; answer: GateAnswer }
  /** Answers `start_child`, once, when the child has ended. */
  | { type: 'child_ended'; path: string; token: number; run: string; state: FinalState; output?: Json; error?: ErrorInfo; at: number }
  | { type: 'child_undo'; path: string; run: string; items: UndoItem[] }

export type GateAnswer =
  | { pass: true }
  | { pass: false; why: 'cached'; output: Json }
  | { pass: false; why: 'open'; until: number }
  | { pass: false; why: 'full'; key: string; limit: number }

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
