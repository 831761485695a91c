import type { Json } from './json.ts'

/** Names an expression may read, with their values: `inputs`, `steps`, `context`, `item`, … */
export type Scope = { readonly [name: string]: Json | undefined }

/** A compiled CEL expression. Evaluation is pure and bounded. */
export interface CompiledExpression {
  readonly src: string
  /** Root names that it reads, e.g. `inputs`, `context`, `steps`. */
  readonly names: ReadonlySet<string>
  /** Ids that it reads as `steps.<id>`. */
  readonly stepIds: readonly string[]
  /** Throws ExpressionError. The result is plain JSON: no BigInt, NaN or undefined. */
  evaluate(scope: Scope): Json
}

/** The seam to the expression library, injected into the engine so that a run without expressions loads none. */
export interface Expressions {
  /** Memoised by source. Throws ExpressionError where the source is not valid. */
  compile(src: string): CompiledExpression
}

export class ExpressionError extends Error {
  readonly code = 'EXPRESSION'
  /** 0-based offsets into the source, where known. */
  readonly range: { start: number; end: number } | undefined
  /** True: a value was missing at run time (in `outputs` that is null with a warning). */
  readonly missing: boolean

  constructor(message: string, options: { range?: { start: number; end: number }; missing?: boolean; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'ExpressionError'
    this.range = options.range
    this.missing = options.missing ?? false
  }
}
