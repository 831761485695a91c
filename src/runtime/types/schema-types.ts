/**
 * What the schemas of loaded workers say of themselves, where their library turns them into JSON Schema (https://standardschema.dev/json-schema):
 * for workers whose types TypeScript does not tell. Asks schemas, never runs a worker.
 */
import type { WorkerTypes } from '../../definition/types/steps.ts'
import { typeOfSchema } from '../../definition/types/schema-type.ts'
import { isUnknown, UNKNOWN, type Type } from '../../definition/types/type.ts'
import { isObject, type Json } from '../../model/json.ts'
import type { LoadedWorker } from '../loader/loaded.ts'

/** Of a worker by both: TypeScript knows more, where it knows anything. */
export function withSchemas(known: ReadonlyMap<string, WorkerTypes>, workers: readonly LoadedWorker[]): Map<string, WorkerTypes> {
  const types = new Map(known)
  for (const { name, definition } of workers) {
    const there = known.get(name) ?? { input: UNKNOWN, output: UNKNOWN }
    if (!definition.input && !definition.output) continue
    types.set(name, { input: better(there.input, definition.input, 'input'), output: better(there.output, definition.output, 'output') })
  }
  return types
}

function better(known: Type, schema: unknown, side: 'input' | 'output'): Type {
  const isOpen = known.t === 'map' && Object.keys(known.fields).length === 0 && known.rest !== undefined
  if (schema === undefined || (!isUnknown(known) && !isOpen)) return known
  const described = jsonSchemaOf(schema, side)
  return described === undefined ? known : typeOfSchema(described)
}

function jsonSchemaOf(schema: unknown, side: 'input' | 'output'): Json | undefined {
  try {
    const standard = isObject(schema) || typeof schema === 'function' ? (schema as { '~standard'?: unknown })['~standard'] : undefined
    const converter = isObject(standard) && isObject(standard['jsonSchema']) ? standard['jsonSchema'][side] : undefined
    if (typeof converter !== 'function') return undefined
    // As JSON, so that nothing of the library's objects comes along.
    return JSON.parse(JSON.stringify((converter as (options: object) => unknown)({ target: 'draft-2020-12' }))) as Json
  } catch {
    // A schema that JSON Schema has no words for.
    return undefined
  }
}
