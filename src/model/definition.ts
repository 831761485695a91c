import type { Json, JsonObject } from './json.ts'

/**
 * A checked workflow definition: plain data, no positions, the thing that is hashed, pinned and interpreted.
 * `definition/` makes it from YAML or from WorkflowBuilder; `engine/` compiles it. Durations are milliseconds.
 */
export interface Definition {
  format: 1
  name: string
  version?: string
  description?: string
  timeoutMs?: number
  /** Absent: any JSON object is accepted. */
  inputs?: Record<string, InputSpec>
  outputs?: Record<string, Value>
  env: Record<string, Value>
  secrets: string[]
  steps: Step[]
  onFailure: Step[]
  finally: Step[]
}

export interface InputSpec {
  /** JSON Schema 2020-12 without `optional`. */
  schema: JsonObject
  optional: boolean
  default?: Json
}

/** A CEL expression's source, without `${{ }}`. */
export interface Expression {
  t: 'expr'
  src: string
}

/** A value with templates in it. `text` joins its parts to a string; a lone `expr` keeps its type. */
export type Value =
  | { t: 'lit'; v: Json }
  | Expression
  | { t: 'text'; parts: Array<string | Expression> }
  | { t: 'map'; entries: Array<[string, Value]> }
  | { t: 'list'; items: Value[] }

export type Backoff = 'fixed' | 'linear' | 'exponential'

export interface RetryPolicy {
  /** Tries in all, the first one included. */
  attempts: number
  delayMs: number
  backoff: Backoff
  factor: number
  maxDelayMs: number
  jitter: boolean
  on?: string[]
  notOn?: string[]
  /** All tries and delays together; only compensations set it (default 1 h). */
  withinMs?: number
}

export interface Compensation {
  worker: string
  with?: Value
  retry?: RetryPolicy
  timeoutMs?: number
}

export type OnCrash = 'retry' | 'fail' | 'ask'

export type Kind =
  | { type: 'worker'; worker: string }
  | { type: 'run'; script: string; cwd?: Value; env: Record<string, Value> }
  | { type: 'set'; values: Value }
  | { type: 'sleep'; for?: Value; until?: Value }
  | { type: 'parallel'; branches: Array<{ name: string; steps: Step[] }> }
  | { type: 'return'; value: Value }
  | { type: 'fail'; message: Value; code?: Value; details?: Value }

export interface Step {
  id: string
  kind: Kind
  /** Ids of the same list, always explicit here (the implicit need on the step above is filled in). */
  needs: string[]
  if?: Expression
  with?: Value
  retry?: RetryPolicy
  timeoutMs?: number
  deadlineMs?: number
  failIf?: Expression
  failMessage?: Value
  failRetry?: boolean
  continueOnError?: boolean
  compensate?: Compensation
  onCrash?: OnCrash
}

export const RETRY_DEFAULTS: RetryPolicy = {
  attempts: 1, delayMs: 1_000, backoff: 'exponential', factor: 2, maxDelayMs: 60_000, jitter: true,
}
/** LANGUAGE.md section 5: an undo is tried 10 times within an hour. */
export const COMPENSATION_RETRY: RetryPolicy = { ...RETRY_DEFAULTS, attempts: 10, withinMs: 3_600_000 }
export const DEFAULT_TIMEOUT_MS = 300_000
/** What in-flight work gets after its abort signal (LANGUAGE.md section 5). */
export const GRACE_MS = 10_000
/** Deaths of a step's worker process after which it is POISON. */
export const MAX_CRASHES = 3
