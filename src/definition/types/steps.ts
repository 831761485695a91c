/** The type of a step's result by its kind, of what is known of a step from outside, and of errors. A new kind is one function here. */
import type { Kind } from '../../model/definition.ts'
import { BOOLEAN, literal, mapOf, members, NEVER, NULL, nullable, NUMBER, STRING, union, UNKNOWN, type Field, type MapType, type Type } from './type.ts'

export interface WorkerTypes {
  /** What `with` must give, as data. */
  input: Type
  /** What the function returns, as data. */
  output: Type
}

export const ERROR: MapType = mapOf({ code: STRING, message: STRING, retryable: BOOLEAN, details: UNKNOWN, 'step?': STRING, 'attempt?': NUMBER })
export const RUN: MapType = mapOf({ id: STRING, workflow: STRING, started_at: STRING })
export const RUN_AT_END: MapType = mapOf({ id: STRING, workflow: STRING, started_at: STRING, state: STRING })
const HTTP: MapType = mapOf({ status: NUMBER, headers: UNKNOWN, body: UNKNOWN })
const APPROVAL: MapType = mapOf({ approved: BOOLEAN, by: nullable(STRING), comment: nullable(STRING), data: UNKNOWN })
const SHELL: MapType = mapOf({ exit_code: NUMBER, stdout: STRING, stderr: STRING, json: UNKNOWN })

/** What the types of a kind are made of. */
export interface KindSources {
  worker(name: string): WorkerTypes | undefined
  /** Of the step's own values, as they are written. */
  valuesOf(key: string): Type
  /** Of the last completed step of a branch, in the order of the file. */
  branches(): Array<{ name: string; output: Type }>
}

/** Of a step that has completed. */
export function outputOfKind(kind: Kind, sources: KindSources): Type {
  switch (kind.type) {
    case 'worker': {
      const types = sources.worker(kind.worker)
      return types ? wrapped(types.output) : UNKNOWN
    }
    case 'run': return SHELL
    case 'set': return sources.valuesOf('set')
    case 'sleep': return NULL
    case 'parallel': return { t: 'map', fields: Object.fromEntries(sources.branches().map(({ name, output }): [string, Field] => [name, { type: output }])) }
    case 'http': return HTTP
    case 'approve': return APPROVAL
    case 'workflow': case 'wait': case 'switch': case 'steps': return UNKNOWN
    case 'return': case 'fail': return NEVER
  }
}

/** Whether its output's keys become part of the context. */
export function merges(kind: Kind): boolean {
  return kind.type === 'worker' || kind.type === 'set' || kind.type === 'workflow' || kind.type === 'wait'
}

/** Non-objects become `{ result: v }`. */
function wrapped(output: Type): Type {
  if (output.t === 'unknown') return UNKNOWN
  return union(...members(output).map((one) => (one.t === 'map' ? one : mapOf({ result: one }))))
}

/** What may have become of a step when another one reads it. */
export interface Outcomes {
  skipped: boolean
  failed: boolean
  /** Anything: it may not even have begun. */
  open: boolean
}

export function stepType(output: Type, { skipped, failed, open }: Outcomes): Type {
  const one = (status: Type, result: Type, error: Type): Type => mapOf({ output: result, status, error, attempts: NUMBER })
  if (open) return union(one(literal('completed'), output, NULL), one(literal('failed'), NULL, ERROR), one(union(...OTHERS.map(literal)), nullable(output), nullable(ERROR)))
  return union(
    one(literal('completed'), output, NULL), ...(skipped ? [one(literal('skipped'), NULL, NULL)] : []), ...(failed ? [one(literal('failed'), NULL, ERROR)] : []),
  )
}

const OTHERS = ['skipped', 'cancelled', 'pending', 'queued', 'running', 'retrying', 'sleeping', 'waiting', 'in_doubt', 'compensating', 'compensated', 'compensation_failed']

