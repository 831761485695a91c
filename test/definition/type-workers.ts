/** The workers of the typed corpus, as JSON Schemas: what `mag validate` learns of workers from TypeScript (runtime/worker-types.test.ts) is the same types. */
import type { TypeSources } from '../../src/definition/types/model.ts'
import type { WorkerTypes } from '../../src/definition/types/steps.ts'
import { typeOfSchema } from '../../src/definition/types/schema-type.ts'
import type { MapType } from '../../src/definition/types/type.ts'
import type { Json } from '../../src/model/json.ts'

/** A map of exactly these members; those whose names end in `?` may be missing. */
function map(members: { [name: string]: Json }): Json {
  const named = Object.entries(members).map(([name, schema]) => ({ name: name.replace(/\?$/, ''), schema, required: !name.endsWith('?') }))
  return {
    type: 'object', additionalProperties: false, properties: Object.fromEntries(named.map(({ name, schema }) => [name, schema])),
    required: named.filter(({ required }) => required).map(({ name }) => name),
  }
}

const text = { type: 'string' }
const number = { type: 'number' }
const flag = { type: 'boolean' }
const items = { type: 'array', items: map({ sku: text, qty: number }) }

const WORKERS: Readonly<Record<string, { input?: Json; output?: Json }>> = {
  charge: {
    input: map({ amount: number, card: text, 'note?': text }),
    output: { oneOf: [map({ payment_status: { const: 'paid' }, payment_id: text }), map({ payment_status: { const: 'declined' }, reason: text })] },
  },
  mail: { input: map({ to: text, subject: { enum: ['welcome', 'farewell'] } }), output: map({ sent: flag, opened_at: { type: ['string', 'null'] }, 'bounce?': text }) },
  find: { input: map({ 'query?': text }), output: map({ found: { oneOf: [{ type: 'null' }, map({ name: text })] } }) },
  list: { output: items },
  pack: { input: map({ items, 'box?': map({ width: number }) }), output: map({ weight: number }) },
  undo: { input: map({ context: map({ amount: number }), 'output?': true, 'error?': true, 'outcome?': text }), output: true },
  left: { output: map({ total: number, left: text }) },
  echo_token: { input: map({ token: text, 'other?': text }), output: map({ token: text, ok: flag }) },
  right: { output: map({ total: number, right: text }) },
}

const INVOICE = {
  inputs: typeOfSchema(map({ amount: number, to: text, 'note?': text })) as MapType, result: typeOfSchema(map({ number, url: text })),
}

export const typed: TypeSources = {
  workflow: (name) => (name === 'invoice' ? INVOICE : undefined),
  worker(name): WorkerTypes | undefined {
    const found = Object.hasOwn(WORKERS, name) ? WORKERS[name] : undefined
    return found && { input: typeOfSchema(found.input ?? true), output: typeOfSchema(found.output ?? true) }
  },
}
