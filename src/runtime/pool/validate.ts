/** A worker's own schemas (Standard Schema), asked before and after it runs. */
import type { SchemaIssue, StandardSchema } from '../worker.ts'

const SHOWN = 5

/** The value does not fit the worker's schema. */
export class SchemaError extends Error {
  readonly code: 'INPUT_INVALID' | 'OUTPUT_INVALID'
  /** The same input never fits at a later try; a model's or a service's next answer may. */
  readonly retryable: boolean
  readonly details: { issues: Array<{ path: string; message: string }> }

  constructor(side: 'input' | 'output', worker: string, issues: readonly SchemaIssue[]) {
    const list = issues.slice(0, 100).map((issue) => ({ path: pathOf(issue), message: String(issue.message).slice(0, 300) }))
    const shown = list.slice(0, SHOWN).map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; ')
    super(`${side} of worker "${worker}" is not valid: ${shown}${list.length > SHOWN ? `; and ${list.length - SHOWN} more` : ''}`)
    this.name = 'SchemaError'
    this.code = side === 'input' ? 'INPUT_INVALID' : 'OUTPUT_INVALID'
    this.retryable = side === 'output'
    this.details = { issues: list }
  }
}

/** The schema's own value (with its defaults and conversions). Throws, or rejects with, SchemaError. */
export function checked(side: 'input' | 'output', worker: string, schema: StandardSchema, value: unknown): unknown {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) {
    return result.then((later) => {
      if (later.issues) throw new SchemaError(side, worker, later.issues)
      return later.value
    })
  }
  if (result.issues) throw new SchemaError(side, worker, result.issues)
  return result.value
}

/** `customer_data.items[0].name` */
function pathOf(issue: SchemaIssue): string {
  let path = ''
  for (const part of issue.path ?? []) {
    const key = typeof part === 'object' ? part.key : part
    path += typeof key === 'number' ? `[${key}]` : `${path === '' ? '' : '.'}${String(key)}`
  }
  return path.slice(0, 300)
}
