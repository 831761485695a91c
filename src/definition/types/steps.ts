/** The type of a step's result by its kind, of what is known of a step from outside, and of errors. A new kind is one function here. */
import type { Kind } from '../../model/definition.ts'
import { typeOfSchema } from './schema-type.ts'
import { BOOLEAN, literal, mapOf, members, NEVER, NULL, nullable, NUMBER, STRING, union, UNKNOWN, type Field, type MapType, type Type } from './type.ts'

export interface WorkerTypes {
  /** What `with` must give, as data. */
  input: Type
  /** What the function returns, as data. */
  output: Type
}

export const ERROR: MapType = mapOf({ code: STRING, message: STRING, retryable: BOOLEAN, details: UNKNOWN, 'step?': STRING, 'attempt?': NUMBER })
export const RUN: MapType = mapOf({ id: STRING, workflow: STRING, started_at: STRING })
const STATES = ['failed', 'compensated', 'compensation_failed', 'cancelled', 'timed_out']
const ending = (...states: readonly string[]): MapType => mapOf({ id: STRING, workflow: STRING, started_at: STRING, state: union(...states.map(literal)) })
/** How the run will have ended. */
export const RUN_AT_END: Readonly<Record<'on_failure' | 'finally', MapType>> = { on_failure: ending(...STATES), finally: ending('completed', ...STATES) }
const HTTP: MapType = mapOf({ status: NUMBER, headers: mapOf({}, STRING), body: UNKNOWN })
const SHELL: MapType = mapOf({ exit_code: NUMBER, stdout: STRING, stderr: STRING, json: UNKNOWN })

/** What the types of a kind are made of. */
export interface KindSources {
  worker(name: string): WorkerTypes | undefined
  /** Of a workflow that is started as a child. */
  result(name: string): Type | undefined
  /** Of the step's own values, as they are written. */
  valuesOf(key: string): Type
  /** Of the last completed step of each list inside, in the order of the file. */
  branches(): Array<{ name: string; output: Type }>
}

/** Of a step, or of one element of it, that has completed. */
export function outputOfKind(kind: Kind, sources: KindSources): Type {
  switch (kind.type) {
    case 'worker': {
      const types = sources.worker(kind.worker)
      return types ? wrapped(types.output) : UNKNOWN
    }
    case 'workflow': return sources.result(kind.workflow) ?? UNKNOWN
    case 'run': return SHELL
    case 'http': return HTTP
    case 'set': return sources.valuesOf('set')
    case 'sleep': return NULL
    case 'wait': return kind.schema ? typeOfSchema(kind.schema) : UNKNOWN
    case 'approve': return approval(kind)
    case 'parallel': return { t: 'map', fields: Object.fromEntries(sources.branches().map(({ name, output }): [string, Field] => [name, { type: output }])) }
    // The case that is taken; none where there is no default.
    case 'switch': return union(...alternatives(sources.branches().map(({ output }) => output)), ...(kind.cases.some(({ when }) => !when) ? [] : [NULL]))
    // `while` may be false at once.
    case 'steps': return union(...sources.branches().map(({ output }) => output), ...(kind.loop?.while ? [NULL] : []))
    case 'return': case 'fail': return NEVER
  }
}

/** One of several: each lacks the members that only others have. */
function alternatives(outputs: readonly Type[]): Type[] {
  const names = outputs.map((output) => new Set(members(output).flatMap((one) => (one.t === 'map' ? Object.keys(one.fields) : []))))
  const all = new Set(names.flatMap((some) => [...some]))
  if (all.size > MAX_NAMES) return [...outputs]
  return outputs.map((output, i) => {
    const lacking = [...all].filter((name) => !names[i]?.has(name))
    const withGaps = (map: MapType): Type => ({ ...map, fields: { ...map.fields, ...Object.fromEntries(lacking.map((name): [string, Field] => [name, { type: NEVER, optional: true }])) } })
    return union(...members(output).map((one) => (one.t === 'map' && !one.rest ? withGaps(one) : one)))
  })
}

const MAX_NAMES = 200

/** A no fails the step, unless it says otherwise. */
function approval({ schema, ifRejected }: Extract<Kind, { type: 'approve' }>): Type {
  return mapOf({ approved: ifRejected === 'continue' ? BOOLEAN : literal(true), by: nullable(STRING), comment: nullable(STRING), data: schema ? nullable(typeOfSchema(schema)) : UNKNOWN })
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

