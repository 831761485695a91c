/** `inputs:`: each a JSON Schema (2020-12) with `optional` and `default`. */
import type { InputSpec } from '../model/definition.ts'
import type { Json, JsonObject } from '../model/json.ts'
import { wrongType, type Check } from './check-context.ts'
import { checkSchema, KEYWORD_NAMES, TYPES } from './check-schema.ts'
import { schemaProblems } from './json-schema.ts'
import { ID, isWord } from './language-step.ts'
import { nameHelp, type Reader } from './reader.ts'
import { booleanHelp } from './reader-values.ts'
import { describe, quote, stringOf, toJson, type Entry, type MapNode } from './tree.ts'

export const inputs: Reader<Record<string, InputSpec>> = {
  read(check, entry) {
    const { value: node } = entry
    if (node.kind !== 'map') return wrongType(check, node, '`inputs`', 'a map of names, each with a JSON Schema')
    const found: Record<string, InputSpec> = {}
    for (const input of node.entries) {
      if (!ID.test(input.key)) check.report.error('MAG1030', input.keySpan, `${quote(input.key)} is not usable as the name of an input`, nameHelp(ID))
      else isWord(check, input.keySpan, input.key, 'the name of an input')
      const spec = readInput(check, input)
      if (spec) found[input.key] = spec
    }
    return found
  },
  schema: () => ({
    type: 'object', propertyNames: { pattern: ID.source },
    additionalProperties: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/input' }] },
  }),
}

/** What stands at an input's name: for the editors' schema. */
export function inputSchema(): JsonObject {
  const properties: { [key: string]: JsonObject } = {
    optional: { type: 'boolean', description: 'May be left out; then it is missing.' },
    type: { anyOf: [{ enum: TYPES }, { type: 'array', items: { enum: TYPES }, minItems: 1 }] },
  }
  for (const keyword of KEYWORD_NAMES) if (!Object.hasOwn(properties, keyword)) properties[keyword] = {}
  return { type: 'object', properties, additionalProperties: false }
}

/** A schema of a payload: for the editors' schema. */
export function payloadSchema(): JsonObject {
  const { optional: _, ...properties } = inputSchema().properties as JsonObject
  return { type: 'object', properties, additionalProperties: false }
}

function readInput(check: Check, { key, value: node }: Entry): InputSpec | undefined {
  if (node.kind === 'scalar' && node.value === null) return { schema: {}, optional: false }
  if (node.kind !== 'map') {
    const type = stringOf(node)
    const help = type !== undefined && TYPES.includes(type) ? `Write ${key}: { type: ${type} }` : `For example ${key}: { type: string }`
    check.report.error('MAG1045', node.span, `Input ${quote(key)} must be a JSON Schema, not ${describe(node)}`, help)
    return undefined
  }
  const before = check.report.problems.length
  const optional = node.entries.find((entry) => entry.key === 'optional')
  if (optional && !(optional.value.kind === 'scalar' && typeof optional.value.value === 'boolean')) wrongType(check, optional.value, '`optional`', 'true or false', booleanHelp(stringOf(optional.value)))
  const rest: MapNode = { ...node, entries: node.entries.filter((entry) => entry.key !== 'optional') }
  checkSchema(check, rest)
  const { default: byDefault, ...schema } = toJson(rest) as { [key: string]: Json }
  const spec: InputSpec = {
    schema, optional: optional?.value.kind === 'scalar' && optional.value.value === true, ...(byDefault === undefined ? {} : { default: byDefault }),
  }
  if (check.report.problems.length === before && !check.report.isFull()) checkDefault(check, spec, node)
  return spec
}

function checkDefault(check: Check, spec: InputSpec, node: MapNode): void {
  const [problem] = spec.default === undefined ? [] : schemaProblems(spec.schema, spec.default)
  const at = node.entries.find((entry) => entry.key === 'default')
  if (!problem || !at) return
  const help = spec.schema.type === 'boolean' ? booleanHelp(stringOf(at.value)) : undefined
  check.report.error('MAG1048', at.value.span, `The default does not match the schema: ${problem.path ? `${problem.path} ` : ''}${problem.message}`, help)
}
