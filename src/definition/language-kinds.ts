/** Kinds that talk to the world or wait for it: http, workflow, wait, approve (LANGUAGE.md section 3). */
import type { Kind, Value } from '../model/definition.ts'
import { WORKFLOW_NAME } from '../model/id.ts'
import type { JsonObject } from '../model/json.ts'
import { refuse, wrongType, type Check } from './check-context.ts'
import { checkSchema } from './check-schema.ts'
import { key, map, oneOf, oneOrMany, shaped, shortOrLong, withSecrets, type Key, type Reader } from './reader.ts'
import { mapValue, name, textValue, value } from './reader-values.ts'
import { quote, toJson, type Entry } from './tree.ts'

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

const method: Reader<Value> = map(textValue, (found, check, entry) => {
  if (found.t !== 'lit' || METHODS.has(String(found.v))) return found
  const upper = String(found.v).toUpperCase()
  return refuse(check, 'MAG1015', entry.value, `${quote(String(found.v))} is not an HTTP method`, METHODS.has(upper) ? `Write ${upper}.` : `One of: ${[...METHODS].join(', ')}.`)
})

const url: Reader<Value> = map(withSecrets(textValue), (found, check, entry) => {
  if (found.t !== 'lit') return found
  const text = String(found.v)
  if (/^https?:\/\/[^\s/]+/.test(text) && URL.canParse(text)) return found
  return refuse(check, 'MAG1015', entry.value, `${quote(text)} is not an http or https address`, 'For example https://api.example.com/orders')
})

const STATUS = /^[1-5](\d\d|xx)$/

/** `200`, `2xx`. */
const status: Reader<string> = {
  read(check, { key: at, value: node }) {
    const found = node.kind === 'scalar' ? String(node.value) : ''
    return STATUS.test(found) ? found : refuse(check, 'MAG1015', node, `\`${at}\` must name statuses such as 200 or 2xx`)
  },
  schema: () => ({ anyOf: [{ type: 'integer', minimum: 100, maximum: 599 }, { type: 'string', pattern: STATUS.source }] }),
}

const httpForm = {
  what: '`http`',
  keys: {
    method: key('Default GET.', method),
    url: key('An http or https address.', url, true),
    headers: key('A map of texts.', withSecrets(mapValue)),
    body: key('Text is sent as it is, anything else as JSON.', withSecrets(value)),
    expect: key('Statuses that mean success. Default 2xx.', oneOrMany(status)),
  },
}

function request(parts: { [name: string]: Value | undefined }): Value {
  const entries = Object.entries(parts).filter((entry): entry is [string, Value] => entry[1] !== undefined)
  return { t: 'map', entries }
}

/** A JSON Schema that a payload must match. */
const schema: Reader<JsonObject> = {
  read(check: Check, { key: at, value: node }: Entry) {
    if (node.kind !== 'map') return wrongType(check, node, `\`${at}\``, 'a JSON Schema')
    checkSchema(check, node)
    return toJson(node) as JsonObject
  },
  schema: () => ({ $ref: '#/$defs/schema' }),
}

const waitForm = {
  what: '`wait`',
  keys: { signal: key('The signal\'s name.', textValue, true), schema: key('What its payload must match.', schema) },
}

export const ifRejected: Reader<'fail' | 'continue'> = oneOf<'fail' | 'continue'>('fail', 'continue')

const approveForm = {
  what: '`approve`',
  keys: {
    message: key('What the person is asked.', textValue, true), schema: key('What the data that comes with the answer must match.', schema),
    if_rejected: key('A no fails the step (REJECTED), or goes on. Default fail.', ifRejected),
  },
}

type Outside = 'http' | 'workflow' | 'wait' | 'approve'

export const OUTSIDE: { readonly [K in Outside]: Key<Kind> } = {
  http: key('One HTTP request.', shortOrLong(
    'an address or a map such as { method: POST, url: … }',
    map(url, (found): Kind => ({ type: 'http', request: request({ url: found }), expect: ['2xx'] })),
    shaped(httpForm, ({ expect, ...parts }): Kind => ({ type: 'http', request: request(parts), expect: expect ?? ['2xx'] })),
  )),
  workflow: key('A child run of that workflow.', map(name(WORKFLOW_NAME, 'the name of a workflow'), (workflow): Kind => ({ type: 'workflow', workflow }))),
  wait: key('Until a signal of that name reaches the run.', shortOrLong(
    'the name of a signal or a map such as { signal: paid }',
    map(textValue, (signal): Kind => ({ type: 'wait', signal })),
    shaped(waitForm, ({ signal, ...more }): Kind | undefined => (signal ? { type: 'wait', signal, ...(more.schema ? { schema: more.schema } : {}) } : undefined)),
  )),
  approve: key('Until a person says yes or no.', shortOrLong(
    'a message or a map such as { message: text }',
    map(textValue, (message): Kind => ({ type: 'approve', message, ifRejected: 'fail' })),
    shaped(approveForm, ({ message, if_rejected, ...more }): Kind | undefined =>
      (message ? { type: 'approve', message, ifRejected: if_rejected ?? 'fail', ...(more.schema ? { schema: more.schema } : {}) } : undefined)),
  )),
}
