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
  /** At most `limit` runs with one key at a time; the others wait, or fail. */
  concurrency?: Concurrency
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
  /** Secrets by name, with text around them: resolved where the attempt runs, never recorded. */
  | { t: 'secret'; parts: SecretPart[] }

export type SecretPart = string | { secret: string }

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
export type WhenFull = 'queue' | 'fail'

/** Across all runs of the store. */
export interface Concurrency {
  key: Value
  limit: number
  whenFull: WhenFull
}

export interface Foreach {
  /** Gives a list. */
  in: Value
  as: string
  maxParallel: number
}

/** Of a `steps` group: `while` is asked before each iteration, `until` after it. */
export interface Loop {
  while?: Expression
  until?: Expression
  max: number
}

export interface Case {
  /** Absent: the default. */
  when?: Expression
  steps: Step[]
}

export type Kind =
  | { type: 'worker'; worker: string }
  | { type: 'run'; script: string; cwd?: Value; env: Record<string, Value> }
  | { type: 'set'; values: Value }
  | { type: 'sleep'; for?: Value; until?: Value }
  | { type: 'parallel'; branches: Array<{ name: string; steps: Step[] }> }
  | { type: 'switch'; cases: Case[] }
  | { type: 'steps'; steps: Step[]; loop?: Loop }
  | { type: 'workflow'; workflow: string }
  | { type: 'http'; request: Value; expect: string[] }
  | { type: 'wait'; signal: Value; schema?: JsonObject }
  | { type: 'approve'; message: Value; schema?: JsonObject; ifRejected: 'fail' | 'continue' }
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
  foreach?: Foreach
  /** A worker silent for longer has lost the attempt. */
  heartbeatMs?: number
  concurrency?: Concurrency
  queue?: string
  /** 0..9, 9 first; default 5. */
  priority?: number
  cache?: { key: Value; ttlMs?: number }
  circuitBreaker?: { failures: number; recoveryMs: number }
  isolation?: 'thread'
}

export const RETRY_DEFAULTS: RetryPolicy = {
  attempts: 1, delayMs: 1_000, backoff: 'exponential', factor: 2, maxDelayMs: 60_000, jitter: true,
}
/** LANGUAGE.md section 5: an undo is tried 10 times within an hour. */
export const COMPENSATION_RETRY: RetryPolicy = { ...RETRY_DEFAULTS, attempts: 10, withinMs: 3_600_000 }
export const FOREACH_DEFAULTS = { as: 'item', maxParallel: 10 } as const
export const DEFAULT_PRIORITY = 5
export const DEFAULT_QUEUE = 'default'
export const DEFAULT_TIMEOUT_MS = 300_000
/** What in-flight work gets after its abort signal (LANGUAGE.md section 5). */
export const GRACE_MS = 10_000
/** Deaths of a step's worker process after which it is POISON. */
export const MAX_CRASHES = 3

/** The lists of steps directly inside a step. */
export function listsIn(step: Step): Step[][] {
  const { kind } = step
  switch (kind.type) {
    case 'parallel':
      return kind.branches.map((branch) => branch.steps)
    case 'switch':
      return kind.cases.map((one) => one.steps)
    case 'steps':
      return [kind.steps]
    default:
      return []
  }
}

/** Every step of a definition, containers before their contents. */
export function allSteps(definition: Definition): Step[] {
  const found: Step[] = []
  const stack = [...definition.steps, ...definition.onFailure, ...definition.finally].reverse()
  for (let step = stack.pop(); step; step = stack.pop()) {
    found.push(step)
    for (const list of listsIn(step).reverse()) for (const inner of [...list].reverse()) stack.push(inner)
  }
  return found
}

/** Names of the workers that its steps and their compensations need. */
export function workersOf(definition: Definition): Set<string> {
  const names = new Set<string>()
  for (const { kind, compensate } of allSteps(definition)) {
    if (kind.type === 'worker') names.add(kind.worker)
    if (compensate) names.add(compensate.worker)
  }
  return names
}

/** Names of the workflows that it starts as children. */
export function childrenOf(definition: Definition): Set<string> {
  return new Set(allSteps(definition).flatMap(({ kind }) => (kind.type === 'workflow' ? [kind.workflow] : [])))
}
