import type { Json } from './json.ts'

/** Where an error arose: a project-relative file, 1-based line and column. */
export interface Location {
  file: string
  line: number
  column: number
}

/** What a run records of a failure. `code` is stable, `message` is for people. */
export interface ErrorInfo {
  code: string
  message: string
  retryable: boolean
  details?: Json
  /** The step's path and the attempt it happened in. */
  step?: string
  attempt?: number
  location?: Location
  /** Shown only with --debug. */
  stack?: string
}

export interface MagErrorOptions {
  /** What to type or change next. */
  hint?: string | undefined
  cause?: unknown
  /** The process exit code of the command line; see `mag help exit-codes`. */
  exitCode?: number
  location?: Location | undefined
  details?: unknown
}

/** The package is several bundles, each with a class of its own: what makes one of them is this mark. */
const MARK = Symbol.for('multiagents.error')

/** A refusal that names what, why and what to do next. A user's mistake, never a fault in mag. */
export class MagError extends Error {
  readonly code: string
  readonly hint: string | undefined
  readonly exitCode: number
  readonly location: Location | undefined
  readonly details: unknown

  constructor(code: string, message: string, options: MagErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'MagError'
    this.code = code
    this.hint = options.hint
    this.exitCode = options.exitCode ?? 2
    this.location = options.location
    this.details = options.details
  }

  get [MARK](): true {
    return true
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && MARK in value
  }
}

/** Thrown by a worker for a failure that no retry can mend. */
export class NonRetryableError extends Error {
  readonly code: string
  readonly details: unknown
  readonly retryable = false

  constructor(message: string, options: { code?: string; details?: unknown; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'NonRetryableError'
    this.code = options.code ?? 'NonRetryableError'
    this.details = options.details
  }
}

/** A broken invariant: a fault in mag itself (exit 70). */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${message}`)
}

/** For exhaustive switches. */
export function unreachable(value: never): never {
  throw new Error(`broken invariant: unexpected ${JSON.stringify(value)}`)
}
