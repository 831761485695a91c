/**
 * JSON Schema of definition files, for editors: made of the readers that check them, so that both say the same. What needs more than
 * one place to be seen (ids, needs, names in expressions) is the checker's alone.
 */
import type { JsonObject } from '../model/json.ts'
import { inputSchema, payloadSchema } from './check-inputs.ts'
import { stepSchema } from './check-steps.ts'
import { WORKFLOW } from './check.ts'
import { shapeSchema } from './reader.ts'

export function workflowSchema(): JsonObject {
  const { properties, ...shape } = shapeSchema(WORKFLOW) as { properties: { [key: string]: JsonObject } }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'A workflow of mag', ...shape,
    properties: { ...properties, steps: { ...properties.steps, minItems: 1 } },
    $defs: { steps: { type: 'array', items: stepSchema() }, input: inputSchema(), schema: payloadSchema() },
  }
}
